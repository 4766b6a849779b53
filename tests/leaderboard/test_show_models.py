"""The board of models on a terminal."""

from __future__ import annotations

import io
import json

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.leaderboard.model_runs import write_models
from xraybench.cli.leaderboard import leaderboard
from xraybench.errors import UsageError
from xraybench.leaderboard.models import build_models
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.show_models import show_models


def shown(folder, width=120):
    stream = io.StringIO()
    show_models(build_models(load_run(folder)), Console(file=stream, width=width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("task", ["wrist", "chexpert"])
def test_nothing_is_cut_off(tmp_path, task, width):
    text = shown(write_models(tmp_path / "run", task), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_every_entry_its_recipe_and_its_papers_scores(tmp_path):
    text = shown(write_models(tmp_path / "run", models=("radinet-wrist",)))
    plain = " ".join(text.split())
    for said in (
        "The data differ: the paper scored on the wrists of a hospital",
        "wristnet radinet169, not trained in this run",
        "radinet-wrist radinet169, 12,484,353 weights",
        "From ImageNet weights.",
        "trained on mura (phantom-mura): 9 epochs in 8.3 min; epoch 6 is kept (validation loss 0.40, validation AUC",
        "study, mean probability",
        "on its own data",
        "Entries of other presets: small-cnn, densenet-tiny",
    ):
        assert said in plain, said


def test_labels_and_what_is_hidden(tmp_path):
    lines = shown(write_models(tmp_path / "run", "chexpert"), 200).splitlines()
    row = next(line.split() for line in lines if line.strip().startswith("Fracture"))
    assert row[:4] == ["Fracture", "3", "hidden", "0.00"]
    assert "no areas under curves of Fracture: 3 positives, fewer than 5" in lines


def test_the_command_shows_and_gives_json(tmp_path):
    folder = write_models(tmp_path / "run", models=("wristnet",))
    by_folder = CliRunner().invoke(leaderboard, ["show", str(folder), "--models"])
    by_task = CliRunner().invoke(leaderboard, ["show", "--task", "wrist", "--runs", str(tmp_path), "--models"])
    assert by_folder.exit_code == 0, by_folder.output
    assert by_folder.output == by_task.output
    found = json.loads(CliRunner().invoke(leaderboard, ["show", str(folder), "--models", "--json"]).output)
    assert found == json.loads(build_models(load_run(folder)).model_dump_json())
    assert found["entries"][0]["trained"][0]["curves"][0]["kept"] == 20


@pytest.mark.parametrize("arguments", [["show"], ["show", "somewhere", "--task", "wrist"]])
def test_which_run_must_be_said_once(arguments):
    assert isinstance(CliRunner().invoke(leaderboard, arguments).exception, UsageError)
