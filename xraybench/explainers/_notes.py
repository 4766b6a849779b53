"""Figures measured beside a map: what an explanation's axiom promises, and by how much it is missed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xraybench.explainers._batches import in_batches
from xraybench.explainers._model import explained, target_logits


def completeness_error(
    model: nn.Module, images: Tensor, targets: Tensor, references: Tensor, batch_size: int, maps: Tensor
) -> float:
    """mean |sum of map - change| / mean |change|, change = f(x) - mean f(references), references [N,C,H,W]."""
    with explained(model), torch.no_grad():
        logits = _logits(model, images, targets, batch_size)
        without = torch.cat([model(piece) for piece in torch.split(references.to(images), batch_size)]).mean(0)
    return _relative(maps.flatten(1).sum(1), logits - without[targets])


def conservation_error(model: nn.Module, images: Tensor, targets: Tensor, batch_size: int, maps: Tensor) -> float:
    """mean |sum of map - logit| / mean |logit|: the share of relevance absorbed or made on the way."""
    with explained(model), torch.no_grad():
        logits = _logits(model, images, targets, batch_size)
    return _relative(maps.flatten(1).sum(1), logits)


def _logits(model: nn.Module, images: Tensor, targets: Tensor, batch_size: int) -> Tensor:
    return in_batches(lambda x, t: target_logits(model, x, t), images, targets, batch_size)


def _relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().mean() / expected.abs().mean().clamp(min=1e-12))
