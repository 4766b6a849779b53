"""Gradients at many points for each image."""

from __future__ import annotations

from torch import Tensor, nn

from xraybench.explainers._batches import in_batches
from xraybench.explainers._model import input_gradient


def gradients_at(model: nn.Module, points: Tensor, targets: Tensor, batch_size: int) -> Tensor:
    """Points [N,B,C,H,W], targets [B] -> the target logit's gradients [N,B,C,H,W]."""
    repeated = targets.repeat(len(points))
    flat = in_batches(lambda x, t: input_gradient(model, x, t), points.flatten(0, 1), repeated, batch_size)
    return flat.view_as(points)
