"""Finding and reading runs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.leaderboard.conftest import Recipe, write_run
from xraybench.errors import DataError, RecordError
from xraybench.leaderboard.records import find_runs, load_run
from xraybench.score_files import SCORES, ImageScores, read_scores, write_scores


def test_a_run_is_read_whole(run_folder):
    run = load_run(run_folder)
    assert run.run.task == "wrist"
    assert [model.model for model in run.models] == ["densenet-tiny", "small-cnn"]
    assert len(run.cells) == 2 * (12 + 7) + 2
    statuses = [cell.record.status for cell in run.cells]
    assert (statuses.count("failed"), statuses.count("skipped")) == (1, 1)


def test_values_are_what_the_parquet_holds(run_folder):
    path = next(run_folder.glob(f"cells/*/{SCORES}"))
    frame, scores = pd.read_parquet(path), read_scores(path.parent)
    assert list(scores) == list(frame["metric"].unique())
    assert np.isnan(scores["relevance-rank"].values[:3]).all()
    for label, one in scores.items():
        own = frame[(frame["metric"] == label) & (frame["figure"] == "value")]
        assert one.image_ids.tolist() == own["image_id"].tolist()
        assert one.patient_ids.tolist() == own["patient_id"].tolist()
        np.testing.assert_array_equal(one.values, own["number"].to_numpy())


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)  # numpy ends strings at \0
DETAILS = st.lists(WORDS.filter(lambda name: name != "value"), max_size=2, unique=True)
NUMBERS = st.floats(allow_nan=True)


@given(st.dictionaries(WORDS, DETAILS), st.data())
def test_scores_come_back_as_they_were_written(tmp_path_factory, wanted, data):
    cell, scores = tmp_path_factory.mktemp("cell"), {}
    for label, details in wanted.items():
        n = data.draw(st.integers(1, 3))
        ids = [np.array(data.draw(st.lists(WORDS, min_size=n, max_size=n)), str) for _ in range(2)]
        values = [np.array(data.draw(st.lists(NUMBERS, min_size=n, max_size=n))) for _ in range(1 + len(details))]
        scores[label] = ImageScores(*ids, values[0], dict(zip(details, values[1:], strict=True)))
    write_scores(cell, scores)
    first = (cell / SCORES).read_bytes()
    found = read_scores(cell)
    assert set(found) == set(scores)
    for label, one in scores.items():
        assert found[label].image_ids.tolist() == one.image_ids.tolist()
        assert found[label].patient_ids.tolist() == one.patient_ids.tolist()
        assert list(found[label].figures) == list(one.figures)
        for name, numbers in one.figures.items():
            np.testing.assert_array_equal(found[label].figures[name], numbers)
    write_scores(cell, found)
    assert (cell / SCORES).read_bytes() == first


def test_a_score_file_that_is_missing_or_torn_is_named(tmp_path):
    folder = write_run(tmp_path / "run", Recipe(models=("small-cnn",), methods=("gradient",), references=False))
    path = next(folder.glob(f"cells/*/{SCORES}"))
    scores = read_scores(path.parent)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(RecordError, match=r"scores\.parquet: cannot be read"):
        load_run(folder)
    path.unlink()
    with pytest.raises(RecordError, match=r"scores\.parquet: is missing"):
        load_run(folder)
    write_scores(path.parent, {label: one for label, one in scores.items() if label != "srg"})
    with pytest.raises(RecordError, match=r"scores\.parquet: lacks srg"):
        load_run(folder)


def test_runs_are_found_by_task_down_to_the_published_depth(tmp_path):
    small = Recipe(models=("small-cnn",), methods=("gradient",), references=False, metrics=("srg",))
    deep = write_run(tmp_path / "leaderboards" / "wrist" / "records" / "one", small)
    flat = write_run(tmp_path / "leaderboards" / "two", small)
    assert find_runs(tmp_path / "leaderboards", "wrist") == [flat, deep]
    assert find_runs(flat, "wrist") == [flat]
    with pytest.raises(DataError, match="xraybench run --task mnist"):
        find_runs(tmp_path, "mnist")
    with pytest.raises(DataError):
        find_runs(tmp_path / "nowhere", "wrist")


def test_a_run_that_cannot_be_read_is_an_error_and_not_passed_over(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(RecordError, match=r"run\.json"):
        find_runs(tmp_path, "wrist")


def test_boards_are_read_and_shown_without_torch_and_pandas(run_folder):
    code = f"""
import sys
from pathlib import Path
from rich.console import Console
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.tables import build_board
from xraybench.leaderboard.show import show
show(build_board(load_run(Path({str(run_folder)!r}))), Console(width=110))
heavy = {{"torch", "pandas", "scipy", "sklearn", "matplotlib"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
