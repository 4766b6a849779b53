"""Metrics that read the removal curves: against loops that remove pixels one fraction at a time."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.metrics.cases import evidence, linear_model
from xraybench.metrics.deletion_auc import DeletionAuc
from xraybench.metrics.insertion_auc import InsertionAuc
from xraybench.metrics.monotonicity import Monotonicity
from xraybench.metrics.pixel_flipping import PixelFlipping
from xraybench.metrics.road import Road
from xraybench.metrics.sufficiency import Sufficiency


def kept_logits(here, image, fractions, relevant):
    """f with the given fractions of the pixels kept at their values, the others at the training mean."""
    order = here.maps[image].flatten().argsort(descending=relevant)
    points = []
    for fraction in fractions:
        keep = torch.zeros(144, dtype=torch.bool)
        keep[order[: round(144 * fraction)]] = True
        altered = torch.where(keep.view(12, 12), here.images[image], here.baseline)
        with torch.no_grad():
            points.append(here.model(altered[None])[0, here.targets[image]].item())
    return np.array(points)


FRACTIONS = np.arange(17) / 16


def test_monotonicity_and_sufficiency_read_the_insertion_curve():
    here = evidence()
    points = kept_logits(here, 3, FRACTIONS, relevant=True)
    assert Monotonicity("mean")(here)[3].item() == pytest.approx((np.diff(points) >= 0).mean())
    expected = (points[-1] - points[1:9]).mean()
    assert Sufficiency("mean")(here)[3].item() == pytest.approx(expected, abs=1e-5)


def test_pixel_flipping_is_the_mean_fall():
    here = evidence()
    points = kept_logits(here, 3, 1 - FRACTIONS, relevant=False)
    assert PixelFlipping()(here)[3].item() == pytest.approx((points[0] - points).mean(), abs=1e-5)


def test_pixel_flipping_and_deletion_are_mirror_images_up_to_the_ends():
    here = evidence()
    points = kept_logits(here, 3, 1 - FRACTIONS, relevant=False)
    trapezoid_less_mean = np.trapezoid(points, FRACTIONS) - points.mean()
    difference = points[0] - PixelFlipping()(here)[3] - DeletionAuc("mean")(here)[3]
    assert difference.item() == pytest.approx(-trapezoid_less_mean, abs=1e-5)


def test_road_is_the_mean_gap_between_the_orders():
    here = evidence()
    fractions = np.arange(1, 5) / 5
    least_removed = kept_logits(here, 3, 1 - fractions, relevant=True)
    most_removed = kept_logits(here, 3, 1 - fractions, relevant=False)
    assert Road(imputer="mean")(here)[3].item() == pytest.approx((least_removed - most_removed).mean(), abs=1e-5)


def test_a_perfect_ranking_bounds_every_map_on_an_additive_model():
    model = linear_model(12)
    weights = model[1].weight.detach().view(1, 12, 12)
    here = evidence(model=model, targets=torch.zeros(6, dtype=torch.int64), maps=torch.zeros(6, 12, 12))
    best = dataclasses.replace(here, maps=weights * (here.images - here.baseline)[:, 0], shared={})
    for metric in (InsertionAuc("mean"), PixelFlipping(), Road(imputer="mean")):
        for seed in range(3):
            maps = torch.randn(6, 12, 12, generator=torch.Generator().manual_seed(seed))
            other = dataclasses.replace(here, maps=maps, shared={})
            assert (metric(best) >= metric(other) - 1e-6).all()
            assert (Sufficiency("mean")(best) <= Sufficiency("mean")(other) + 1e-6).all()
