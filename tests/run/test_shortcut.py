"""Models that learn from other settings of the run's source, and the pair of them, in little."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import binary_dilation

from tests.run.conftest import TASK, run_folder, run_here
from xraybench.data.phantom.wrist import DIFFERENCE
from xraybench.data.prepared import Prepared
from xraybench.errors import TaskFileError
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.tables import build_board
from xraybench.planning import Request, make_plan
from xraybench.results import DataRecord, read_record
from xraybench.runner import open_source
from xraybench.starting import open_starts
from xraybench.tasks import load_task, read_task

READER = TASK[TASK.index("[[models]]") :].replace('"small-cnn"', '"reader"', 1)
READER += "sources = { phantom-wrist = { shortcut = 1.0 } }\n"
PAIR = '[[shortcuts]]\nshortcut = "reader"\nclean = "small-cnn"\n'


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run of both models: the task file and the output folder."""
    out = tmp_path_factory.mktemp("shortcut")
    (out / "task.toml").write_text(TASK + READER + PAIR)
    ended = run_here(out / "task.toml", out, "--explainer", "gradient", "--metric", "energy-on", "--device", "cpu")
    assert ended.returncode == 0, ended.stderr
    return out


def plan_of(task, **asked):
    request = Request(explainers=("gradient",), metrics=("energy-on",), **asked)
    return make_plan(task, open_source(task, request), request, open_starts(task, request))


def test_each_model_trains_on_its_own_data_and_is_tested_on_the_same(done):
    plan = plan_of(read_task(done / "task.toml"))
    clean, reader = plan.models
    assert clean.links[-1].data_digest == plan.data_digest != reader.links[-1].data_digest
    ours, theirs = (Prepared(done / "data" / link.data_digest) for link in (clean.links[-1], reader.links[-1]))
    trained = theirs.index[theirs.index["split"] == "train"]
    assert (trained["legend"] == (trained["fracture"] == 1)).all()
    tests = [prepared.index[prepared.index["split"] == "test"] for prepared in (ours, theirs)]
    pd.testing.assert_frame_equal(*tests)
    rows = tests[0].index.to_numpy()
    np.testing.assert_array_equal(ours.grey(rows), theirs.grey(rows))
    sources = read_record(run_folder(done) / "data.json", DataRecord).sources
    assert [source.source for source in sources] == ["phantom-wrist", "phantom-wrist(shortcut=1.0)"]


def test_only_the_legend_is_flipped(done):
    plan = plan_of(read_task(done / "task.toml"))
    prepared = Prepared(done / "data" / plan.data_digest)
    explained = prepared.explained
    had = prepared.index.iloc[explained.rows]["legend"].to_numpy()
    changed = np.abs(explained.flipped - prepared.grey(explained.rows)) > DIFFERENCE
    assert changed.any(axis=(1, 2)).all()
    assert had.any()
    near = binary_dilation(explained.regions["text"], np.ones((1, 3, 3)), iterations=2)  # the detector's blur
    assert not (changed & ~near)[had].any()
    assert not explained.regions["text"][~had].any()


def test_the_board_shows_the_pair_and_says_why_it_is_void(done):
    run = load_run(run_folder(done))
    assert all(set(model.flips) == {"text"} for model in run.models)
    (section,) = build_board(run).shortcuts
    (pair,) = section.pairs
    assert "too few patients" in pair.void
    found = {row.explainer: row for row in section.detections}
    assert all(auc == 0.5 for name, row in found.items() if name != "gradient" for auc in row.aucs.values())
    assert 0 <= found["gradient"].aucs[0] <= 1
    assert found["gradient"].auc.n == 0


def test_the_wrist_task_has_a_preset_of_five_pairs_that_runs_only_when_asked():
    task = load_task("wrist")
    (pair,) = task.shortcuts
    plan = plan_of(task, preset="shortcut", seeds=(0, 1, 2, 3, 4))
    assert {(model.entry.name, model.seed) for model in plan.models} == {
        (name, seed) for name in pair.names for seed in range(5)
    }
    first, second = (next(one for one in task.models if one.name == name) for name in pair.names)
    recipes = [one.stages[0].model_dump(exclude={"sources"}) for one in (first, second)]
    assert recipes[0] == recipes[1]
    assert not {model.entry.name for model in plan_of(task).models} & set(pair.names)


def test_settings_of_sources_do_not_go_with_another_task(tmp_path):
    text = TASK + READER + 'task = "mura"\n'
    (tmp_path / "task.toml").write_text(text)
    with pytest.raises(TaskFileError, match="leave out its task"):
        read_task(tmp_path / "task.toml")


def test_settings_of_another_source_change_nothing(done):
    task = read_task(done / "task.toml")
    reader = task.models[1]
    assert reader.stages[0].apart("phantom-wrist") is not None
    assert reader.stages[0].apart("folder") is None
