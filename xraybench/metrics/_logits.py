"""Target logits, computed in batches without gradient; those of the images themselves are shared by every metric."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from xraybench.metrics._removal import ORIGINAL
from xraybench.spec import Evidence

MakeImages = Callable[[slice], Tensor]


@torch.inference_mode()
def target_logits(evidence: Evidence, rows: Tensor, images: MakeImages) -> Tensor:
    """Float64 [N]: the target logits of images derived from the evidence's, made and forwarded a batch at a time.

    rows: int64 [N], the image of the evidence that each one is derived from. images: (some of N) -> those [n,C,H,W].
    """
    size = evidence.batch_size
    outputs = [evidence.model(images(slice(start, start + size))) for start in range(0, len(rows), size)]
    if not outputs:
        return torch.empty(0, dtype=torch.float64, device=rows.device)
    return torch.cat(outputs).gather(1, evidence.targets[rows, None])[:, 0].double()


def logits_of(evidence: Evidence, images: Tensor) -> Tensor:
    """Float64 [B]: the target logit of the evidence's images, altered as `images` [B,C,H,W]."""
    rows = torch.arange(len(images), device=images.device)
    return target_logits(evidence, rows, lambda some: images[some])


def original_logits(evidence: Evidence) -> Tensor:
    """Float64 [B]: f(x), computed once."""
    return evidence.of_model(ORIGINAL, lambda: logits_of(evidence, evidence.images))
