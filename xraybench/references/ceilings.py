"""Ceiling maps: they know the answer, and say what a metric can give at best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Role

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Oracle:
    """The true mask, 1 inside and 0 outside."""

    role: ClassVar[Role] = "ceiling"
    needs_masks: ClassVar[bool] = True
    version: ClassVar[int] = 1

    def __call__(self, images: Tensor, masks: Tensor, mean_training_mask: Tensor, seeds: Tensor) -> Tensor:
        return masks.to(images)
