"""What is said of the metrics themselves, against direct definitions."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import binom, kendalltau

from tests.leaderboard.conftest import Recipe, set_scores, write_absent, write_cell, write_run
from xraybench.leaderboard.pages import render
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.tables import build_board
from xraybench.leaderboard.validity import judge
from xraybench.results import CellRecord, read_record, write_record
from xraybench.score_files import read_scores


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


def test_what_blur_earns_noise_and_costs_the_oracle_is_paired_too(tmp_path):
    recipe = Recipe(models=("small-cnn",), methods=("gradient",), metrics=("srg", "deletion-auc"))
    folder = write_run(tmp_path / "run", recipe)
    for name in ("blurred-random", "blurred-oracle"):  # of a quality between that of noise and the oracle's
        write_cell(folder, recipe, name, "small-cnn", 0)
    run = load_run(folder)
    for one in judge(run, build_board(run)).models[0].metrics:
        label, sign = one.metric.label, 1 if one.metric.higher_is_better else -1
        scores = {cell.record.explainer: cell.scores[label].values for cell in run.cells if cell.scores}
        for effect, blurred, sharp in (
            (one.smooth, "blurred-random", "random"),
            (one.coarse, "blurred-oracle", "oracle"),
        ):
            gained = sign * (scores[blurred] - scores[sharp])
            assert effect.mean == pytest.approx(gained.mean() / gained.std(), rel=1e-5)
        assert one.coarse.high < 0 < one.smooth.low


GAME = Recipe(models=("small-cnn",), methods=("gradient",), metrics=("pointing-game",), patients=64)


def played(folder, recipe, **hits):
    """Oracle against random, where these maps hit on the first so many of the 64 images; and the run."""
    for path in write_run(folder, recipe).glob("cells/*/cell.json"):
        wanted = hits.get(read_record(path, CellRecord).explainer)
        if wanted is not None:
            mine = read_scores(path.parent)["pointing-game"]
            values = (np.arange(64) < wanted).astype(float)
            set_scores(path.parent, **{"pointing-game": dataclasses.replace(mine, values=values)})
    run = load_run(folder)
    return judge(run, build_board(run)).models[0].metrics[0].oracle, run


def ends_of(p):
    """The 95 % ends of how many of 64 resampled images are among those that are so frequent, as shares."""
    return binom.ppf([0.025, 0.975], 64, p) / 64


def test_a_resample_without_a_difference_has_no_effect(tmp_path):
    effect, _ = played(tmp_path / "run", GAME, oracle=9, random=10)
    few, many = ends_of(1 / 64)
    assert few == 0
    assert effect.mean == pytest.approx(-np.sqrt((1 / 64) / (63 / 64)), rel=1e-5)
    assert (effect.low, effect.high) == (pytest.approx(-np.sqrt(many / (1 - many)), rel=1e-5), 0)
    same, _ = played(tmp_path / "same", GAME, oracle=9, random=9)
    assert (same.mean, same.low, same.high) == (0, 0, 0)


def test_an_effect_without_bound_keeps_the_end_that_it_has(tmp_path):
    effect, run = played(tmp_path / "run", GAME, oracle=64, random=1)
    _, many = ends_of(1 / 64)
    assert effect.mean == pytest.approx(np.sqrt(63), rel=1e-5)
    assert (effect.low, effect.high) == (pytest.approx(np.sqrt((1 - many) / many), rel=1e-5), np.inf)
    pages = render([run])
    assert "7.94 [4.51, ∞]" in pages["validity.html"]
    form = json.loads(pages["validity.json"], parse_constant=lambda text: pytest.fail(f"{text} in JSON"))
    (metric,) = form["models"][0]["metrics"]
    assert metric["oracle"] == {"mean": effect.mean, "low": effect.low, "high": None, "n": 64}
    always, run = played(tmp_path / "always", GAME, oracle=0, random=64)
    assert (always.mean, always.low, always.high) == (-np.inf, -np.inf, -np.inf)
    assert '<td class="number">−∞</td>' in render([run])["validity.html"]


def test_few_patients_give_an_effect_without_an_interval(tmp_path):
    recipe = Recipe(models=("small-cnn",), methods=("gradient",), metrics=("pointing-game",), patients=20)
    effect, _ = played(tmp_path / "run", recipe, oracle=64, random=16)
    assert (effect.mean, effect.low, effect.high) == (pytest.approx(np.sqrt(3), rel=1e-5), None, None)


def test_what_is_not_held_against_the_oracle_says_why(tmp_path):
    metrics = ("srg", "max-sensitivity", "twin-localisation", "cost")
    recipe = Recipe(models=("small-cnn",), methods=("gradient", "occlusion"), metrics=metrics)
    folder = write_run(tmp_path / "run", recipe)
    for path in folder.glob("cells/*/cell.json"):  # in real runs cheaper is better, and reference maps cost nothing
        record = read_record(path, CellRecord)
        if cost := record.scores.get("cost"):
            ranked = cost.model_copy(update={"metric": cost.metric.model_copy(update={"higher_is_better": False})})
            write_record(path, record.model_copy(update={"scores": {**record.scores, "cost": ranked}}))
    (judged,) = judge(run := load_run(folder), build_board(run)).models
    found = {one.metric.label: one for one in judged.metrics}
    assert {label: one.untested for label, one in found.items()} == {
        "srg": None,
        "max-sensitivity": "where the finding is plays no part in it",
        "twin-localisation": "the map does not come from the model",
        "cost": "where the finding is plays no part in it",
    }
    assert found["cost"].oracle is found["cost"].smooth is None
    page = render([run])["validity.html"]
    assert (
        "Not held against the oracle: max-sensitivity (in the mean rank), cost. "
        "Why: where the finding is plays no part in it."
    ) in page.replace("\n", "")


def test_a_run_without_an_oracle_says_what_became_of_it(tmp_path):
    recipe = Recipe(models=("small-cnn",), references=False, metrics=("srg",))
    folder = write_run(tmp_path / "run", recipe)
    (one,) = judge(run := load_run(folder), build_board(run)).models[0].metrics
    assert (one.oracle, one.untested) == (None, "the run has no map called random")
    write_absent(folder, recipe, "random", "failed", "killed")
    (one,) = judge(run := load_run(folder), build_board(run)).models[0].metrics
    assert one.untested == "killed"
    page = render([run])["validity.html"]
    assert "Not held against the oracle: srg (in the mean rank). Why: killed." in page
    assert "oracle against random</th>" not in page


def test_the_page_says_what_is_not_there(tmp_path):
    once, twice, none = (
        render([load_run(write_run(tmp_path / name, Recipe(models=("small-cnn",), seeds=seeds, metrics=metrics)))])
        for name, seeds, metrics in (
            ("once", (0,), ("srg",)),
            ("twice", (0, 1), ("srg", "twin-localisation")),
            ("none", (0,), ("sparseness",)),
        )
    )
    for said in ("One model seed: no orders of several seeds to compare.", "No tau with twin truth:"):
        assert said in once["validity.html"]
        assert said not in twice["validity.html"]
        assert said not in none["validity.html"]
    assert "tau with twin truth</th>" in twice["validity.html"]
    assert "tau with twin truth</th>" not in once["validity.html"]
    assert "Nothing to judge: no metric measured here ranks methods." in none["validity.html"]
    assert "<table" not in none["validity.html"]
    assert [json.loads(page["validity.json"])["models"][0]["seeds"] for page in (once, twice)] == [[0], [0, 1]]


def under_another_imputer(folder, label):
    """Give every cell of a run scores of the metric under the imputer `mean`: half its own, half noise."""
    other, rng = f"{label}(imputer=mean)", np.random.default_rng(0)
    for path in sorted(folder.glob("cells/*/cell.json")):
        record = read_record(path, CellRecord)
        if label in record.scores:
            info = record.scores[label]
            metric = info.metric.model_copy(update={"label": other, "parameters": {"imputer": "mean"}})
            scores = {**record.scores, other: info.model_copy(update={"metric": metric})}
            write_record(path, record.model_copy(update={"scores": scores}))
            mine = read_scores(path.parent)[label]
            values = mine.values / 2 + rng.normal(scale=0.1)
            set_scores(path.parent, **{other: dataclasses.replace(mine, values=values)})


def test_every_metric_under_two_imputers_has_the_tau_between_its_two_orders(tmp_path):
    labels = ("insertion-auc", "deletion-auc", "srg")
    folder = write_run(tmp_path / "run", Recipe(models=("small-cnn",), metrics=(*labels, "relevance-mass")))
    for label in labels:
        under_another_imputer(folder, label)
    run = load_run(folder)
    pages = render([run])
    found = {one.metric.label: one.imputers for one in judge(run, build_board(run)).models[0].metrics}
    assert found.pop("relevance-mass") == {}
    for label in labels:
        other = f"{label}(imputer=mean)"
        orders = [list(means(run, name, 0).values()) for name in (label, other)]
        tau = kendalltau(*orders).statistic
        assert 0 < tau < 1
        assert found.pop(label) == {other: pytest.approx(tau, abs=1e-5)}
        assert found.pop(other) == {label: pytest.approx(tau, abs=1e-5)}
        assert f"<td>{other}: {tau:.2f}</td>" in pages["validity.html"]
    assert not found


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
