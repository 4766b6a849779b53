"""Pairs of models that a task names: compared at the end of a run, priced, resumed, and counted where they fail."""

import json

import pytest

from tests.run.conftest import TASK, run_folder, run_here
from xraybench.cells import compare
from xraybench.cells.place import Place
from xraybench.errors import TaskFileError
from xraybench.planning import Request, make_plan
from xraybench.results import ComparisonRecord, read_record
from xraybench.runner import open_source
from xraybench.standing import pending_pairs, standing_of_pair
from xraybench.tasks import read_task

OTHER = TASK[TASK.index("[[models]]") :].replace('name = "small-cnn"', 'name = "other"', 1)
PAIR = """
[[similarity]]
models = ["small-cnn", "other"]
images = 12
grid = 2
"""


def written(folder, text):
    path = folder / "pairs.toml"
    path.write_text(text)
    return path


def plan_of(path, **asked):
    task, request = read_task(path), Request(explainers=("gradient",), metrics=("srg",), **asked)
    return make_plan(task, open_source(task, request), request)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run of two models that are a pair: its task file, and its output folder."""
    out = tmp_path_factory.mktemp("pairs")
    path = written(out, TASK + OTHER + PAIR)
    ended = run_of(path, out)
    assert ended.returncode == 0, ended.stderr
    assert "1 pairs of models compared" in ended.stderr
    return path, out


def run_of(path, out, *more):
    return run_here(path, out, "--explainer", "gradient", "--metric", "srg", "--device", "cpu", *more)


def place_of(path, out, plan):
    return Place(run_folder(out), out / "data" / plan.data_digest, read_task(path), 6, "cpu", "")


def test_a_pair_is_planned_once_a_seed_where_both_models_are_chosen(tmp_path):
    path = written(tmp_path, TASK + OTHER + PAIR)
    pairs = plan_of(path, seeds=(0, 3)).pairs
    assert [(pair.first.label, pair.second.label) for pair in pairs] == [
        ("small-cnn (seed 0)", "other (seed 0)"),
        ("small-cnn (seed 3)", "other (seed 3)"),
    ]
    assert plan_of(path, models=("other",)).pairs == ()
    assert plan_of(path).comparability_key == plan_of(written(tmp_path, TASK + OTHER)).comparability_key


@pytest.mark.parametrize("named", ['["small-cnn", "small-cnn"]', '["small-cnn", "elsewhere"]'])
def test_a_pair_is_of_two_models_that_a_preset_trains_both(tmp_path, named):
    elsewhere = OTHER.replace("other", "elsewhere").replace('presets = ["quick"]', "presets = []")
    text = TASK + OTHER + elsewhere + f"[[similarity]]\nmodels = {named}\n"
    with pytest.raises(TaskFileError, match="are no pair"):
        read_task(written(tmp_path, text))


def test_the_run_compares_them_and_shows_it(done):
    path, out = done
    (pair,) = plan_of(path).pairs
    record = read_record(run_folder(out) / "comparisons" / pair.id / "comparison.json", ComparisonRecord)
    assert (record.status, record.images, record.grid) == ("ok", 12, 2)
    assert record.samples[0][0] == 12 * 2 * 2
    assert record.samples[-1][-1] == 12
    assert len(record.samples) == len(record.first_channels) == len(record.first_layers)
    assert (record.first, record.second) == ("small-cnn (seed 0)", "other (seed 0)")
    assert 'class="layers"' in (run_folder(out) / "board" / "index.html").read_text()


def test_it_is_priced_and_not_done_twice(done):
    path, out = done
    asked = run_of(path, out, "--dry-run", "--json")
    (priced,) = json.loads(asked.stdout)["comparisons"]
    assert (priced["status"], priced["image_forwards"]) == ("done", 24)
    again = run_of(path, out)
    assert "0 cells computed" in again.stderr
    assert "compared" not in again.stderr


def test_what_fails_is_on_record_and_tried_again(done, monkeypatch):
    path_of_task, out = done
    plan = plan_of(path_of_task)
    (pair,), folder = plan.pairs, run_folder(out)

    def broken(*arguments):
        raise ValueError("nothing compares")

    path = folder / "comparisons" / pair.id / "comparison.json"
    kept = path.read_bytes()
    path.unlink()
    assert standing_of_pair(folder, pair) == "missing"
    place, silent = place_of(path_of_task, out, plan), lambda what, done, total: None
    monkeypatch.setattr(compare, "compare", broken)
    record = compare.compare_models(place, pair, silent)
    assert (record.status, record.reason) == ("failed", "ValueError('nothing compares')")
    assert [len(pending_pairs(folder, plan, rerun)) for rerun in ("missing", "failed", "all")] == [0, 1, 1]
    monkeypatch.undo()
    again = compare.compare_models(place, pair, silent)
    assert again.similarities == ComparisonRecord.model_validate_json(kept).similarities
    assert pending_pairs(folder, plan) == []
