"""Random draws that depend on an image's seed alone: on the CPU, so that every device sees the same."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor


def per_image(seeds: Tensor, draw: Callable[[Generator], Tensor]) -> Tensor:
    """One draw an image, each from a generator with the image's seed, stacked: [B,...]."""
    return torch.stack([draw(Generator().manual_seed(int(seed))) for seed in seeds])
