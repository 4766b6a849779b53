"""The optimiser and its learning rate: by layer, and over time."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from xraybench.errors import UsageError
from xraybench.tasks import Stage


def output_layer(model: nn.Module) -> str:
    """The layer that gives the logits: the last of the model's layers."""
    return str(model.layers[-1])  # type: ignore[index]


def head(model: nn.Module) -> str:
    """The part that holds the output layer, and is trained alone while features are frozen: `classifier`, `fc`, ..."""
    return output_layer(model).partition(".")[0]


def optimizer_of(model: nn.Module, stage: Stage) -> torch.optim.Optimizer:
    """The stage's optimiser, with a group of parameters for each multiple of the learning rate."""
    groups = _groups(model, stage) if stage.rates else model.parameters()
    rate, decay = stage.learning_rate, stage.weight_decay
    if stage.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=stage.momentum, weight_decay=decay)
    if stage.optimizer == "adam":
        return torch.optim.Adam(groups, lr=rate, betas=stage.betas, weight_decay=decay)
    return torch.optim.AdamW(groups, lr=rate, betas=stage.betas, weight_decay=decay)


def _groups(model: nn.Module, stage: Stage) -> list[dict[str, Any]]:
    """Parameters by their multiple; the longest name that holds a parameter counts."""
    names = {"head": head(model), "output": output_layer(model)} if hasattr(model, "layers") else {}
    multiples = {names.get(key, key): multiple for key, multiple in stage.rates.items()}
    used: set[str] = set()
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        holding = [prefix for prefix in multiples if f"{name}.".startswith(f"{prefix}.")]
        used |= set(holding)
        groups.setdefault(multiples[max(holding, key=len)] if holding else 1.0, []).append(parameter)
    if unused := set(multiples) - used:
        raise UsageError(
            f"rates names no part of the model: {', '.join(sorted(unused))}", "use head, output or a layer"
        )
    return [{"params": parameters, "lr": stage.learning_rate * multiple} for multiple, parameters in groups.items()]


def schedule_of(optimizer: torch.optim.Optimizer, stage: Stage, steps: int) -> LRScheduler:
    """The learning rate over `steps` optimiser steps; a plateau is stepped by epochs, the others by steps."""
    if stage.schedule == "one-cycle":
        return OneCycleLR(optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=steps)
    if stage.schedule == "plateau":
        return ReduceLROnPlateau(
            optimizer,
            factor=stage.plateau_factor,
            patience=stage.plateau_patience - 1,  # torch's acts on the epoch after its patience
            threshold=0,
            min_lr=stage.plateau_floor,
        )
    if stage.schedule == "steps":
        turns = sorted(zip(stage.decay_at, stage.decay_to, strict=True))
        return LambdaLR(optimizer, lambda step: next((to for at, to in turns[::-1] if step >= at * steps), 1.0))
    return ConstantLR(optimizer, factor=1.0)
