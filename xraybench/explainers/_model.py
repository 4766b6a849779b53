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
        model.eval()
        model.requires_grad_(False)
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


def target_logits(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """The logit of each image's target: [B,C,H,W], [B] -> [B]."""
    logits: Tensor = model(images)
    return logits.gather(1, targets.unsqueeze(1)).squeeze(1)


def input_gradient(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """d logit / d image, [B,C,H,W], in one forward and one backward."""
    leaves = images.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(target_logits(model, leaves, targets).sum(), leaves)
    return gradient
