"""Ceiling maps: they know the answer, and say what a metric can give at best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Outlined, Role

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Oracle:
    """The true mask, 1 inside and 0 outside."""

    role: ClassVar[Role] = "ceiling"
    region: ClassVar[Outlined | None] = "finding"
    version: ClassVar[int] = 1

    def __call__(self, images: Tensor, masks: Tensor, mean_training_mask: Tensor, seeds: Tensor) -> Tensor:
        return masks.to(images)


@dataclass(frozen=True)
class HumanBenchmark:
    """What radiologists outlined who saw the radiograph alone (CheXlocalize's human benchmark), 1 inside and 0 outside.

    It stands on boards of data that have it. An image that they did not read has no map: it is left out of this row's
    scores, not counted as a miss. Where they outlined nothing, the map is blank and misses. A run raises the map by a
    thousandth about the points that they marked as most representative (squares of a 32nd of the image's side, as far
    as they lie in the outline), so that the pointing game's hit rate is of these; without such, of any point outlined.
    Saporta et al., Benchmarking saliency methods for chest X-rays, Nature MI 2022.
    """

    role: ClassVar[Role] = "ceiling"
    region: ClassVar[Outlined | None] = "human"
    version: ClassVar[int] = 1

    def __call__(self, images: Tensor, masks: Tensor, mean_training_mask: Tensor, seeds: Tensor) -> Tensor:
        return masks.to(images)
