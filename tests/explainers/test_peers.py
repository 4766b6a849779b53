"""captum's attributions and zennit's composites by name: faithful to the library, strict about names."""

import inspect
import math
from typing import get_args

import captum.attr
import numpy as np
import pytest
import torch
import zennit.composites
from captum.attr._utils.approximation_methods import SUPPORTED_METHODS
from zennit.attribution import Gradient as ZennitGradient

from xraybench import registry
from xraybench.checks.conservation import case
from xraybench.counting import counting
from xraybench.errors import NotApplicableError, UsageError
from xraybench.explainers.captum_peer import METHODS, NOT_OFFERED, TYPES, Captum
from xraybench.explainers.zennit_peer import COMPOSITES, Zennit

pytestmark = pytest.mark.filterwarnings("ignore:Input Tensor", "ignore:Setting")

OURS = {"cells", "alpha", "bn"}  # parameters that the libraries do not have by these names
CHOSEN = {"sliding_window_shapes", "n_samples"}  # required by captum, or too few by default


@pytest.mark.parametrize("method", METHODS)
def test_the_table_says_what_captum_takes(method):
    made = getattr(captum.attr, method)
    accepted = {
        **inspect.signature(made.__init__).parameters,
        **inspect.signature(inspect.unwrap(made.attribute)).parameters,
    }
    for name, default in METHODS[method].defaults.items():
        if name not in OURS:
            assert name in accepted
            assert name in CHOSEN or accepted[name].default == default


@pytest.mark.parametrize("composite", COMPOSITES)
def test_the_table_says_what_zennit_takes(composite):
    accepted = inspect.signature(getattr(zennit.composites, composite).__init__).parameters
    for name, default in COMPOSITES[composite].items():
        assert name in OURS or accepted[name].default == default


def test_a_method_is_captums_own(build, images, targets, context_of):
    model, baseline = build("small-cnn"), torch.full((1, 32, 32), 0.5)
    call = registry.parse_call("captum:Occlusion(sliding_window_shapes=[1,8,8], strides=[1,4,4])")
    found = registry.build("explainers", call)(model, images, targets, context_of(images, baseline))
    expected = captum.attr.Occlusion(model).attribute(
        images, (1, 8, 8), strides=(1, 4, 4), baselines=baseline[None], target=targets
    )
    torch.testing.assert_close(found, expected.sum(1), atol=1e-6, rtol=1e-4)


def test_a_random_method_draws_from_the_images_seed_and_moves_no_global_state(build, images, targets, context_of):
    model, context = build("small-cnn"), context_of(images)
    explain = Captum("GradientShap", (("n_samples", 3),))
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = explain(model, images, targets, context)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])
    torch.rand(3)
    torch.testing.assert_close(explain(model, images, targets, context), first)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs_and_costs_about_what_it_says(method, build, images, targets, context_of):
    model, explain = build("small-cnn"), Captum(method, (("n_samples", 4),) if "ShapleyValue" in method else ())
    context = context_of(images)
    with counting(model) as count:
        maps = explain(model, images, targets, context)
    assert maps.shape == (4, 32, 32)
    assert bool(maps.isfinite().all())
    assert (maps.min() >= 0) or explain.signed
    background = len(context.background) / 16 if method == "DeepLiftShap" else 1
    assert count.image_forwards / 4 == pytest.approx(background * explain.cost(32), rel=0.2)


@pytest.mark.parametrize("method", METHODS)
def test_no_forward_of_a_method_is_larger_than_the_batch_size(method, build, images, targets, context_of):
    model, sizes = build("small-cnn"), []
    model.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    few = {name: value for name, value in {"n_samples": 4, "cells": 3}.items() if name in METHODS[method].defaults}
    context = context_of(images, batch_size=16)
    Captum(method, tuple(few.items()))(model, images, targets, context)
    # DeepLIFT sends each image through together with its baseline
    assert max(sizes) <= context.batch_size * (2 if method.startswith("DeepLift") else 1)


@pytest.mark.parametrize("composite", COMPOSITES)
def test_every_composite_runs_for_a_forward_and_a_backward(composite, build, images, targets, context_of):
    model, explain = build("densenet-tiny"), Zennit(composite)
    with counting(model) as count:
        maps = explain(model, images, targets, context_of(images))
    assert maps.shape == (4, 32, 32)
    assert bool(maps.isfinite().all())
    assert count.image_forwards / 4 == explain.cost(32)


def test_a_composite_is_zennits_own(build, images, targets, context_of):
    model = build("mlp-400-tanh").double()
    found = Zennit("EpsilonPlus", (("zero_params", "bias"),))(model, images.double(), targets, context_of(images))
    composite = zennit.composites.EpsilonPlus(zero_params="bias")
    with ZennitGradient(model=model, composite=composite) as attributor:
        _, expected = attributor(
            images.double().requires_grad_(),
            lambda logits: torch.zeros_like(logits).scatter(
                1, targets[:, None], logits.detach().gather(1, targets[:, None])
            ),
        )
    torch.testing.assert_close(found, expected.sum(1))


