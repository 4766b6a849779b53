"""What explainers and metrics are lent comes back as it was: a change in place would falsify every other row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from xraybench.errors import ValidationError


@contextmanager
def untouched(model: nn.Module, lent: Mapping[str, Tensor]) -> Iterator[None]:
    """ValidationError where the block leaves the model or a tensor, by name, other than it found them.

    Tensors and the model's weights have their values again, and its modules their modes, whatever happens inside:
    others go on with them.
    """
    before, copies = state_of(model), {name: tensor.clone() for name, tensor in lent.items()}
    fault = ""
    try:
        yield
    finally:
        for name, tensor in lent.items():
            if not torch.equal(tensor.nan_to_num(), copies[name].nan_to_num()):
                tensor.copy_(copies[name])
                fault = fault or f"the {name} changed"
        if spoilt := changed(before, state_of(model)):
            _give_back(model, before)
            fault = fault or spoilt
    if fault:
        raise ValidationError(f"what it was lent did not come back as it was: {fault}", "work on copies, and undo")


@torch.no_grad()
def _give_back(model: nn.Module, before: Mapping[str, Any]) -> None:
    for name, tensor in model.state_dict().items():
        tensor.copy_(before.get(f"value of {name}", tensor))
    for name, module in model.named_modules():
        module.training = before.get(f"mode of {name or 'the model'}", module.training)


def state_of(model: nn.Module) -> dict[str, Any]:
    """All of a model that must stay as it was, by name."""
    state: dict[str, Any] = {f"value of {name}": tensor.clone() for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        state[f"requires_grad of {name}"] = parameter.requires_grad
        state[f"grad of {name}"] = None if parameter.grad is None else parameter.grad.clone()
    for name, module in model.named_modules():
        state[f"mode of {name or 'the model'}"] = module.training
        hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
        state[f"hooks of {name or 'the model'}"] = tuple(tuple(table.values()) for table in hooks)
        state[f"type of {name or 'the model'}"] = type(module)
    return state


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What differs between two states, or nothing."""
    if before.keys() != after.keys():
        return f"submodules or parameters came or went: {sorted(before.keys() ^ after.keys())[:3]}"
    for name, value in before.items():
        same = torch.equal(value, after[name]) if isinstance(value, Tensor) else value == after[name]
        if not same:
            return f"the {name} changed"
    return ""
