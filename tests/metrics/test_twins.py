"""The axioms of twins, in closed form on linear models, and against their definitions on a network."""

import dataclasses

import pytest
import torch

from tests.metrics.cases import evidence, linear_model
from xraybench import registry
from xraybench.errors import NotApplicableError
from xraybench.explaining import ExplainAgain
from xraybench.metrics.twin_completeness import TwinCompleteness
from xraybench.metrics.twin_direction import TwinDirection
from xraybench.metrics.twin_localisation import TwinLocalisation
from xraybench.metrics.twin_symmetry import TwinSymmetry
from xraybench.registry import Call
from xraybench.spec import Context, Contrasting, Explainer, Twins

AXIOMS = [TwinSymmetry(), TwinDirection(tau=0.0), TwinCompleteness(tau=0.0)]
CONTRASTING = ["integrated-gradients", "deeplift", "occlusion", "rise", "lime", "kernel-shap", "feature-ablation"]


def linear(gain=1.0, offset=0.0):
    """Twins of an additive model, under a method that hands out `gain` times the contributions plus an offset."""
    model = linear_model(12)
    weights = model[1].weight.detach().view(1, 12, 12)
    here = evidence(model=model, targets=torch.zeros(6, dtype=torch.int64), maps=torch.zeros(6, 12, 12))

    def explain(images, model=None):
        return gain * weights * images[:, 0] + offset

    def contrast(images, baselines):
        return gain * weights * (images - baselines)[:, 0] + offset

    here = dataclasses.replace(here, maps=explain(here.images), explain=explain, contrast=contrast)
    return here, weights * (here.images - here.twins.images)[:, 0]


def test_contributions_of_an_additive_model_are_opposite_and_complete():
    here, changes = linear()
    assert TwinSymmetry()(here).max() == 0
    assert TwinCompleteness()(here).max() < 1e-5
    total, size = changes.double().flatten(1).sum(1), changes.double().flatten(1).abs().sum(1)
    torch.testing.assert_close(TwinDirection(tau=0.0)(here), total.abs() / size, atol=1e-5, rtol=0)


def test_half_the_contributions_miss_half_and_an_offset_breaks_the_symmetry():
    half, _ = linear(gain=0.5)
    torch.testing.assert_close(TwinCompleteness()(half), torch.full((6,), 0.5).double(), atol=1e-5, rtol=0)
    assert TwinSymmetry()(half).max() == 0
    here, changes = linear(offset=0.1)
    there, back = (sign * changes.double() + 0.1 for sign in (1, -1))
    expected = torch.full((6,), 0.2 * 12) / (there.flatten(1).norm(dim=1) + back.flatten(1).norm(dim=1))
    torch.testing.assert_close(TwinSymmetry()(here), expected.double(), atol=1e-5, rtol=0)
    equal = dataclasses.replace(here, contrast=lambda images, baselines: here.maps, shared={})
    torch.testing.assert_close(TwinSymmetry()(equal), torch.ones(6).double())


def test_against_the_logit_the_direction_is_reversed_and_an_unchanged_map_has_none():
    here, _ = linear()
    wrong, _ = linear(gain=-1.0)
    torch.testing.assert_close(TwinDirection()(wrong), -TwinDirection()(here))
    still = dataclasses.replace(here, explain=lambda images, model=None: here.maps, shared={})
    assert TwinDirection(tau=0.0)(still).tolist() == [0.0] * 6


def test_a_finding_that_only_adds_has_direction_one():
    here, changes = linear()
    signed = changes.flatten(1).sum(1).sign()[:, None, None]
    plain = dataclasses.replace(here, maps=signed * here.twins.difference, shared={})
    plain = dataclasses.replace(plain, explain=lambda images, model=None: torch.zeros(6, 12, 12))
    assert TwinDirection(tau=0.0)(plain).tolist() == [1.0] * 6


@pytest.mark.parametrize("axiom", AXIOMS, ids=lambda axiom: type(axiom).__name__)
def test_twins_may_be_shown_either_way_round(axiom):
    here = evidence()
    round_ = dataclasses.replace(
        here,
        images=here.twins.images,
        maps=here.explain(here.twins.images),
        twins=Twins(here.images, here.twins.difference),
        shared={},
    )
    torch.testing.assert_close(axiom(round_), axiom(here), atol=1e-4, rtol=1e-4)


def test_pairs_that_the_model_takes_for_equal_are_undefined():
    here = evidence()
    for axiom in (TwinDirection(tau=100.0), TwinCompleteness(tau=100.0)):
        assert axiom(here).isnan().all()


def test_explanations_of_twins_are_computed_once_for_all_metrics():
    calls = []

    def explain(images, model=None):
        calls.append(len(images))
        return images.sum(1)

    here = dataclasses.replace(evidence(), explain=explain)
    TwinLocalisation(tau=-100.0)(here), TwinDirection()(here)
    assert calls == [6]


def test_what_is_missing_is_said():
    here = evidence()
    with pytest.raises(NotApplicableError, match="no baseline"):
        TwinCompleteness()(dataclasses.replace(here, contrast=None))
    with pytest.raises(NotApplicableError, match="no twins"):
        TwinSymmetry()(dataclasses.replace(here, twins=None))


def again(name, model, **parameters):
    built: Explainer = registry.build("explainers", Call(name, parameters))
    zeros = torch.zeros(1, 12, 12)
    context = Context(zeros, zeros[None], torch.full((1, 1, 1), -9.0), torch.full((1, 1, 1), 9.0), torch.arange(6))
    return ExplainAgain(built, model, torch.zeros(6, dtype=torch.int64), context)


def test_these_explainers_have_a_baseline():
    built = {name: registry.build("explainers", Call(name, {})) for name in registry.EXPLAINERS}
    assert [name for name, one in built.items() if isinstance(one, Contrasting)] == CONTRASTING


@pytest.mark.parametrize(("name", "parameters"), [("integrated-gradients", {"steps": 2}), ("deeplift", {})])
def test_methods_that_promise_it_are_symmetric_and_complete_on_a_network(name, parameters):
    here = evidence(targets=torch.zeros(6, dtype=torch.int64))
    here.model.requires_grad_(False)
    if name == "integrated-gradients":
        parameters = {"steps": 128}
    bound = again(name, here.model, **parameters)
    here = dataclasses.replace(here, maps=bound(here.images), explain=bound, contrast=bound.against)
    assert TwinSymmetry()(here).max() < 1e-4
    assert TwinCompleteness(tau=0.01)(here).nan_to_num().max() < 0.03


@pytest.mark.parametrize("name", ["occlusion", "feature-ablation"])
def test_with_the_twin_as_baseline_a_linear_model_is_explained_by_what_changed(name):
    model, targets = linear_model(12).requires_grad_(False), torch.zeros(6, dtype=torch.int64)
    here = evidence(model=model, targets=targets, maps=torch.zeros(6, 12, 12))
    maps = again(name, model).against(here.images, here.twins.images)
    assert maps.abs().sum() > 0
    if name == "feature-ablation":  # the falls of all superpixels add up
        complete = TwinCompleteness(tau=0.0)(dataclasses.replace(here, contrast=lambda images, baselines: maps))
        assert complete.max() < 1e-4
