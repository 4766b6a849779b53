"""What must hold of any maps: units do not count, opposites are opposite, and places do not matter to a spread."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.test_metrics import build
from tests.metrics.cases import evidence, gradients, linear_model
from xraybench import registry
from xraybench.metrics.complexity import Complexity
from xraybench.metrics.effective_complexity import EffectiveComplexity
from xraybench.metrics.faithfulness_correlation import FaithfulnessCorrelation
from xraybench.metrics.infidelity import Infidelity
from xraybench.metrics.mprt import Mprt
from xraybench.metrics.sensitivity_n import SensitivityN
from xraybench.metrics.sparseness import Sparseness
from xraybench.spec import Evidence

IN_UNITS_OF_THE_LOGIT = {"completeness", "conservation", "twin-completeness"}
seeds = st.integers(0, 10_000)


def in_other_units(here: Evidence, factor: float) -> Evidence:
    """As if the explainer had multiplied every map."""
    return dataclasses.replace(
        here,
        maps=factor * here.maps,
        explain=lambda images, model=None: factor * here.explain(images, model),
        contrast=lambda images, baselines: factor * here.contrast(images, baselines),
        shared={},
    )


def drawn(seed: int) -> Evidence:
    """Evidence with random maps of both signs."""
    maps = torch.randn(6, 12, 12, generator=torch.Generator().manual_seed(seed))
    return evidence(seed=seed, maps=maps)


@pytest.mark.parametrize("name", [name for name in registry.METRICS if name not in IN_UNITS_OF_THE_LOGIT])
@settings(max_examples=6, deadline=None)
@given(seeds, st.integers(-100, 60))
def test_the_units_of_the_maps_do_not_count(name, seed, power):
    """Multiplied by a power of two, which rounds nothing, from 1e-30 to 1e18."""
    here = evidence(seed=seed)
    torch.testing.assert_close(
        build(name)(in_other_units(here, 2.0**power)), build(name)(here), rtol=1e-9, atol=1e-12, equal_nan=True
    )


@settings(max_examples=30, deadline=None)
@given(seeds, seeds)
def test_spreads_see_neither_places_nor_signs(seed, order):
    here = drawn(seed)
    draw = torch.Generator().manual_seed(order)
    moved = here.maps.flatten(1)[:, torch.randperm(144, generator=draw)].view_as(here.maps)
    signs = torch.where(torch.rand(moved.shape, generator=draw) < 0.5, -1.0, 1.0)
    for metric in (Complexity(), Sparseness(), EffectiveComplexity()):
        torch.testing.assert_close(metric(dataclasses.replace(here, maps=signs * moved)), metric(here))


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(2, 144))
def test_the_entropy_of_equal_pixels_is_the_logarithm_of_their_number_and_of_others_less(seed, count):
    here = drawn(seed)
    places = torch.randperm(144, generator=torch.Generator().manual_seed(seed))[:count]
    few = torch.zeros(6, 144)
    few[:, places] = 2.5
    equal = Complexity()(dataclasses.replace(here, maps=few.view(6, 12, 12)))
    np.testing.assert_allclose(equal, np.log(count), rtol=1e-12)
    few[:, places] = here.maps.flatten(1)[:, places]
    assert (Complexity()(dataclasses.replace(here, maps=few.view(6, 12, 12))) < equal).all()


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_opposite_maps_have_opposite_correlations_and_one_infidelity_under_1(seed):
    here = drawn(seed)
    opposite = dataclasses.replace(here, maps=-here.maps, shared={})
    for metric in (FaithfulnessCorrelation(draws=8), SensitivityN(draws=8)):
        torch.testing.assert_close(metric(opposite), -metric(here))
    both = torch.stack([Infidelity(draws=8)(one) for one in (here, opposite)])
    assert (both.amax(0) == 1).all()
    assert (both.amin(0) < 1).all()


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(0.1, 10))
def test_what_foretells_every_fall_has_no_infidelity_in_any_units(seed, factor):
    """The falls of an additive model, and its weights as the map."""
    model = linear_model(12, seed=seed)
    weights = model[1].weight.detach().view(1, 12, 12).expand(6, -1, -1)
    here = evidence(model=model, targets=torch.zeros(6, dtype=torch.int64), maps=factor * weights, dtype=torch.float64)
    assert Infidelity()(here).max() < 1e-12


@settings(max_examples=10, deadline=None)
@given(seeds, st.sampled_from([lambda maps: maps**3, torch.sinh, torch.atan]))
def test_mprt_sees_the_order_of_the_pixels_alone(seed, rising):
    here = evidence(seed=seed, dtype=torch.float64)
    size = here.maps.abs().amax()
    bent = dataclasses.replace(
        here,
        maps=rising(here.maps / size),
        explain=lambda images, model=None: rising(gradients(model or here.model, images, here.targets) / size),
        shared={},
    )
    torch.testing.assert_close(Mprt(stages=2)(bent), Mprt(stages=2)(here))
