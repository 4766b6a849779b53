"""The campaign in pieces: what is finished is skipped, what was stopped goes on, and every command of it is one."""

import argparse
import importlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import gpu_campaign
from benchmarks.gpu_campaign import Entry, campaign, code_of, execute, line, standings, stop, to_do, work
from xraybench.cli import cli

MNIST = Path(__file__).parents[1] / "../shared/data/mnist"
RUNS = [entry for entry in campaign(Path("out"), "cuda", str(MNIST)) if entry.resumes]
BENCHMARKS = [entry for entry in campaign(Path("out"), "cuda", None) if entry.command[2].startswith("benchmarks")]
WAITS = "import time; time.sleep(60)"
GOES_ON = """
import pathlib, sys, time
kept = pathlib.Path(sys.argv[1])
if kept.exists():
    sys.exit(print('{"done": true}'))
kept.touch()
time.sleep(60)
"""


def python(name, program, *words, resumes=False):
    return Entry(name, (sys.executable, "-c", program, *words, "--json"), resumes)


def statuses(found):
    return {name: one.status for name, one in found.items()}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(gpu_campaign, "GRACE", 2.0)


def test_it_goes_on_until_nothing_is_left(tmp_path):
    out, said = tmp_path / "out", []
    entries = [
        python("first", "print('[1]')"),
        python("fails", "import sys; print('half'); sys.exit('no such thing')"),
        python("goes-on", GOES_ON, str(tmp_path / "kept"), resumes=True),
        python("last", "print('[2]')"),
        Entry("absent", ("no-such-command",), lacks="there is no GPU"),
    ]
    found = work(entries, out, 2 * gpu_campaign.GRACE + 3, said.append)
    assert statuses(found) == {
        "first": "finished", "fails": "failed", "goes-on": "stopped", "last": "left", "absent": "left out"
    }  # fmt: skip
    assert code_of(found) == 130
    assert json.loads((out / "first.json").read_text()) == [1]
    assert "no such thing" in (out / "fails.log").read_text()
    assert not (out / "fails.json").exists()
    assert standings(entries, out) == found, "so the next call finds it"
    assert [entry.name for entry in to_do(entries, found)] == ["goes-on", "last", "fails"]

    before = (out / "first.json").stat().st_mtime_ns
    again = work(entries, out, 60, said.append)
    assert statuses(again) == statuses(found) | {"goes-on": "finished", "last": "finished"}
    assert code_of(again) == 3
    assert (out / "first.json").stat().st_mtime_ns == before, "what is finished is not done again"
    assert json.loads((out / "goes-on.json").read_text()) == {"done": True}
    assert again["goes-on"].seconds >= found["goes-on"].seconds > 0
    assert line(again["absent"]) == "absent: left out: there is no GPU"
    assert line(found["goes-on"]) in said


def test_what_does_not_go_on_is_tried_with_a_whole_call_once(tmp_path):
    entries = [python("first", "print(1)"), python("long", WAITS), python("last", "print(2)")]
    seconds = 2 * gpu_campaign.GRACE + 2
    assert work(entries, tmp_path, seconds, lambda _: None)["long"].status == "stopped"
    found = work(entries, tmp_path, seconds, lambda _: None)
    assert (found["long"].status, found["long"].reason) == ("failed", "takes more minutes than a call has")
    assert [entry.name for entry in to_do(entries, found)] == ["last", "long"]


def test_a_call_ends_in_time_though_its_command_will_not(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_campaign, "GRACE", 0.5)
    deaf = "import signal; signal.signal(2, signal.SIG_IGN); signal.signal(15, signal.SIG_IGN); " + WAITS
    began = time.monotonic()
    code, stopped = execute(python("deaf", deaf), tmp_path, 1.0)
    assert time.monotonic() - began < 10
    assert (code, stopped) == (-signal.SIGKILL, True)


def test_stopping_asks_first():
    polite = (
        "import sys, time\ntry:\n    print(flush=True); time.sleep(60)\nexcept KeyboardInterrupt:\n    sys.exit(130)"
    )
    process = subprocess.Popen([sys.executable, "-c", polite], stdout=subprocess.PIPE)
    process.stdout.readline()
    assert stop(process) == 130


@pytest.mark.parametrize("entry", RUNS, ids=lambda entry: entry.name)
def test_every_run_of_it_plans(entry, tmp_path, capsys):
    if "mnist" in entry.name and not MNIST.is_dir():
        pytest.skip(f"no {MNIST}")
    words = [word if word != "out/runs" else str(tmp_path) for word in entry.command[3:]]
    assert cli.main([*words, "--dry-run"], standalone_mode=False) == 0
    prices = json.loads(capsys.readouterr().out)
    assert prices["pending"] == len(prices["cells"]) > 0
    assert prices["run"].split("-")[0] == entry.name.split("-")[0]


@pytest.mark.parametrize("entry", BENCHMARKS, ids=lambda entry: entry.name)
def test_every_benchmark_of_it_takes_its_options(entry, monkeypatch):
    read, asked = argparse.ArgumentParser.parse_args, []

    def parse(parser):
        asked.append(read(parser))
        raise KeyboardInterrupt

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(sys, "argv", list(entry.command[2:]))
    name = entry.command[2]
    with pytest.raises(KeyboardInterrupt):
        importlib.import_module("benchmarks.scoring.__main__" if name == "benchmarks.scoring" else name).main()
    assert asked[0].json
    assert asked[0].device == "cuda"


def test_without_a_gpu_and_mnist_it_says_what_is_left_out(tmp_path):
    out = standings(campaign(tmp_path, "cpu", None), tmp_path)
    assert {name for name, one in out.items() if one.status == "left out"} == {"gpu-tests", "mnist-fast", "mnist-all"}
    assert {
        name for name, one in standings(campaign(tmp_path, "cuda", "here"), tmp_path).items() if one.reason
    } == set()


@pytest.mark.slow
def test_a_run_that_is_stopped_goes_on(tmp_path):
    words = ["--task", "mnist", "--model", "small-cnn", "--explainer", "gradient", "--metric", "sparseness"]
    command = [sys.executable, "-m", "xraybench", "run", *words, "--device", "cpu", "--workers", "1", "--limit", "2"]
    entry = Entry("digits", (*command, "--out", str(tmp_path / "runs"), "--json"), resumes=True)
    first = work([entry], tmp_path, 2 * gpu_campaign.GRACE + 12, lambda _: None)["digits"]
    assert (first.status, first.code) == ("stopped", 130)
    assert "give the same command again" in (tmp_path / "digits.log").read_text()
    assert work([entry], tmp_path, 500, lambda _: None)["digits"].status == "finished"
    assert json.loads((tmp_path / "digits.json").read_text())["rows"]
