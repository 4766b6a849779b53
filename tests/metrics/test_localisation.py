"""Localisation against direct definitions, scikit-learn, and what must hold for any map."""

import dataclasses
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.metrics.cases import map_evidence
from xraybench.errors import NotApplicableError, UsageError
from xraybench.metrics.energy_on import EnergyOn
from xraybench.metrics.pixel_auprc import PixelAuprc
from xraybench.metrics.pixel_auroc import PixelAuroc
from xraybench.metrics.pointing_game import PointingGame
from xraybench.metrics.relevance_mass import RelevanceMass
from xraybench.metrics.relevance_rank import RelevanceRank
from xraybench.metrics.top_k_intersection import TopKIntersection

METRICS = [PointingGame(), RelevanceMass(), RelevanceRank(), PixelAuprc(), PixelAuroc(), TopKIntersection(share=0.1)]
ids = [type(metric).__name__ for metric in METRICS]
each_metric = pytest.mark.parametrize("metric", METRICS, ids=ids)


def pointing_game(values, mask):
    if values.max() <= 0:
        return 0.0
    return mask[values == values.max()].mean()


def relevance_mass(values, mask):
    positive = np.maximum(values, 0)
    return positive[mask].sum() / positive.sum() if positive.sum() else 0.0


def relevance_rank(values, mask):
    return hits_of_top(values, mask, int(mask.sum())) / mask.sum()


def top_k_intersection(values, mask):
    top = round(0.1 * len(values))
    return hits_of_top(values, mask, top) / top


def hits_of_top(values, mask, places):
    """Mean over all ways to order equal values, found by averaging each tied pixel's chance of a place."""
    chance = np.zeros(len(values))
    for value in sorted(set(values), reverse=True):
        tied = values == value
        chance[tied] = min(places, tied.sum()) / tied.sum()
        places -= min(places, tied.sum())
    return chance[mask].sum()


DEFINITIONS = {
    "PointingGame": pointing_game,
    "RelevanceMass": relevance_mass,
    "RelevanceRank": relevance_rank,
    "PixelAuprc": lambda values, mask: average_precision_score(mask, values),
    "PixelAuroc": lambda values, mask: roc_auc_score(mask, values),
    "TopKIntersection": top_k_intersection,
}


def cases(levels=None, count=20, size=8, seed=3):
    """Maps and masks of all sizes; with `levels`, maps of few values, so that many are equal."""
    draw = np.random.default_rng(seed)
    maps = draw.normal(size=(count, size, size)) if levels is None else draw.integers(-2, levels, (count, size, size))
    masks = draw.random((count, size, size)) < draw.random((count, 1, 1))
    return torch.tensor(maps, dtype=torch.float32), torch.tensor(masks)


@each_metric
@pytest.mark.parametrize("levels", [None, 2, 5])
def test_equals_its_definition(metric, levels):
    maps, masks = cases(levels)
    scores = metric(map_evidence(maps, masks))
    for score, values, mask in zip(scores, maps.double().numpy(), masks.numpy(), strict=True):
        if mask.any() and not mask.all():
            expected = DEFINITIONS[type(metric).__name__](values.ravel(), mask.ravel())
            assert score.item() == pytest.approx(expected, abs=1e-12)


def test_relevance_rank_of_ties_is_the_mean_over_all_orders():
    values, mask = np.array([1.0, 0, 0, 2, 0, 0]), np.array([1, 1, 0, 0, 1, 0], dtype=bool)
    hits = [mask[np.lexsort((order, -values))[:3]].mean() for order in permutations(range(6))]
    maps, masks = torch.tensor(values).view(1, 2, 3), torch.tensor(mask).view(1, 2, 3)
    wide = torch.nn.functional.pad(maps, (0, 0, 0, 1), value=-9.0), torch.nn.functional.pad(masks, (0, 0, 0, 1))
    assert RelevanceRank()(map_evidence(*wide)).item() == pytest.approx(np.mean(hits))


def test_lift_is_average_precision_over_prevalence():
    maps, masks = cases(seed=5)
    here = map_evidence(maps, masks)
    prevalence = masks.flatten(1).double().mean(1)
    torch.testing.assert_close(PixelAuprc(lift=True)(here), PixelAuprc()(here) / prevalence, equal_nan=True)
    assert PixelAuprc().range == (0.0, 1.0)
    assert PixelAuprc(lift=True).range == (0.0, float("inf"))


