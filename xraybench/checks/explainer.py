"""Does an explainer keep its contract, on every model it claims?"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from xraybench import registry
from xraybench.counting import counting
from xraybench.errors import NotApplicableError
from xraybench.spec import ClassAgnostic, Context, Explainer
from xraybench.untouched import changed, state_of

SLACK = 1.05  # what an explainer may spend over its declared price
IMAGES, SIDE = 6, 32
SMALL = ("mlp-400-tanh", "small-cnn", "densenet-tiny")  # models that take images of that side and are quick
# In float32 a batch of another size, which sums in another order, moves gradients at the kinks of ReLUs and maxima, and
# LRP where it divides by sums near zero. What differs in float64 comes from batch mates.
ROUNDING, LAST_DIGITS = 1e-2, 1e-9
MANY = 16  # images of a batch in which each is to be as if alone


@dataclass(frozen=True)
class Finding:
    """One promise, and whether it is kept; detail says on which model and what was seen.

    skipped: why the explainer does not apply to the model, where it does not.
    """

    name: str
    passed: bool
    detail: str
    skipped: str = ""


def small_models(side: int = SIDE, in_channels: int = 1, num_outputs: int = 3) -> dict[str, nn.Module]:
    """The small built-in models with fixed random weights, in eval mode: what explainers are checked on."""
    models = {}
    for name in SMALL:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model: nn.Module = registry.load(registry.find("models", name))(num_outputs, in_channels, side)
            models[name] = model.eval()
    return models


def check_explainer(explainer: Explainer, models: Mapping[str, nn.Module], side: int = SIDE) -> list[Finding]:
    """Every promise of the contract on every model (of images [B,1,side,side]), one finding each; nothing is raised."""
    return [finding for name, model in models.items() for finding in _on_model(trial(explainer, model, side), name)]


@dataclass(frozen=True)
class Trial:
    """An explainer with a model and something to explain."""

    explainer: Explainer
    model: nn.Module
    images: Tensor
    targets: Tensor
    context: Context

    def maps(self, rows: slice = slice(None), batch_size: int | None = None) -> Tensor:
        """The maps of these rows."""
        context = dataclasses.replace(
            self.context, seeds=self.context.seeds[rows], batch_size=batch_size or self.context.batch_size
        )
        return self.explainer(self.model, self.images[rows], self.targets[rows], context)


def trial(explainer: Explainer, model: nn.Module, side: int = SIDE, count: int = IMAGES) -> Trial:
    """Fixed random images [count,1,side,side] in [0,1] under a fixed context."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, 1, side, side, generator=generator)
    background = torch.rand(4, 1, side, side, generator=generator)
    low, high = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    context = Context(background.mean(0), background, low, high, torch.arange(count) + 7, batch_size=16)
    return Trial(explainer, model, images, torch.arange(count) % 2, context)


