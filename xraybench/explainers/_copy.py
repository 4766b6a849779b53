"""Copies of a model that methods may change: the model itself stays as it is, whatever happens."""

from __future__ import annotations

import copy

import torch
from torch import nn

HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def detached_copy(model: nn.Module) -> nn.Module:
    """A copy in eval mode with frozen parameters, without hooks on its submodules.

    Hooks of the model as a whole (they count passes) are called for the copy too.
    """
    tables = [getattr(module, name) for module in model.modules() for name in HOOKS]
    with torch.inference_mode(False):  # the copy is differentiated, whatever mode the caller is in
        duplicate = copy.deepcopy(model, {id(table): type(table)() for table in tables})
    return with_hooks_of(model, duplicate.eval().requires_grad_(False))


def with_hooks_of(model: nn.Module, duplicate: nn.Module) -> nn.Module:
    """The duplicate, calling the hooks of the model as a whole."""
    for name in HOOKS:
        setattr(duplicate, name, copy.copy(getattr(model, name)))
    duplicate._is_full_backward_hook = model._is_full_backward_hook
    return duplicate
