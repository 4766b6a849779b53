"""What is said of the metrics themselves, against direct definitions."""

import json

import numpy as np
import pytest
from scipy.stats import kendalltau

from tests.leaderboard.conftest import Recipe, write_run
from xraybench.leaderboard.pages import render
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.tables import build_board
from xraybench.leaderboard.validity import judge


def test_effects_are_paired_and_a_metric_that_tells_nothing_is_near_zero(tmp_path):
    recipe = Recipe(models=("small-cnn",), metrics=("srg", "deletion-auc"), undecided=("srg",))
    run = load_run(write_run(tmp_path / "run", recipe))
    (judged,) = judge(run, build_board(run)).models
    found = {one.metric.label: one for one in judged.metrics}
    scores = {cell.record.explainer: cell.scores["deletion-auc"].values for cell in run.cells if cell.scores}
    differences = scores["random"] - scores["oracle"]  # lower is better
    effect = found["deletion-auc"].oracle
    assert effect.mean == pytest.approx(differences.mean() / differences.std(), rel=1e-5)
    assert 0 < effect.low < effect.mean < effect.high
    assert found["srg"].oracle.low < 0 < found["srg"].oracle.high
    assert found["srg"].column.uninformative
    assert found["srg"].smooth is None  # no such maps here
    assert np.isfinite(found["srg"].column.stability)


def means(run, label, seed, patients=None):
    """Each method's mean over its images, in the order of the records."""
    cells = [cell for cell in run.cells if label in cell.scores and cell.record.role == "method"]
    found = {}
    for cell in cells:
        scores = cell.scores[label]
        kept = np.isin(scores.patient_ids, patients) if patients is not None else np.full(len(scores.values), True)
        if cell.record.seed == seed:
            found[cell.record.explainer] = float(scores.values[kept].mean())
    return found


def test_stability_over_seeds_is_the_mean_tau_of_all_pairs_of_seeds(tmp_path):
    recipe = Recipe(models=("small-cnn",), seeds=(0, 1, 2), metrics=("srg", "deletion-auc"), undecided=("srg",))
    run = load_run(write_run(tmp_path / "run", recipe))
    (judged,) = judge(run, build_board(run)).models
    found = {one.metric.label: one.seeds for one in judged.metrics}
    for label in ("srg", "deletion-auc"):
        orders = [list(means(run, label, seed).values()) for seed in (0, 1, 2)]
        pairs = [kendalltau(orders[a], orders[b]).statistic for a, b in ((0, 1), (0, 2), (1, 2))]
        assert found[label] == pytest.approx(np.mean(pairs), abs=1e-5)
    assert found["deletion-auc"] > 0.6 > found["srg"]


def test_the_tau_with_twin_truth_has_an_interval_over_the_patients_of_both(tmp_path):
    recipe = Recipe(models=("small-cnn",), metrics=("deletion-auc", "srg", "twin-localisation"), undecided=("srg",))
    run = load_run(write_run(tmp_path / "run", recipe))
    (judged,) = judge(run, build_board(run)).models
    found = {one.metric.label: one for one in judged.metrics}
    good, noise = found["deletion-auc"].twins, found["srg"].twins
    assert 0 < good.low <= good.mean <= good.high <= 1
    assert noise.low < 0 < noise.high
    assert good.n == len(set(means(run, "twin-localisation", 0)))
    assert found["twin-localisation"].twins is None
    assert found["deletion-auc"].seeds is None
    few = load_run(write_run(tmp_path / "few", Recipe(models=("small-cnn",), patients=20, metrics=recipe.metrics)))
    assert all(one.twins is None or one.twins.low is None for one in judge(few, build_board(few)).models[0].metrics)


def test_the_page_holds_the_matrix_and_lies_beside_its_json(tmp_path):
    recipe = Recipe(models=("small-cnn",), seeds=(0, 1), metrics=("srg", "deletion-auc", "twin-localisation"))
    run = load_run(write_run(tmp_path / "run", recipe))
    board, pages = build_board(run), render([run])
    page, data = pages["validity.html"], json.loads(pages["validity.json"])
    assert 'class="heat"' in page
    assert "over seeds" in page
    assert 'href="validity.json"' in page
    assert data["models"][0]["agreement"]["tau"] == board.agreement[0].tau
    assert [one["metric"]["label"] for one in data["models"][0]["metrics"]] == board.agreement[0].metrics
