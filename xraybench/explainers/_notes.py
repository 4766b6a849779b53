"""Figures measured beside a map: what an explanation's axiom promises, and by how much it is missed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xraybench.explainers._batches import in_batches
from xraybench.explainers._model import explained, target_logits
from xraybench.spec import Context


def completeness_error(model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor) -> float:
    """mean |sum of map - (f(x) - f(baseline))| / mean |f(x) - f(baseline)|."""
    baseline = context.baseline.to(images).unsqueeze(0)
    with explained(model), torch.no_grad():
        change = _logits(model, images, targets, context) - model(baseline)[0, targets]
    return _relative(maps.flatten(1).sum(1), change)


def conservation_error(model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor) -> float:
    """mean |sum of map - logit| / mean |logit|: the share of relevance absorbed or made on the way."""
    with explained(model), torch.no_grad():
        logits = _logits(model, images, targets, context)
    return _relative(maps.flatten(1).sum(1), logits)


def _logits(model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
    return in_batches(lambda x, t: target_logits(model, x, t), images, targets, context.batch_size)


def _relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().mean() / expected.abs().mean().clamp(min=1e-12))
