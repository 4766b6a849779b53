"""Images a few at a time: what is held meanwhile does not grow with their number, and stays near the processor."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

PIXELS = 2**18  # at once: 64 images of 64 pixels a side, 5 of 224


def in_parts(compute: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """`compute` of some rows of the tensors [B,...] after the others, the answers [B,...] in one."""
    step = max(1, PIXELS // tensors[0][0].numel())
    return torch.cat([compute(*part) for part in zip(*(tensor.split(step) for tensor in tensors), strict=True)])
