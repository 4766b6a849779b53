"""`xraybench train`: models by themselves; a run takes them as they are, and damaged weights are told."""

import json
import os
import re
import sys

import pytest

from tests.here import here
from tests.run.conftest import run_folder, run_here, xraybench
from xraybench.recipe.checkpoint import Checkpoints
from xraybench.results import ModelRecord, read_record
from xraybench.runner import open_source
from xraybench.tasks import load_task

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "xraybench"]


def trained_model(out):
    (path,) = run_folder(out).glob("models/*/model.json")
    return path.parent


@pytest.fixture(scope="module")
def alone(task_file, tmp_path_factory):
    """A folder in which the tiny task's model was trained, and what the command printed."""
    out = tmp_path_factory.mktemp("alone")
    done = here("train", "--task", str(task_file), "--out", str(out), "--device", "cpu", "--workers", "0", "--json")
    assert done.returncode == 0, done.stderr
    return out, done


def test_it_trains_and_prints_the_models(alone, finished):
    out, done = alone
    (entry,) = json.loads(done.stdout)["entries"]
    assert (entry["model"], len(entry["trained"])) == ("small-cnn", 1)
    assert "trained small-cnn (seed 0)" in done.stderr
    assert not list(out.glob("*/cells/*/cell.json"))
    same = [read_record(trained_model(folder) / "model.json", ModelRecord) for folder in (out, finished)]
    assert same[0].weights_digest == same[1].weights_digest, "as a run trains it"
    assert not (trained_model(out) / "checkpoint").exists()


def test_it_makes_the_page_of_the_models(alone):
    out, done = alone
    page = run_folder(out) / "board" / "models.html"
    assert f"page: {page}" in done.stderr
    assert "small-cnn" in page.read_text(encoding="utf-8")
    (entry,) = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["entries"]
    assert entry["model"] == "small-cnn"
    for linked in re.findall(r'href="([\w./-]+\.(?:html|json))"', page.read_text(encoding="utf-8")):
        assert (page.parent / linked).exists(), linked


def test_a_run_goes_on_from_there(alone, task_file):
    out, _ = alone
    done = run_here(task_file, out, "--explainer", "gradient", "--metric", "relevance-mass", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "trained" not in done.stderr
    assert len(list(out.glob("*/run.json"))) == 1


def test_weights_that_are_not_those_on_record_are_told(task_file, finished, copy):
    weights = trained_model(copy) / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\1\1")
    done = run_here(task_file, copy, "--explainer", "gradient-x-input", "--metric", "relevance-mass", "--device", "cpu")
    assert done.returncode == 3
    assert f"{weights}: damaged" in done.stderr
    assert "trained again" in done.stderr


class Quiet:
    def progress(self, what, done, total):
        pass

    def say(self, line):
        pass


def test_a_model_whose_training_was_interrupted_ends_the_same(task_file, finished, tmp_path, monkeypatch):
    """Both in this process, where every step is followed by a checkpoint, and the third is the last thing it does."""
    from xraybench.cells.place import Place
    from xraybench.cells.train import train_model
    from xraybench.planning import Request, make_plan
    from xraybench.preparation import prepare_data

    task = load_task(str(task_file))
    request = Request(explainers=("gradient",))
    plan = make_plan(task, open_source(task, request), request)
    (read, *_) = prepare_data(plan, tmp_path, 1, Quiet())
    place = Place(tmp_path / plan.name, read.prepared.folder, task, plan.n_explained, "cpu", "")
    written = []

    def write_and_die(self, state, write=Checkpoints.write):
        write(self, state)
        written.append(state["step"])
        if len(written) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("xraybench.recipe.checkpoint.EVERY", 0.0)
    monkeypatch.setattr(Checkpoints, "due", True)
    monkeypatch.setattr(Checkpoints, "write", write_and_die)
    with pytest.raises(KeyboardInterrupt):
        train_model(place, plan.models[0], lambda *_: None)
    record = train_model(place, plan.models[0], lambda *_: None)
    assert written == [1, 2], "two steps in all; the first was not taken again"
    whole = read_record(trained_model(finished) / "model.json", ModelRecord)
    assert record.weights_digest == whole.weights_digest
    assert [entry["validation_auc"] for entry in record.history] == [entry["validation_auc"] for entry in whole.history]


def test_under_torchrun_only_training_runs(task_file, tmp_path):
    alone = {**os.environ, "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}
    done = xraybench("run", "--task", str(task_file), "--out", str(tmp_path), env=alone)
    assert done.returncode == 2
    assert "xraybench train" in done.stderr


@pytest.mark.slow
def test_torchrun_trains_one_model_with_two_processes(task_file, tmp_path):
    import subprocess

    line = [*TORCHRUN, "train", "--task", str(task_file), "--out", str(tmp_path), "--device", "cpu", "--json"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads(done.stdout)["entries"]
    assert (entry["model"], len(entry["trained"])) == ("small-cnn", 1)
    read_record(trained_model(tmp_path) / "model.json", ModelRecord)
