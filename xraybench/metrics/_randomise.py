"""Copies of a model whose upper layers are drawn anew."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase as BatchNorm

from xraybench.identity import seed_of

Unit = tuple[str, ...]
"""Names of the modules that are drawn together: a layer with weights and the normalisations that belong to it."""

NORMALISATIONS = (BatchNorm, nn.GroupNorm, nn.LayerNorm)


def units(model: nn.Module) -> list[Unit]:
    """The model's layers with parameters, in the order in which they stand in it; no normalisation is one of its own.

    A normalisation belongs to the layer just before it where its width is that layer's output (convolution, then norm),
    else to the layer after it (norm, then convolution).
    """
    found: list[list[str]] = []
    waiting: list[str] = []
    width = None  # of the last layer's output, while no normalisation has followed it
    for name, module in model.named_modules():
        if not isinstance(module, NORMALISATIONS):
            if next(module.parameters(recurse=False), None) is not None:
                found.append([*waiting, name])
                waiting, width = [], _width(module)
        elif width is not None and width == _width(module):
            found[-1].append(name)
            width = None
        else:
            waiting.append(name)
    if found:
        found[-1] += waiting
    return [tuple(unit) for unit in found]


def _width(module: nn.Module) -> int | None:
    for attribute in ("out_channels", "out_features", "num_features", "num_channels"):
        if hasattr(module, attribute):
            return int(getattr(module, attribute))
    return None


def outputs_of(model: nn.Module) -> int:
    """How many logits the model has: the width of its last layer with weights."""
    widths = [_width(model.get_submodule(name)) for name in units(model)[-1]]
    return next(width for width in reversed(widths) if width is not None)


def copied(model: nn.Module) -> nn.Module:
    """A deep copy, in less than half the time.

    deepcopy takes a long way round for plain tensors and for the dozen empty tables of hooks that every module has:
    both are handed to it ready.
    """
    tables = [table for module in model.modules() for table in vars(module).values() if type(table) is OrderedDict]
    memo: dict[int, Any] = {id(table): OrderedDict() for table in tables if not table}
    return copy.deepcopy(model, memo | {id(buffer): buffer.clone() for buffer in model.buffers()})


def randomised(model: nn.Module, chosen: Sequence[Unit]) -> nn.Module:
    """A copy of the model in which the chosen units are drawn anew, each from the seed of its own name."""
    changed = copied(model)
    draw_anew(changed, chosen)
    return changed


def draw_anew(model: nn.Module, chosen: Sequence[Unit]) -> None:
    """The same in place."""
    for name in chain.from_iterable(chosen):
        _draw(model.get_submodule(name), seed_of("randomised layer", name))


def give_back(model: nn.Module, original: nn.Module, chosen: Sequence[Unit]) -> None:
    """The chosen units get the original's weights again."""
    for name in chain.from_iterable(chosen):
        model.get_submodule(name).load_state_dict(original.get_submodule(name).state_dict())


def _draw(module: nn.Module, seed: int) -> None:
    """Draw a module's own parameters on the CPU, so that every device draws the same; no global state moves."""
    here = all(value.device.type == "cpu" for value in chain(module.parameters(), module.buffers()))
    drawn = module if here else copy.deepcopy(module).cpu()
    state = torch.get_rng_state()
    try:
        torch.default_generator.manual_seed(seed)
        _reset(drawn)()
    finally:
        torch.set_rng_state(state)
    if drawn is not module:
        module.load_state_dict(drawn.state_dict())


def _reset(module: nn.Module) -> Callable[[], Any]:
    for method in ("reset_parameters", "_reset_parameters"):
        if callable(getattr(module, method, None)):
            return getattr(module, method)  # type: ignore[no-any-return]
    return lambda: _reset_like(module)


@torch.no_grad()
def _reset_like(module: nn.Module) -> None:
    """Where a module cannot say how it was drawn: Gaussian, with the mean and deviation that the weights have."""
    for parameter in module.parameters(recurse=False):
        spread = parameter.std(correction=0)
        parameter.copy_(parameter.mean() + spread * torch.randn(parameter.shape))
