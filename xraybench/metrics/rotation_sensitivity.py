"""Does the map turn with the radiograph?"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._radiograph import RadiographChange

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RotationSensitivity(RadiographChange):
    """Mean relative change between the map of the turned image and the turned map, both ways.

    Both are compared as turned, so that the map is interpolated as the image is, once (bilinear, borders continued): a
    map that turns with the image, such as the image itself, scores exactly 0. Images [B,C,H,W], maps [B,H,W]; 0 or
    more, lower is better; NaN where the map is all zero.

    amount: degrees about the centre.
    """

    amount: float = 5.0

    change: ClassVar[str] = "rotation"
    reference: ClassVar[str] = (
        "Crabbé & van der Schaar, Explanation invariance and equivariance, NeurIPS 2023 (explanation equivariance)"
    )

    def changed(self, images: Tensor, amount: float) -> Tensor:
        return turned(images, amount)

    def moved(self, maps: Tensor, amount: float) -> Tensor:
        return turned(maps[:, None], amount)[:, 0]


def turned(images: Tensor, degrees: float) -> Tensor:
    """Images [B,C,H,W] turned about their centre, bilinear, with the border's values outside."""
    from torch.nn.functional import affine_grid, grid_sample

    angle, (high, wide) = radians(degrees), images.shape[2:]
    turn = images.new_tensor(
        [[cos(angle), -sin(angle) * high / wide, 0.0], [sin(angle) * wide / high, cos(angle), 0.0]]
    )
    grid = affine_grid(turn.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
