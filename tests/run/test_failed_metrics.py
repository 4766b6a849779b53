"""A metric that fails on a cell takes nothing else with it: it alone is counted, shown with its error, tried again."""

import json
import shutil

import pytest

from tests.here import here
from tests.run.conftest import METRICS, run_folder, run_here, scores_of
from xraybench import registry
from xraybench.cells.compute import compute_cell
from xraybench.cells.place import Place
from xraybench.metrics.sparseness import Sparseness
from xraybench.planning import Request, make_plan
from xraybench.results import CellRecord, iterate_records
from xraybench.runner import open_source
from xraybench.standing import pending
from xraybench.tasks import read_task

METHODS, ERROR = {"gradient", "grad-cam"}, "ValueError('no such map')"
PLUGIN = """
from pathlib import Path
from xraybench.spec import metric

@metric(family="complexity", higher_is_better=None, range=(0, float("inf")), reference="sheer size")
def size(evidence):
    if evidence.explain is not None and not Path(__file__).with_name("mended").exists():
        raise ValueError("no such map")
    return evidence.maps.abs().mean((1, 2))
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """The folder of an installed plug-in, whose metric `size` fails on methods while no file `mended` lies there."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "fragile.py").write_text(PLUGIN)
    info = folder / "fragile-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fragile\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[xraybench.metrics]\nsize = fragile:size\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        registry.plugins.cache_clear()
        yield folder
    registry.plugins.cache_clear()


@pytest.fixture(scope="module")
def spoilt(plugin, finished, task_file, tmp_path_factory):
    """The finished run's folder, asked for `size` too; and how that ended."""
    out = tmp_path_factory.mktemp("spoilt") / "out"
    shutil.copytree(finished, out)
    return out, run(task_file, out, METRICS + ",size")


@pytest.fixture
def again(spoilt, tmp_path):
    """A copy of it, to go on with."""
    shutil.copytree(spoilt[0], tmp_path / "out")
    return tmp_path / "out"


def run(task_file, out, metrics, *more):
    return run_here(task_file, out, "--explainer", "gradient,grad-cam", "--metric", metrics, "--device", "cpu", *more)


def failed_cells(out):
    found = iterate_records(run_folder(out) / "cells", "cell.json", CellRecord)
    return {record.explainer: (folder, record) for folder, record in found if record.failures()}


def plan_of(task_file, *metrics):
    task = read_task(task_file)
    request = Request(explainers=("gradient", "grad-cam"), metrics=(*METRICS.split(","), *metrics))
    return make_plan(task, open_source(task, request), request)


def written(folder, *patterns):
    return {path: path.stat().st_mtime_ns for pattern in patterns for path in folder.glob(pattern)}


def test_the_other_scores_stay_and_the_command_says_what_failed(spoilt, finished):
    out, done = spoilt
    assert done.returncode == 3, done.stderr
    assert {name: values for name, values in scores_of(out).items() if "size" not in name} == scores_of(finished)
    assert set(failed_cells(out)) == METHODS
    for folder, record in failed_cells(out).values():
        assert record.status == "ok"
        statuses = {label: info.status for label, info in record.scores.items()}
        assert statuses == {**dict.fromkeys(METRICS.split(","), "ok"), "size": "failed"}
        assert record.scores["size"].reason == ERROR
        assert "fragile.py" in (folder / "log.txt").read_text()
    for name in METHODS:
        assert f"failed: small-cnn (seed 0) {name}: size: {ERROR}" in done.stderr


def test_status_board_and_page_give_the_error(spoilt):
    out, done = spoilt
    (row,) = json.loads(here("status", "--out", str(out), "--json").stdout)
    assert (row["failed"], row["skipped"]) == (2, 0)
    assert set(row["failures"]) == {f"small-cnn {name}: size: {ERROR}" for name in METHODS}
    assert f"failed: gradient on small-cnn, seed 0, size: {ERROR}" in done.stdout
    assert "no such map" in (run_folder(out) / "board" / "index.html").read_text()
    board = json.loads(here("leaderboard", "show", "--task", "tiny", "--runs", str(out), "--json").stdout)
    absent = {(one["explainer"], one["metric"], one["reason"]) for one in board["failed"]}
    assert absent == {(name, "size", ERROR) for name in METHODS}
    assert {row["explainer"] for row in board["rows"] if "srg" in row["scores"]} > METHODS


def test_it_alone_is_tried_again(again, plugin, task_file):
    folder = run_folder(again)
    kept, scores = written(folder, "cells/*/maps.npy"), scores_of(again)
    assert run(task_file, again, METRICS + ",size", "--rerun", "missing").returncode == 0
    assert set(failed_cells(again)) == METHODS
    priced = json.loads(run(task_file, again, METRICS + ",size", "--dry-run", "--json").stdout)["cells"]
    assert {cell["explainer"] for cell in priced if cell["status"] == "failed"} == METHODS
    (plugin / "mended").touch()
    done = run(task_file, again, METRICS + ",size")
    (plugin / "mended").unlink()
    assert (done.returncode, failed_cells(again)) == (0, {})
    assert "2 cells computed" in done.stderr
    assert written(folder, "cells/*/log.txt") == {}
    assert written(folder, "cells/*/maps.npy") == kept
    assert scores.items() <= scores_of(again).items()
    assert sum(name.endswith(" size") for name in scores_of(again)) == len(kept)


def test_a_command_answers_for_the_metrics_it_asks_for_and_no_others(again, task_file):
    assert run(task_file, again, "complexity").returncode == 0
    assert set(failed_cells(again)) == METHODS, "still on record"


def test_a_full_disk_is_not_the_metrics_fault(copy, task_file, monkeypatch):
    def full(self, evidence):
        raise OSError("no space left on device")

    monkeypatch.setattr(Sparseness, "__call__", full)
    plan = plan_of(task_file, "sparseness")
    place = Place(run_folder(copy), copy / "data" / plan.data_digest, plan.task, plan.n_explained, "cpu", "")
    (job,) = (job for job in pending(run_folder(copy), plan) if job.label == "gradient")
    with pytest.raises(OSError, match="no space left"):
        compute_cell(place, job, lambda what, done, total: None)
    assert failed_cells(copy) == {}
