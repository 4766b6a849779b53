"""The model while it is explained: in eval mode, parameters frozen, and given back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def explained(model: nn.Module) -> Iterator[None]:
    """Eval mode, no gradients to parameters, autograd on; restores modes and flags whatever happens inside."""
    modes = [(module, module.training) for module in model.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        _set([(module, False) for module, _ in modes], [(parameter, False) for parameter, _ in flags])
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        _set(modes, flags)


def _set(modes: list[tuple[nn.Module, bool]], flags: list[tuple[nn.Parameter, bool]]) -> None:
    """What is so already is let be: a module's attributes are slow to set, and this is done for every batch."""
    for module, training in modes:
        if module.training != training:
            module.training = training
    for parameter, free in flags:
        if parameter.requires_grad != free:
            parameter.requires_grad_(free)


def target_logits(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """The logit of each image's target: [B,C,H,W], [B] -> [B]."""
    logits: Tensor = model(images)
    return logits.gather(1, targets.unsqueeze(1)).squeeze(1)


def input_gradient(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """d logit / d image, [B,C,H,W], in one forward and one backward."""
    leaves = images.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(target_logits(model, leaves, targets).sum(), leaves)
    return gradient
