"""How captum is called: on a copy of the model, with what the context knows, random methods image by image."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import captum.attr
import numpy as np
import torch
from captum._utils.models.linear_model import SkLearnLasso
from torch import Tensor, nn

from xraybench.errors import NotApplicableError
from xraybench.explainers._batches import in_batches
from xraybench.explainers._copy import detached_copy
from xraybench.explainers._hooks import cam_layer, relus
from xraybench.explainers._model import explained
from xraybench.explainers._notes import completeness_error
from xraybench.spec import Context

RESCALING = ("DeepLift", "DeepLiftShap")
MOST_INCOMPLETE = 0.01  # captum's DeepLift loses rules silently on some networks: refused above this
CHANGING_RELUS = ("GuidedBackprop", "Deconvolution", "GuidedGradCam")


def attributed(
    method: str,
    settings: Mapping[str, Any],
    draws: bool,
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    context: Context,
) -> Tensor:
    """Maps [B,H,W] of the named method, channels summed."""
    copy = detached_copy(model)
    attribution = constructed(method, settings, copy)
    arguments = arguments_of(attribution, settings, images, context)

    def attribute(batch: Tensor, classes: Tensor) -> Tensor:
        result: Tensor = attribution.attribute(batch.detach().clone(), target=classes, **arguments)
        return result.detach().sum(1)

    with explained(copy), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if draws:
            maps = _one_by_one(attribute, images, targets, context.seeds)
        else:
            maps = in_batches(attribute, images, targets, images_at_once(method, settings, context))
    maps = maps.to(images.dtype)
    if method in RESCALING and settings["multiply_by_inputs"]:
        references = context.background if method == "DeepLiftShap" else context.baseline[None]
        _refuse_incomplete(copy, images, targets, references, context.batch_size, maps)
    return maps


def constructed(method: str, settings: Mapping[str, Any], model: nn.Module) -> Any:
    """The named attribution of the model; NotApplicableError where the model lacks what it works on."""
    made = getattr(captum.attr, method)
    accepted = inspect.signature(made.__init__).parameters
    if method in CHANGING_RELUS:
        relus(model)
    options = {name: value for name, value in settings.items() if name in accepted}
    if "layer" in accepted:
        options["layer"] = cam_layer(model)
    if "alpha" in settings:
        options["interpretable_model"] = SkLearnLasso(alpha=settings["alpha"])
    return made(model, **options)


def arguments_of(attribution: Any, settings: Mapping[str, Any], images: Tensor, context: Context) -> dict[str, Any]:
    """What `attribute` is told beside images and targets."""
    accepted = _accepted(type(attribution))
    shared = isinstance(attribution, captum.attr.DeepLiftShap | captum.attr.GradientShap)
    known = {
        "baselines": context.background.to(images) if shared else context.baseline.to(images).unsqueeze(0),
        "internal_batch_size": context.batch_size,
        "perturbations_per_eval": context.forwards_at_once,
        "feature_mask": _grid(images, settings.get("cells", 1)),
    }
    told = {name: _plain(value) for name, value in settings.items() if value is not None}
    return {name: value for name, value in {**known, **told}.items() if name in accepted}


def _accepted(made: type) -> Mapping[str, Any]:
    """What an attribution's `attribute` may be told, by name."""
    return inspect.signature(inspect.unwrap(made.attribute)).parameters  # type: ignore[attr-defined]


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _grid(images: Tensor, cells: int) -> Tensor:
    """Superpixels: the number of each pixel's square, [1,1,H,W]; channels share them."""
    height, width = (torch.arange(side, device=images.device) * cells // side for side in images.shape[2:])
    return (height[:, None] * cells + width)[None, None]


def images_at_once(method: str, settings: Mapping[str, Any], context: Context) -> int:
    """How many images it is given: DeepLiftShap takes each with every background image, and what perturbs takes as many
    perturbed ones of each at once as it is told, a batch where it is told nothing.
    """
    if method == "DeepLiftShap":
        return max(1, context.batch_size // len(context.background))
    if "perturbations_per_eval" in _accepted(getattr(captum.attr, method)):
        each: int = settings.get("perturbations_per_eval") or context.forwards_at_once
        return max(1, context.forwards_at_once // each)
    return context.batch_size


def _one_by_one(attribute: Any, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
    maps = []
    for i, seed in enumerate(seeds):
        with _seeded(int(seed)):
            maps.append(attribute(images[i : i + 1], targets[i : i + 1]))
    return torch.cat(maps)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """captum draws from the global generators of torch and numpy: seeded inside, as they were outside."""
    state = np.random.get_state()
    with torch.random.fork_rng():
        try:
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)
            yield
        finally:
            np.random.set_state(state)


def _refuse_incomplete(
    model: nn.Module, images: Tensor, targets: Tensor, references: Tensor, batch_size: int, maps: Tensor
) -> None:
    error = completeness_error(model, images, targets, references, batch_size, maps)
    if error > MOST_INCOMPLETE:
        raise NotApplicableError(f"captum's DeepLift misses the logit's difference by {error:.0%} on this model")
