"""Counting: how many images pass a model, forwards and backwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


@dataclass
class Count:
    """Image-forwards and image-backwards through a model while it is counted."""

    forwards: int = 0
    backwards: int = 0

    @property
    def image_forwards(self) -> int:
        """In one number; a backward counts 2."""
        return self.forwards + 2 * self.backwards


@contextmanager
def counting(model: nn.Module) -> Iterator[Count]:
    """Count the images that pass `model` forwards and backwards, copies made of it inside the block included."""
    count = Count()

    def forward_hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        count.forwards += len(output)
        if output.requires_grad:
            output.register_hook(lambda gradient: backward_hook(len(gradient)))

    def backward_hook(images: int) -> None:
        count.backwards += images

    handle: RemovableHandle = model.register_forward_hook(forward_hook)
    try:
        yield count
    finally:
        handle.remove()