def same_among_many(explainer: Explainer, model: nn.Module, side: int = SIDE) -> str:
    """What is wrong, or nothing: images of a full batch against each alone, in the float64 of the model.

    The first, one inside and the last. For explainers that compute in the images' precision, as all built-in ones do.
    """
    case = trial(explainer, model, side, MANY)
    case = dataclasses.replace(case, images=case.images.double())
    rows = [0, MANY // 2 - 1, MANY - 1]
    alone = torch.cat([case.maps(slice(row, row + 1), batch_size=5) for row in rows])
    return _differ(case.maps()[rows], alone, tolerance=LAST_DIGITS)


def _on_model(case: Trial, name: str) -> list[Finding]:
    try:
        case.maps(slice(0, 1))
    except NotApplicableError as error:
        return [Finding("applies", True, f"{name}: not applicable: {error.message}", error.message)]
    except Exception as error:
        return [Finding("applies", False, f"{name}: {error!r}")]
    if case.explainer.needs == "convolution" and getattr(case.model, "cam_layer", None) is None:
        fault = "explained a model that has no convolution's maps, though it needs them"
        return [Finding("refuses a model without maps", False, f"{name}: {fault}")]
    return [_guarded(promise, name, partial(check, case)) for promise, check in PROMISES.items()]


def _guarded(promise: str, model: str, check: Callable[[], str]) -> Finding:
    """A check returns what is wrong, or nothing."""
    try:
        fault = check()
    except Exception as error:
        fault = repr(error)
    return Finding(promise, not fault, f"{model}: {fault or 'as promised'}")


def _shape(case: Trial) -> str:
    maps = case.maps()
    if maps.shape != (IMAGES, *case.images.shape[2:]) or maps.dtype != torch.float32 or maps.requires_grad:
        return f"maps are {tuple(maps.shape)} {maps.dtype}, requires_grad={maps.requires_grad}"
    return "" if bool(maps.isfinite().all()) else "maps hold NaN or infinite values"


def _sign(case: Trial) -> str:
    lowest = float(case.maps().min())
    return f"declares that maps are not signed, gives {lowest:.2g}" if lowest < 0 and not case.explainer.signed else ""


def _same_twice(case: Trial) -> str:
    first = case.maps()
    torch.rand(1)  # the global generator moves between two calls
    return _differ(first, case.maps(), tolerance=1e-6)


def _same_alone(case: Trial) -> str:
    """To rounding; where float32 has crossed a kink by it, to the last digits of float64."""
    exact = dataclasses.replace(case, model=copy.deepcopy(case.model).double(), images=case.images.double())
    return _alone_or_not(case, ROUNDING) and _alone_or_not(exact, LAST_DIGITS)


def _alone_or_not(case: Trial, tolerance: float) -> str:
    alone = torch.cat([case.maps(slice(i, i + 1), batch_size=5) for i in range(IMAGES)])
    return _differ(case.maps(), alone, tolerance)


def _differ(first: Tensor, second: Tensor, tolerance: float) -> str:
    scale = first.abs().flatten(1).amax(1).clamp(min=1e-12)
    worst = float(((first - second).abs().flatten(1).amax(1) / scale).max())
    return f"maps differ by {worst:.2g} of their largest value" if worst > tolerance else ""


def _images_kept(case: Trial) -> str:
    before = case.images.clone()
    case.maps()
    return "" if torch.equal(before, case.images) and not case.images.requires_grad else "the images were changed"


def _model_kept(case: Trial) -> str:
    before = state_of(case.model)
    case.maps()
    return changed(before, state_of(case.model))


def _model_kept_after_an_error(case: Trial) -> str:
    """Errors at the whole model's output, in the first call and in the last, and inside; on the way there and back."""
    leaves = [module for module in case.model.modules() if not [*module.children()]]
    places = [(module, stage) for module in (case.model, leaves[len(leaves) // 2]) for stage in (_Forward, _Backward)]
    hooks = [(module, stage()) for module, stage in places]
    _explained_under(case, *hooks)
    for (module, stage), (_, counted) in zip(places, hooks, strict=True):
        first = 1 if module is case.model else counted.passed
        for at in sorted({first, counted.passed}) if counted.passed else ():
            fault = _explained_under(case, (module, stage(at)))
            if fault:
                return f"after an error: {fault}"
    return ""


class _Interrupted(Exception):  # noqa: N818 - it is no error of ours
    """Raised inside a model to see what an explainer leaves behind."""


class _Forward:
    """A forward hook that counts what passes and raises at one of it, or at none (0)."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.passed = at, 0

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.count()

    def count(self) -> None:
        """One more has passed."""
        self.passed += 1
        if self.passed == self.at:
            raise _Interrupted


class _Backward(_Forward):
    """The same of gradients on their way back."""

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.requires_grad:
            output.register_hook(lambda gradient: self.count())


def _explained_under(case: Trial, *hooks: tuple[nn.Module, _Forward]) -> str:
    """What is wrong, or nothing, once maps were made while these hooks raised where they do."""
    before = state_of(case.model)
    handles = [module.register_forward_hook(hook) for module, hook in hooks]
    quiet = False
    try:
        case.maps()
        quiet = any(0 < hook.at <= hook.passed for _, hook in hooks)
    except _Interrupted:
        pass
    finally:
        for handle in handles:
            handle.remove()
    return changed(before, state_of(case.model)) or ("it was kept quiet" if quiet else "")


def _explains_the_logit(case: Trial) -> str:
    """Other logits shifted by a constant: probabilities change, the target's logit does not."""
    case = dataclasses.replace(case, targets=torch.zeros_like(case.targets))
    before = case.maps()

    def shift(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return output + 3.0 * (torch.arange(output.shape[-1], device=output.device) > 0)

    handle = case.model.register_forward_hook(shift)
    try:
        return _differ(before, case.maps(), tolerance=ROUNDING)
    finally:
        handle.remove()


def _same_for_all_targets(case: Trial) -> str:
    if not (isinstance(case.explainer, ClassAgnostic) and case.explainer.class_agnostic):
        return ""
    other = dataclasses.replace(case, targets=1 - case.targets)
    return _differ(case.maps(), other.maps(), tolerance=ROUNDING)


def _price(case: Trial) -> str:
    with counting(case.model) as count:
        case.maps()
    spent, declared = count.image_forwards / IMAGES, case.explainer.cost(case.images.shape[-1])
    return f"declares {declared} image-forwards, spends {spent:.1f}" if spent > SLACK * declared + 1 else ""


PROMISES: Mapping[str, Callable[[Trial], str]] = {
    "returns float32 maps [B,H,W], finite": _shape,
    "gives nothing below 0 if not signed": _sign,
    "gives the same map twice": _same_twice,
    "gives an image the same map alone and in a batch": _same_alone,
    "leaves the images as they are": _images_kept,
    "leaves the model as it was": _model_kept,
    "leaves the model as it was after an error": _model_kept_after_an_error,
    "explains the logit, not a probability": _explains_the_logit,
    "gives all targets the same map if class-agnostic": _same_for_all_targets,
    "costs what it declares": _price,
}
