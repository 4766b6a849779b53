"""Finding and reading runs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.leaderboard.conftest import Recipe, write_run
from xraybench.errors import DataError, RecordError
from xraybench.leaderboard.records import find_runs, load_run
from xraybench.score_files import read_scores, read_values


def test_a_run_is_read_whole(run_folder):
    run = load_run(run_folder)
    assert run.run.task == "wrist"
    assert [model.model for model in run.models] == ["densenet-tiny", "small-cnn"]
    assert len(run.cells) == 2 * (12 + 7) + 2
    statuses = [cell.record.status for cell in run.cells]
    assert (statuses.count("failed"), statuses.count("skipped")) == (1, 1)


def test_values_are_what_the_parquet_holds(run_folder):
    path = next(run_folder.glob("cells/*/scores/relevance-rank.parquet"))
    frame, values = read_scores(path), read_values(path)
    assert values.image_ids.tolist() == frame["image_id"].tolist()
    assert values.patient_ids.tolist() == frame["patient_id"].tolist()
    np.testing.assert_array_equal(values.values, frame["value"].to_numpy())
    assert np.isnan(values.values[:3]).all()


def test_a_score_file_that_is_missing_or_torn_is_named(tmp_path):
    folder = write_run(tmp_path / "run", Recipe(models=("small-cnn",), methods=("gradient",), references=False))
    path = next(folder.glob("cells/*/scores/srg.parquet"))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(RecordError, match=r"srg\.parquet"):
        load_run(folder)
    path.unlink()
    with pytest.raises(RecordError, match=r"srg\.parquet"):
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