def test_energy_on_a_distractor_is_its_share_of_the_positive_relevance():
    maps, masks = cases()
    maps[3], maps[4, 0, 0] = -1.0, float("nan")
    masks[5] = False
    here = dataclasses.replace(map_evidence(maps, masks), regions={"text": masks})
    scores = EnergyOn(region="text")(here)
    assert scores[3:6].isnan().all()
    for row in (0, 1, 2, 6):
        assert scores[row].item() == pytest.approx(relevance_mass(maps[row].double().numpy(), masks[row].numpy()))
    with pytest.raises(NotApplicableError, match="hardware"):
        EnergyOn(region="hardware")(here)


def test_top_k_is_a_share_of_the_pixels():
    maps, masks = cases(count=3)
    assert torch.equal(TopKIntersection(share=1.0)(map_evidence(maps, masks)), masks.flatten(1).double().mean(1))
    one_pixel = TopKIntersection(share=1e-9)(map_evidence(maps.abs(), masks))
    assert torch.equal(one_pixel, PointingGame()(map_evidence(maps.abs(), masks)))
    with pytest.raises(UsageError):
        TopKIntersection(share=0.0)


def test_region_is_the_mask_unless_the_box_is_named():
    maps, masks = cases(count=4)
    box = torch.ones_like(masks)
    box[:, 0] = False
    here = map_evidence(maps, masks)
    here = dataclasses.replace(here, regions={"finding": masks, "box": box})
    torch.testing.assert_close(PointingGame(region="box")(here), PointingGame()(map_evidence(maps, box)))
    with pytest.raises(NotApplicableError, match="lung"):
        PointingGame(region="lung")(here)


@each_metric
def test_nothing_to_find_is_undefined_and_a_blank_map_misses(metric):
    maps = torch.randn(7, 6, 6)
    masks = torch.zeros(7, 6, 6, dtype=torch.bool)
    masks[:, 2:4, 2:4] = True
    masks[0], masks[1] = False, True
    maps[2], maps[3], maps[4, 0, 0], maps[5, 1, 1] = 0.0, 3.0, float("nan"), float("inf")
    scores = metric(map_evidence(maps, masks))
    assert scores.isnan().tolist() == [True, True, False, False, True, True, False]
    assert scores[2:4].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("metric", METRICS[:2], ids=ids[:2])
def test_a_map_without_positive_relevance_scores_0(metric):
    maps, masks = cases()
    scores = metric(map_evidence(-maps.abs(), masks))
    assert scores[~scores.isnan()].eq(0).all()


@each_metric
def test_a_random_map_scores_the_prevalence_on_average(metric):
    masks = torch.zeros(4000, 10, 10, dtype=torch.bool)
    masks[:, 2:5, 3:8] = True
    maps = torch.rand(4000, 10, 10, generator=torch.Generator().manual_seed(1))
    scores = metric(map_evidence(maps, masks))
    expected = {"PixelAuprc": expected_average_precision(100, 15), "PixelAuroc": 0.5}.get(type(metric).__name__, 0.15)
    assert abs(scores.mean() - expected) < 4 * scores.std() / 4000**0.5


def expected_average_precision(pixels, positives):
    """Mean precision at a random positive of a random order: the positive itself, and a fair share of those above."""
    ranks = np.arange(1, pixels + 1)
    return ((1 + (ranks - 1) * (positives - 1) / (pixels - 1)) / ranks).mean()


maps_and_masks = st.integers(2, 5).flatmap(
    lambda size: st.tuples(
        st.lists(st.integers(-4, 4), min_size=size * size, max_size=size * size),
        st.lists(st.booleans(), min_size=size * size, max_size=size * size),
    )
)


def tensors(values, mask):
    size = round(len(values) ** 0.5)
    return torch.tensor(values, dtype=torch.float32).view(1, size, size), torch.tensor(mask).view(1, size, size)


@each_metric
@settings(max_examples=30, deadline=None)
@given(maps_and_masks)
def test_no_map_beats_the_mask_and_all_stay_in_range(metric, case):
    maps, masks = tensors(*case)
    score, oracle = metric(map_evidence(maps, masks)), metric(map_evidence(masks.float(), masks))
    if not score.isnan():
        assert 0.0 <= score.item() <= oracle.item() + 1e-12
        assert oracle.item() == pytest.approx(1.0) or isinstance(metric, TopKIntersection)


@each_metric
@settings(max_examples=30, deadline=None)
@given(maps_and_masks, st.floats(1e-3, 1e3))
def test_a_positive_factor_changes_nothing(metric, case, factor):
    maps, masks = tensors(*case)
    before, after = metric(map_evidence(maps, masks)), metric(map_evidence(maps * factor, masks))
    torch.testing.assert_close(before, after, equal_nan=True, rtol=1e-6, atol=1e-9)
