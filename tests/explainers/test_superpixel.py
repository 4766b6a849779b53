"""Superpixel methods: exact on linear models, Shapley values by enumeration, and where they are only near."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cosine
from scipy.stats import chisquare
from sklearn.linear_model import Ridge
from torch import nn

from xraybench.errors import UsageError
from xraybench.explainers._superpixels import (
    coin_flips,
    presence_logits,
    ridge,
    shapley_sets,
    shapley_values,
    spread,
    superpixels,
)
from xraybench.explainers.superpixel import FeatureAblation, KernelShap, Lime


class Linear(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(1024, 3, bias=False))
        torch.manual_seed(8)
        nn.init.normal_(self[1].weight)


def per_superpixel(model, image, target, baseline, segments):
    """What each superpixel gives a linear model, spread over its pixels."""
    parts = (model[1].weight.detach()[target].view(32, 32) * (image[0] - baseline[0])).double()
    sums = torch.zeros(int(segments.max()) + 1, dtype=torch.float64).index_add(0, segments.flatten(), parts.flatten())
    return spread(sums, segments)


@pytest.mark.parametrize("wanted", [2, 10, 50])
def test_superpixels_are_numbered_without_gaps_and_not_too_many(wanted, images):
    for image in (*images, torch.ones(1, 32, 32)):
        found = superpixels(image, wanted)
        assert set(found.flatten().tolist()) == set(range(int(found.max()) + 1))
        assert 1 <= int(found.max()) + 1 <= wanted


def test_a_linear_model_is_given_back(images, targets, context_of):
    model, baseline = Linear(), torch.full((1, 32, 32), 0.3)
    context = context_of(images, baseline)
    methods = [FeatureAblation(segments=20), KernelShap(segments=20, samples=200), Lime(segments=20, samples=200)]
    for i in range(4):
        segments = superpixels(images[i], 20)
        expected = per_superpixel(model, images[i], targets[i], baseline, segments)
        size = float(expected.abs().max())
        for method, near in zip(methods, (1e-4, 1e-4, 0.05), strict=True):  # lime: its ridge shrinks
            found = method(model, images, targets, context)[i]
            assert float((found - expected).abs().max()) < near * size, method


def test_kernel_shap_is_the_shapley_value_of_all_sets(build, images, targets, context_of):
    model, context = build("small-cnn"), context_of(images)
    segments = superpixels(images[0], 5)
    count = int(segments.max()) + 1
    assert 3 <= count <= 5
    sets = torch.tensor(list(itertools.product((0.0, 1.0), repeat=count)))
    with torch.no_grad():
        logits = presence_logits(model, images[:1], segments, sets, targets[:1], context)
    value = {tuple(row.tolist()): float(logit) for row, logit in zip(sets, logits, strict=True)}
    exact = torch.zeros(count, dtype=torch.float64)
    for row in value:
        for i in range(count):
            if row[i] == 0:
                size = int(sum(row))
                weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
                exact[i] += weight * (value[(*row[:i], 1.0, *row[i + 1 :])] - value[row])
    found = KernelShap(segments=5, samples=4000)(model, images[:1], targets[:1], context_of(images[:1]))[0]
    expected = spread(exact, segments)
    assert float((found - expected).abs().max()) < 0.05 * float(expected.abs().max())
    total = value[(1.0,) * count] - value[(0.0,) * count]
    assert float(found.double().sum()) == pytest.approx(total, rel=1e-3, abs=1e-4)


def test_shapley_sets_come_in_pairs_after_nothing_and_everything():
    present = shapley_sets(11, 6, torch.Generator().manual_seed(0))
    assert present[0].sum() == 0
    assert present[1].sum() == 6
    assert all(((present[row] + present[row + 1]) == 1).all() for row in range(2, 10, 2))
    assert ((present[2:].sum(1) > 0) & (present[2:].sum(1) < 6)).all()


def test_few_samples_still_sum_to_the_difference():
    present = shapley_sets(5, 30, torch.Generator().manual_seed(0)).double()
    logits = torch.randn(5, generator=torch.Generator().manual_seed(1)).double()
    assert float(shapley_values(present, logits).sum()) == pytest.approx(float(logits[1] - logits[0]))


def test_ridge_is_the_normal_equations():
    generator = torch.Generator().manual_seed(0)
    present = coin_flips(40, 6, generator).double()
    logits, weights = torch.randn(40, generator=generator).double(), torch.rand(40, generator=generator).double()
    design = torch.cat([present, torch.ones(40, 1).double()], 1)
    shares = torch.diag(weights / weights.sum())
    penalty = 0.1 * torch.diag(torch.tensor([1.0] * 6 + [0.0])).double()
    expected = torch.linalg.solve(design.T @ shares @ design + penalty, design.T @ shares @ logits)
    torch.testing.assert_close(ridge(present, logits, weights, 0.1), expected[:6])


@pytest.mark.parametrize("width", [0.25, 0.6])
def test_lime_is_scikit_learns_ridge_weighted_by_the_cosine_to_the_whole_image(
    width, build, images, targets, context_of
):
    model, context, samples = build("small-cnn").double(), context_of(images), 60
    segments = superpixels(images[0], 8)
    present = coin_flips(samples, int(segments.max()) + 1, torch.Generator().manual_seed(int(context.seeds[0])))
    with torch.no_grad():
        shown = images[0].double() * present[:, segments].unsqueeze(1)  # the baseline is 0
        logits = model(shown)[:, targets[0]].numpy()
    distances = [cosine(row, np.ones(len(row))) if row.any() else 1.0 for row in present.double().numpy()]
    weights = np.exp(-np.square(distances) / width**2)
    fitted = Ridge(alpha=1e-3).fit(present.double().numpy(), logits, sample_weight=weights / weights.sum())
    found = Lime(segments=8, samples=samples, width=width)(model, images.double(), targets, context)[0]
    expected = spread(torch.from_numpy(fitted.coef_), segments)
    torch.testing.assert_close(found, expected, atol=1e-7 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize("seed", range(3))
def test_limes_first_set_is_the_whole_image_and_the_others_are_coins(seed):
    present = coin_flips(2000, 10, torch.Generator().manual_seed(seed))
    assert present[0].tolist() == [1] * 10
    assert chisquare(np.bincount(present[1:].flatten().int())).pvalue > 1e-3


def test_shapley_values_of_a_game_that_three_players_win_together():
    """They share the gain and the others get nothing; with sizes drawn in other numbers these get a part of it."""
    present = shapley_sets(20000, 8, torch.Generator().manual_seed(0)).double()
    found = shapley_values(present, present[:, :3].prod(1))
    torch.testing.assert_close(found[:3], torch.full((3,), 1 / 3).double(), atol=0.02, rtol=0)
    assert abs(float(found[3:].sum())) < 0.02


def test_shapley_sets_have_sizes_as_often_as_the_kernel_weighs_them():
    """C(S, s) sets of a size s, each of weight (S - 1) / (C(S, s) s (S - s)) (Lundberg & Lee, theorem 2)."""
    count, drawn = 9, shapley_sets(8002, 9, torch.Generator().manual_seed(1))[2::2]
    kernel = [(count - 1) / (math.comb(count, s) * s * (count - s)) for s in range(1, count)]
    expected = np.array([math.comb(count, s) * weight for s, weight in enumerate(kernel, 1)])
    sizes = np.bincount(drawn.sum(1).int(), minlength=count)[1:]
    assert chisquare(sizes, len(drawn) * expected / expected.sum()).pvalue > 1e-3


@pytest.mark.parametrize("wrong", [{"segments": 1}, {"samples": 2}])
def test_parameters_that_make_no_sense_are_usage_errors(wrong):
    with pytest.raises(UsageError):
        Lime(**wrong)
