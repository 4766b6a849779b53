"""Relevance goes through a copy that is prepared once while the model is the same, and anew when it is not."""

import copy
import dataclasses
import gc
import weakref
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from xraybench.counting import counting
from xraybench.explainers import _kept, _relevance
from xraybench.explainers._relevance import prepared
from xraybench.explainers.deeplift import DeepLift
from xraybench.explainers.lrp import EpsilonPlusFlat, ExcitationBackprop
from xraybench.explainers.zennit_peer import Zennit
from xraybench.metrics._randomise import randomised, units
from xraybench.spec import Context

LRP = EpsilonPlusFlat()


@pytest.fixture
def made(monkeypatch) -> list[str]:
    """The treatments of BatchNorm for which copies were made, one for each copy."""
    found: list[str] = []

    def counted(model: nn.Module, bn: str) -> nn.Module:
        found.append(bn)
        return prepared(model, bn)

    monkeypatch.setattr(_relevance, "prepared", counted)
    return found


@pytest.fixture
def explain(images, targets, context_of) -> Callable[..., torch.Tensor]:
    """explain(model, explainer=LRP): maps of the images, in the model's dtype."""
    context = context_of(images)

    def call(model: nn.Module, explainer=LRP) -> torch.Tensor:
        return explainer(model, images.to(next(model.parameters())), targets, context)

    return call


def test_a_model_is_prepared_once_for_all_rules(build, explain, made):
    model = build("densenet-tiny")
    first = explain(model)
    for explainer in (ExcitationBackprop(), Zennit("EpsilonPlus")):
        explain(model, explainer)
    assert torch.equal(explain(model), first)
    assert made == ["canonised"]


def under_no_grad(model: nn.Module) -> None:
    with torch.no_grad():
        model.get_submodule("2").weight[0].mul_(-1)


def through_data(model: nn.Module) -> None:
    model.get_submodule("2").weight.data.mul_(-1)


def of_a_buffer(model: nn.Module) -> None:
    model.get_submodule("3").running_var.mul_(3)


def of_a_tensor_for_another(model: nn.Module) -> None:
    model.get_submodule("2").weight.data = torch.randn_like(model.get_submodule("2").weight)


def of_a_module(model: nn.Module) -> None:
    model.set_submodule("4", nn.LeakyReLU(0.7))


def of_the_dtype(model: nn.Module) -> None:
    model.double()


@pytest.mark.parametrize(
    "change", [under_no_grad, through_data, of_a_buffer, of_a_tensor_for_another, of_a_module, of_the_dtype]
)
def test_a_changed_model_is_prepared_anew(change, explain, made):
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU()
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(784, 3)).eval()
    before = explain(model)
    change(model)
    after = explain(model)
    assert len(made) == 2
    assert not torch.allclose(before.to(after), after, rtol=1e-10, atol=0)
    assert torch.equal(after, explain(copy.deepcopy(model)))


def test_another_treatment_of_batchnorm_is_another_copy(build, explain, made):
    model = build("densenet-tiny")
    canonised, passed = explain(model), explain(model, EpsilonPlusFlat(bn="pass"))
    assert made == ["canonised", "pass"]
    assert not torch.allclose(canonised, passed)


def test_randomised_copies_have_maps_of_their_own(build, explain):
    model = build("small-cnn")
    before = explain(model)
    stages = [randomised(model, units(model)[-count:]) for count in (1, 3)]
    found = [explain(stage) for stage in stages]
    for stage, maps in zip(stages, found, strict=True):
        assert torch.equal(maps, explain(copy.deepcopy(stage)))
        assert not torch.allclose(maps, before)
    assert torch.equal(explain(model), before)


def test_passes_are_counted_while_they_are_counted_and_no_longer(build, explain):
    model = build("small-cnn")
    explain(model)
    with counting(model) as count:
        explain(model)
    explain(model)
    assert (count.forwards, count.backwards) == (4, 4)


def test_a_copy_that_failed_is_used_no_more(build, explain, made):
    model = build("small-cnn")
    before = explain(model)

    def fail(*_: object) -> None:
        raise RuntimeError("in the middle")

    handle = model.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        explain(model)
    handle.remove()
    assert torch.equal(explain(model), before)
    assert len(made) == 2


def test_the_copy_goes_with_the_model_even_where_a_hook_knows_the_model(build, explain):
    def looks(module: nn.Module, inputs: object, output: object, known: list[nn.Module]) -> None:
        assert known

    model = build("small-cnn")
    handle = model.register_forward_hook(partial(looks, known=[model]))
    explain(model)
    gone = weakref.ref(_kept._KEPT[model].made["relevance"].module)
    handle.remove()
    del model, handle
    for _ in range(3):  # one that another thread has begun makes this one do nothing
        gc.collect()
    assert gone() is None


def test_a_baseline_passes_once_while_it_and_the_model_are_the_same(build, images, targets, context_of):
    model, context = build("small-cnn"), context_of(images)
    other = dataclasses.replace(context, baseline=context.baseline + 0.1)

    def forwards(given: Context) -> int:
        with counting(model) as count:
            maps = DeepLift()(model, images, targets, given)
        assert torch.equal(maps, DeepLift()(copy.deepcopy(model), images, targets, given))
        return count.forwards - len(images)

    assert [forwards(given) for given in (context, context, other, other, context)] == [1, 0, 1, 0, 1]
    model.get_parameter(next(iter(dict(model.named_parameters())))).data.mul_(-1)
    assert [forwards(context), forwards(context)] == [1, 0]
