"""What is said of the metrics themselves, against direct definitions."""

import numpy as np
import pytest

from tests.leaderboard.conftest import Recipe, write_run
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.tables import build_board
from xraybench.leaderboard.validity import judge


def test_effects_are_paired_and_a_metric_that_tells_nothing_is_near_zero(tmp_path):
    recipe = Recipe(models=("small-cnn",), metrics=("srg", "deletion-auc"), undecided=("srg",))
    run = load_run(write_run(tmp_path / "run", recipe))
    found = {one.metric.label: one for one in judge(run, build_board(run), "small-cnn")}
    scores = {cell.record.explainer: cell.scores["deletion-auc"].values for cell in run.cells if cell.scores}
    differences = scores["random"] - scores["oracle"]  # lower is better
    effect = found["deletion-auc"].oracle
    assert effect.mean == pytest.approx(differences.mean() / differences.std(), rel=1e-5)
    assert 0 < effect.low < effect.mean < effect.high
    assert found["srg"].oracle.low < 0 < found["srg"].oracle.high
    assert found["srg"].column.uninformative
    assert found["srg"].smooth is None  # no such maps here
    assert np.isfinite(found["srg"].column.stability)
