"""The model while it is explained: in eval mode, parameters frozen, and given back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def explained(model: nn.Module) -> Iterator[None]:
    """Eval mode, no gradients to parameters, autograd on; restores modes and flags whatever happens inside."""
    learning = [module for module in model.modules() if module.training]
    free = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        _set(learning, free, to=False)
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        model.eval()
        model.requires_grad_(False)
        _set(learning, free, to=True)


def _set(modules: list[nn.Module], parameters: list[nn.Parameter], to: bool) -> None:
    for module in modules:
        module.training = to
    for parameter in parameters:
        parameter.requires_grad_(to)


def target_logits(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """The logit of each image's target: [B,C,H,W], [B] -> [B]."""
    logits: Tensor = model(images)
    return logits.gather(1, targets.unsqueeze(1)).squeeze(1)


def input_gradient(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """d logit / d image, [B,C,H,W], in one forward and one backward."""
    leaves = images.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(target_logits(model, leaves, targets).sum(), leaves)
    return gradient
