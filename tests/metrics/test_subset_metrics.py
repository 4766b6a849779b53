"""Metrics on random subsets: against a loop over subsets in numpy, on additive models, and shared by all maps."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from scipy.stats import pearsonr
from torch import nn

from tests.metrics.cases import evidence, linear_model
from xraybench.errors import UsageError
from xraybench.metrics._probes import correlation, subsets
from xraybench.metrics.faithfulness_correlation import FaithfulnessCorrelation
from xraybench.metrics.infidelity import Infidelity
from xraybench.metrics.sensitivity_n import SHARES, SensitivityN


def exact():
    """Evidence in double precision, where a machine's rounding is nothing beside what a formula changes."""
    return evidence(dtype=torch.float64)


def falls(here, removed):
    """f(x) - f(x with `removed` [draws,H,W] at the training mean), image 2's."""
    with torch.no_grad():
        target = here.targets[2]
        without = torch.where(removed[:, None], here.baseline, here.images[2])
        return (here.model(here.images[2:3])[0, target] - here.model(without)[:, target]).numpy()


def test_faithfulness_correlation_is_pearsons_over_the_subsets():
    here, metric = exact(), FaithfulnessCorrelation(draws=12)
    removed = subsets(here, metric, metric.share)[2]
    total = (here.maps[2] * removed).sum((1, 2)).numpy()
    assert metric(here)[2].item() == pytest.approx(pearsonr(total, falls(here, removed))[0], abs=1e-12)


def test_sensitivity_n_is_the_mean_of_the_sizes():
    here, metric = exact(), SensitivityN(draws=12)
    each = []
    for share in SHARES:
        removed = subsets(here, metric, share)[2]
        total = (here.maps[2] * removed).sum((1, 2)).numpy()
        each.append(pearsonr(total, falls(here, removed))[0])
    assert metric(here)[2].item() == pytest.approx(np.mean(each), abs=1e-12)


class Threshold(nn.Module):
    """How far the weights of the dark pixels of an image, of their whole, exceed a share."""

    def __init__(self, weights, share):
        super().__init__()
        self.weights, self.share = weights / weights.sum(), share

    def forward(self, images):
        return ((1 - images[:, 0]) * self.weights - self.share / 144).sum((1, 2)).clamp(min=0)[:, None]


@pytest.mark.parametrize(("share", "expected"), [(0.35, 1.0), (0.9, np.nan)])
def test_sensitivity_n_leaves_out_sizes_at_which_the_output_never_moves(share, expected):
    """Pixels of nearly the same weight: a quarter of them is never as much as 0.35, half of them always is more."""
    weights = 0.9 + 0.2 * torch.rand(12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    here = evidence(
        model=Threshold(weights, share),
        images=torch.ones(6, 1, 12, 12, dtype=torch.float64),
        baseline=torch.zeros(1, 12, 12, dtype=torch.float64),
        targets=torch.zeros(6, dtype=torch.int64),
        maps=-weights.expand(6, 12, 12),
    )
    np.testing.assert_allclose(SensitivityN()(here), np.full(6, expected), atol=1e-9)


def test_infidelity_is_the_residual_of_the_best_scale_that_is_not_negative():
    here, metric = exact(), Infidelity(draws=12)
    removed = subsets(here, metric, metric.share)[2]
    change = torch.where(removed, here.images[2, 0] - here.baseline[0], 0.0)
    predicted, fall = (change * here.maps[2]).sum((1, 2)).numpy(), falls(here, removed)
    _, left = nnls(predicted[:, None], fall)
    assert metric(here)[2].item() == pytest.approx(left**2 / np.square(fall).sum(), abs=1e-12)


def test_infidelity_tells_a_map_from_its_opposite():
    here = exact()
    opposite = dataclasses.replace(here, maps=-here.maps, shared={})
    scores = torch.stack([Infidelity()(here), Infidelity()(opposite)])
    assert (scores.amax(0) == 1).all()
    assert (scores.amin(0) < 1).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_on_an_additive_model_contributions_correlate_fully(channels):
    model = linear_model(12, channels)
    weights = model[1].weight.detach().view(1, channels, 12, 12)
    here = evidence(
        channels=channels, model=model, targets=torch.zeros(6, dtype=torch.int64), maps=torch.zeros(6, 12, 12)
    )
    maps = (weights * (here.images - here.baseline)).sum(1)
    full = dataclasses.replace(here, maps=maps, shared={})
    torch.testing.assert_close(FaithfulnessCorrelation()(full), torch.ones(6, dtype=torch.float64), atol=1e-5, rtol=0)
    torch.testing.assert_close(SensitivityN()(full), torch.ones(6, dtype=torch.float64), atol=1e-5, rtol=0)
    if channels == 1:  # the gradient predicts every change of an additive model
        gradient = dataclasses.replace(here, maps=weights[0].expand(6, -1, -1).clone(), shared={})
        assert Infidelity()(gradient).max() < 1e-8


def test_subsets_do_not_depend_on_the_map_and_have_their_size():
    here, metric = evidence(size=32), FaithfulnessCorrelation(draws=8)
    other = dataclasses.replace(here, maps=-here.maps.flip(1), shared={})
    for share in (1 / 16, 0.25, 0.5):
        removed = subsets(here, metric, share)
        assert torch.equal(removed, subsets(other, metric, share))
        assert (removed.flatten(2).double().mean(2) == share).all()
        blocks = removed.view(6, 8, 16, 2, 16, 2)
        assert (blocks == blocks[:, :, :, :1, :, :1]).all()
    assert not torch.equal(subsets(here, metric, 0.25)[0], subsets(here, metric, 0.25)[1])


def test_ten_maps_cost_what_one_does():
    here, kept, calls = evidence(), {}, []

    def artefacts(key, compute):
        if key not in kept:
            calls.append(key)
            kept[key] = compute()
        return kept[key]

    for seed in range(10):
        maps = torch.randn(6, 12, 12, generator=torch.Generator().manual_seed(seed))
        SensitivityN()(dataclasses.replace(here, maps=maps, shared={}, artefacts=artefacts))
    assert len(calls) == 1 + 2 * len(SHARES)  # f(x); for each share the subsets, and f without them


def test_constant_rows():
    one = torch.tensor([[1.0, 1.0, 1.0], [1.0, 2.0, 4.0], [1.0, 2.0, 4.0]], dtype=torch.float64)
    other = torch.tensor([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0], [-1.0, -2.0, -4.0]], dtype=torch.float64)
    found = correlation(one, other)
    assert found[0] == 0
    assert found[1].isnan()
    assert found[2] == pytest.approx(-1)


@pytest.mark.parametrize("settings", [{"draws": 2}, {"patch": 0.0}, {"imputer": "men"}])
def test_unusable_settings_are_refused(settings):
    with pytest.raises(UsageError):
        FaithfulnessCorrelation(**settings)
