"""The command line: light to start, clear when something is wrong."""

import json
import subprocess
import sys

import pytest

from tests.here import here

HEAVY = ("torch", "pandas", "pyarrow", "sklearn", "matplotlib", "captum", "zennit", "quantus", "scipy")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("run", "--help"),
        ("list", "explainers"),
        ("list", "metrics", "--json"),
        ("list", "tasks"),
        ("list", "sources"),
    ],
    ids=" ".join,
)
def test_help_and_lists_import_nothing_heavy(arguments):
    code = (
        "import sys\nfrom xraybench.cli import cli\ncli.main(sys.argv[1:], standalone_mode=False)\n"
        f"heavy = set({HEAVY!r}) & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("explainers", {"name", "family", "signed", "cost", "origin"}),
        ("references", {"name", "role"}),
        ("metrics", {"name", "family", "higher_is_better"}),
        ("models", {"name"}),
        ("sources", {"name", "origin"}),
        ("tasks", {"name"}),
    ],
)
def test_lists_have_the_keys_that_other_programs_rely_on(kind, keys):
    rows = json.loads(here("list", kind, "--json").stdout)
    assert rows
    assert all(keys <= set(row) for row in rows)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("run", "--task", "mnist", "--device", "cudaa"), 2, "no device is called 'cudaa'"),
        (("run", "--task", "wirst"), 2, "did you mean 'wrist'"),
        (("run", "--task", "wrist", "--explainer", "grad-camm"), 2, "did you mean 'grad-cam'"),
        (("run", "--task", "wrist", "--explainer", "rise(mask=3)"), 2, "did you mean 'masks'"),
        (("run", "--task", "wrist", "--metric", "srgg"), 2, "did you mean 'srg'"),
        (("run", "--task", "wrist", "--model", "small"), 2, "small-cnn"),
        (("run", "--task", "wrist", "--seeds", "one"), 2, "--seeds"),
        (("run", "--task", "wrist", "--source", "digits"), 2, "phantom-wrist"),
        (("run", "--task", "mnist", "--data", "nowhere"), 5, "nowhere: no such folder"),
        (("run", "--tsk", "wrist"), 2, "--task"),
        (("rnu",), 2, "run"),
        (("leaderboard", "show", "--task", "wrist", "--runs", "nowhere"), 5, "nowhere"),
        (("explain", "x.png", "--run", "nowhere"), 5, "is not a run folder"),
        (("data", "label-reports", "--csv", "no.csv", "--label-column", "y", "--out", "o.csv"), 5, "no.csv: cannot be"),
        (("check-plugin", "nobody"), 2, "nobody"),
        (("leaderboard", "check", "nowhere"), 5, "nowhere"),
    ],
)
def test_mistakes_get_a_clear_error_and_their_exit_code(arguments, code, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = here(*arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("run",), ("train",), ("compare", "--models", "small-cnn,mlp-400-tanh")])
def test_a_gpu_that_is_not_there_is_told_before_anything_is_done(command, tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    done = here(*command, "--task", "mnist", "--device", "cuda", "--out", str(tmp_path / "runs"))
    assert done.returncode == 2
    assert "--device cuda: torch finds no GPU" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_doctor_and_status_answer(tmp_path):
    assert json.loads(here("doctor", "--json").stdout)["torch"]
    done = here("status", "--out", str(tmp_path))
    assert done.returncode == 0
    assert "no run under" in done.stderr


def test_phantoms_are_written(tmp_path):
    out = tmp_path / "phantoms"
    done = here("data", "phantom", "--family", "wrist", "--n", "3", "--size", "64", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert len(list(out.glob("images_part1/*.png"))) == 3
    again = here("data", "phantom", "--family", "wrist", "--n", "3", "--size", "64", "--out", str(tmp_path))
    assert again.returncode == 5
