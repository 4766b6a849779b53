"""Random draws of one image, for one purpose: from its own seed, on the CPU, so that every device draws the same."""

from __future__ import annotations

import torch

from xraybench.identity import seed_of


def generator(purpose: str, *parts: object) -> torch.Generator:
    """The generator of a purpose and an image: two purposes never share a draw, nor do two images."""
    return torch.Generator().manual_seed(seed_of(purpose, *parts))
