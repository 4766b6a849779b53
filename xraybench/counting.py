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
            _count_backwards(count, inputs[0], output)

    handle: RemovableHandle = model.register_forward_hook(forward_hook)
    try:
        yield count
    finally:
        handle.remove()


def _count_backwards(count: Count, images: Tensor, logits: Tensor) -> None:
    """A backward is one from the logits, wherever it ends, or one to the images, wherever in the model it starts."""
    on_their_way: list[int] = []

    def leaves(gradient: Tensor) -> None:
        count.backwards += len(gradient)
        on_their_way.append(len(gradient))

    def arrives(gradient: Tensor) -> None:
        if on_their_way:
            on_their_way.pop()
        else:
            count.backwards += len(gradient)

    logits.register_hook(leaves)
    if images.requires_grad:
        images.register_hook(arrives)