@pytest.mark.parametrize("family", ["small-cnn", "vgg", "cxr-cnn5", "densenet", "densenet121"])
def test_epsilon_plus_without_biases_hands_the_logit_down(family):
    """cxr-cnn5 has local response normalisation, which passes relevance as it comes."""
    model, images, targets, context = case(family, black=False)
    tight = (("zero_params", "bias"), ("epsilon", 1e-12), ("stabilizer", 1e-12))
    maps = Zennit("EpsilonPlus", tight)(model, images, targets, context)
    logits = model(images).gather(1, targets[:, None])[:, 0].detach()
    torch.testing.assert_close(maps.sum((1, 2)), logits, rtol=1e-4, atol=0)


def test_a_composite_notes_what_is_lost_of_the_logit(build, images, targets, context_of):
    model, context = build("small-cnn"), context_of(images)
    logits = model(images).gather(1, targets[:, None])[:, 0].detach()
    maps = (logits / 4)[:, None, None].expand(-1, 1, 3)
    (error,) = Zennit("EpsilonPlus").notes(model, images, targets, context, maps).items()
    assert error == ("conservation_error", pytest.approx(0.25))
    assert Zennit("GuidedBackprop").notes(model, images, targets, context, maps) == {}


@pytest.mark.parametrize("method", ["IntegratedGradients", "DeepLift", "DeepLiftShap", "GradientShap"])
def test_a_complete_attribution_notes_what_it_misses(method, build, images, targets, context_of):
    model, context = build("small-cnn"), context_of(images, torch.full((1, 32, 32), 0.5))
    references = context.background if "Shap" in method else context.baseline[None]
    change = (model(images) - model(references).mean(0)).gather(1, targets[:, None])[:, 0].detach()
    maps = (change / 4)[:, None, None].expand(-1, 1, 3)
    noted = Captum(method).notes(model, images, targets, context, maps)
    assert noted == {"completeness_error": pytest.approx(0.25, rel=1e-3)}
    without = Captum(method, (("multiply_by_inputs", False),))
    assert without.notes(model, images, targets, context, maps) == {}
    assert Captum("Occlusion").notes(model, images, targets, context, maps) == {}


def test_captums_deeplift_is_refused_where_it_is_incomplete(build, images, targets, context_of):
    baseline = torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(1))
    with pytest.raises(NotApplicableError, match="misses"):
        Captum("DeepLift")(build("densenet-tiny"), images, targets, context_of(images, baseline))


@pytest.mark.parametrize("name", ["GuidedBackprop", "Deconvolution"])
def test_changed_relus_need_relus(name, build, images, targets, context_of):
    with pytest.raises(NotApplicableError, match="none"):
        Captum(name)(build("mlp-400-tanh"), images, targets, context_of(images))


@pytest.mark.parametrize(
    ("call", "near"),
    [
        ("captum:Oclusion", "Occlusion"),
        ("captum:Occlusion(stride=2)", "strides"),
        ("zennit:EpsilonGamaBox", "EpsilonGammaBox"),
        ("zennit:EpsilonPlus(epsilom=1)", "epsilon"),
        ("captum:occlusion", "Occlusion"),
        ("zennit:EpsilonPlus(bn=merge)", "canonised"),
        ("zennit:EpsilonPlus(zero_params=bia)", "bias"),
        ("zennit:EpsilonPlus(epsilon=0)", "above 0"),
        ("zennit:EpsilonGammaBox(gamma=-0.5)", "0 .* or more"),
        ("zennit:BetaSmooth(beta_smooth=-1)", "above 0"),
        ("captum:Occlusion(strides=[1, 2.5, 8])", "whole number"),
        ("captum:Occlusion(strides=[1, 8])", "strides should be .*a list of at least 3"),
        ("captum:IntegratedGradients(n_steps=0)", "n_steps should be greater than or equal to 1"),
        ("captum:IntegratedGradients(method=midpoint)", "'riemann_middle'"),
    ],
)
def test_an_unknown_name_or_value_is_a_usage_error_with_the_near_one(call, near):
    with pytest.raises(UsageError, match=near):
        registry.build("explainers", registry.parse_call(call))


def test_the_quadratures_are_captums():
    assert list(get_args(TYPES["method"])) == SUPPORTED_METHODS


@pytest.mark.parametrize(
    ("parameters", "said"),
    [({"strides": [1, 4, 5]}, "no larger than windows"), ({"sliding_window_shapes": [1, 33, 8]}, "no larger than im")],
)
def test_windows_that_do_not_fit_are_refused_when_they_are_priced(parameters, said):
    explains = registry.build("explainers", registry.Call("captum:Occlusion", parameters))
    with pytest.raises(UsageError, match=said):
        explains.cost(32)


DEFAULTS = [
    (f"{library}:{name}", key, default)
    for library, known in (("captum", {name: one.defaults for name, one in METHODS.items()}), ("zennit", COMPOSITES))
    for name, defaults in known.items()
    for key, default in defaults.items()
]


@pytest.mark.parametrize(("name", "key", "default"), DEFAULTS)
def test_a_peers_parameter_takes_its_default_and_nothing_of_another_type(name, key, default):
    if default is not None:
        registry.build("explainers", registry.Call(name, {key: default}))
    for value in ({}, [0.5], math.nan):
        with pytest.raises(UsageError, match=f"does not take {key}="):
            registry.build("explainers", registry.Call(name, {key: value}))


@pytest.mark.parametrize("method", NOT_OFFERED)
def test_what_is_not_offered_says_why(method):
    with pytest.raises(UsageError, match="not offered"):
        Captum(method)
