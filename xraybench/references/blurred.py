"""Noise and the true mask as coarse maps show them: what does a metric make of resolution alone?"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, ClassVar

from xraybench.references.ceilings import Oracle
from xraybench.references.controls import Random
from xraybench.spec import Outlined, Role

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class BlurredRandom:
    """`random` under a Gaussian: blobs anywhere. Where it scores otherwise than `random`, smoothness is rewarded.

    sigma: standard deviation as a share of the shorter side; a sixteenth is what the bilinear enlargement of a map of
    6 or 7 cells a side does.
    """

    sigma: float = 0.0625
    role: ClassVar[Role] = "control"
    region: ClassVar[Outlined | None] = None
    version: ClassVar[int] = 1

    def __call__(self, images: Tensor, masks: Tensor, mean_training_mask: Tensor, seeds: Tensor) -> Tensor:
        return _blurred(Random()(images, masks, mean_training_mask, seeds), self.sigma)


@dataclass(frozen=True)
class BlurredOracle:
    """`oracle` under a Gaussian: the right place, coarsely. What it loses against `oracle` is the price of resolution.

    sigma: standard deviation as a share of the shorter side, as in `blurred-random`.
    """

    sigma: float = 0.0625
    role: ClassVar[Role] = "ceiling"
    region: ClassVar[Outlined | None] = "finding"
    version: ClassVar[int] = 1

    def __call__(self, images: Tensor, masks: Tensor, mean_training_mask: Tensor, seeds: Tensor) -> Tensor:
        return _blurred(Oracle()(images, masks, mean_training_mask, seeds), self.sigma)


def _blurred(maps: Tensor, sigma: float) -> Tensor:
    """Maps [B,H,W] under a Gaussian, cut at three standard deviations, the border mirrored."""
    from torchvision.transforms.v2.functional import gaussian_blur

    deviation = sigma * min(maps.shape[1:])
    blurred: Tensor = gaussian_blur(maps[:, None], [2 * ceil(3 * deviation) + 1] * 2, [deviation] * 2)
    return blurred[:, 0]
