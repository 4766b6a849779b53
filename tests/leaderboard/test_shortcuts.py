"""Telling a model that reads a mark from one that does not: AUCs, pairs, intervals, and what makes a pair void."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tests.leaderboard.conftest import Recipe, cell_record, metric_info, write_model, write_run
from xraybench.leaderboard.pages import render
from xraybench.leaderboard.records import CellData, load_run
from xraybench.leaderboard.shortcuts import auc, detect, over_pairs
from xraybench.results import Interval, ScoreInfo, ShortcutRecord
from xraybench.score_files import ImageScores

SHARE = metric_info("relevance-mass").model_copy(
    update={"label": "energy-on", "name": "energy-on", "parameters": {"region": "text"}, "higher_is_better": None}
)
IMAGES = np.array([f"image-{n:02d}" for n in range(40)])
HEEDED = Interval(mean=3.0, low=2.5, high=3.5, n=40)
UNHEEDED = Interval(mean=0.1, low=-0.2, high=0.4, n=40)


def shares(explainer, model, seed):
    """Relevance on the mark: higher under the model that reads it for gradient; the same for the oracle; a third has
    no mark."""
    rng = np.random.default_rng([seed, model == "reads"])
    values = rng.uniform(0, 0.2, 40) + (0.15 * (model == "reads") if explainer == "gradient" else 0)
    values = np.random.default_rng(7).uniform(0, 1, 40) if explainer == "oracle" else values
    return np.where(np.arange(40) % 3 == 0, np.nan, values)


def run_of(folder: Path, seeds=(0, 1, 2, 3, 4), flips=None):
    recipe = Recipe(models=("reads", "clean"), seeds=seeds, methods=(), references=False)
    write_run(folder, recipe)
    for model in recipe.models:
        for seed in seeds:
            write_model(folder, recipe, model, seed)
    run = load_run(folder)
    info = {"energy-on": ScoreInfo(metric=SHARE, status="ok")}
    cells = [
        CellData(
            folder,
            cell_record(recipe, f"{name}-{model}-{seed}", name, model, seed, info),
            {"energy-on": ImageScores(IMAGES, IMAGES, shares(name, model, seed))},
        )
        for name in ("gradient", "grad-cam", "oracle")
        for model in recipe.models
        for seed in seeds
    ]
    heed = {"reads": HEEDED, "clean": UNHEEDED} | (flips or {})
    models = [model.model_copy(update={"flips": {"text": heed[model.model]}}) for model in run.models]
    named = [ShortcutRecord(shortcut="reads", clean="clean", region="text")]
    record = run.run.model_copy(update={"shortcuts": named})
    return dataclasses.replace(run, run=record, models=tuple(models), cells=tuple(cells))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_the_auc_is_scikit_learns_and_equal_values_give_a_half(first, second):
    one, other = np.array(first, float), np.array(second, float)
    labels = np.r_[np.ones(len(one)), np.zeros(len(other))]
    assert auc(one, other) == pytest.approx(roc_auc_score(labels, np.r_[one, other]), abs=1e-12)
    assert auc(one, one[::-1]) == 0.5


def test_each_pair_has_its_auc_on_the_marked_images_and_the_interval_is_over_pairs(tmp_path):
    (section,) = detect(run_of(tmp_path / "run"))
    found = {row.explainer: row for row in section.detections}
    assert [row.explainer for row in section.detections] == ["gradient", "grad-cam", "oracle"]
    marked = np.arange(40) % 3 != 0
    for seed in range(5):
        pair = [shares("gradient", model, seed)[marked] for model in ("reads", "clean")]
        labels = np.r_[np.ones(marked.sum()), np.zeros(marked.sum())]
        assert found["gradient"].aucs[seed] == pytest.approx(roc_auc_score(labels, np.r_[pair[0], pair[1]]), abs=1e-5)
    row = found["gradient"]
    assert (row.images, row.auc.n) == (marked.sum(), 5)
    assert row.auc.mean == pytest.approx(np.mean(list(row.aucs.values())), abs=1e-5)
    assert min(row.aucs.values()) <= row.auc.low <= row.auc.mean <= row.auc.high <= max(row.aucs.values())
    assert row.auc.low > 0.5


def test_maps_that_no_model_made_score_exactly_a_half(tmp_path):
    (section,) = detect(run_of(tmp_path / "run"))
    (row,) = [row for row in section.detections if row.explainer == "oracle"]
    assert set(row.aucs.values()) == {0.5}
    assert (row.auc.mean, row.auc.low, row.auc.high) == (0.5, 0.5, 0.5)


def test_under_five_pairs_there_is_no_interval(tmp_path):
    (section,) = detect(run_of(tmp_path / "run", seeds=(0, 1, 2, 3)))
    assert len(section.pairs) == 4
    assert all(row.auc.low is None and row.auc.high is None and row.auc.n == 4 for row in section.detections)
    assert over_pairs(np.array([]), np.random.default_rng(0)).mean is None


@pytest.mark.parametrize(
    ("flip", "why"),
    [
        (UNHEEDED, "flipping the mark does not change the output"),
        (Interval(mean=3.0, low=None, high=None, n=6), "too few patients (6 images) to say"),
    ],
)
def test_a_pair_whose_model_does_not_heed_the_mark_is_void_and_not_counted(tmp_path, flip, why):
    run = run_of(tmp_path / "run")
    models = [
        model.model_copy(update={"flips": {"text": flip}}) if (model.model, model.seed) == ("reads", 2) else model
        for model in run.models
    ]
    (section,) = detect(dataclasses.replace(run, models=tuple(models)))
    assert why in section.pairs[2].void
    assert [pair.void for pair in section.pairs if pair.seed != 2] == [None] * 4
    row = section.detections[0]
    assert row.auc.n == 4
    assert row.auc.low is None
    assert set(row.aucs) == set(range(5))  # shown all the same


def test_a_source_that_cannot_flip_the_mark_makes_all_pairs_void(tmp_path):
    run = run_of(tmp_path / "run")
    bare = tuple(model.model_copy(update={"flips": {}}) for model in run.models)
    (section,) = detect(dataclasses.replace(run, models=bare))
    assert {pair.void for pair in section.pairs} == {"the source cannot flip the mark"}
    assert {row.auc.mean for row in section.detections} == {None}


def test_the_section_says_how_many_pairs_count(tmp_path):
    page = render([run_of(tmp_path / "run")])["index.html"]
    assert "5 of 5 pairs of models count" in page
    assert "Do explanations give a shortcut away?" in page
    plain = load_run(write_run(tmp_path / "plain", Recipe(methods=("gradient",), metrics=("srg",))))
    assert detect(plain) == []
    assert "shortcut away" not in render([plain])["index.html"]
