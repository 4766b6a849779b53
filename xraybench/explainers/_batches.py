"""Work in pieces that fit: never more than `batch_size` images in one forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor


def in_batches(explain: Callable[[Tensor, Tensor], Tensor], images: Tensor, targets: Tensor, size: int) -> Tensor:
    """Explain [B,C,H,W] in batches of at most `size`; the results one after the other."""
    pieces = zip(torch.split(images, size), torch.split(targets, size), strict=True)
    return torch.cat([explain(*piece) for piece in pieces])


def groups(images: int, repeats: int, size: int) -> Iterator[slice]:
    """Slices of images of which all repeats (steps, samples, masks) fit into one batch, or single images."""
    step = max(1, size // repeats)
    return (slice(start, start + step) for start in range(0, images, step))


def even_split(length: int, size: int) -> Iterator[slice]:
    """As few slices of at most `size` as there can be, of about the same length."""
    count = -(-length // size)
    bounds = [round(i * length / count) for i in range(count + 1)]
    return (slice(*pair) for pair in pairwise(bounds))
