"""How far does the map change when the radiograph is shown in a wider or narrower window?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._radiograph import RadiographChange

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class WindowSensitivity(RadiographChange):
    """Mean relative change of the map when the greys are stretched, and squeezed, about the image's mean.

    x becomes m + (1 + amount) (x - m), and m + (1 - amount) (x - m), m the mean of the image. Images [B,C,H,W], maps
    [B,H,W]; 0 or more, lower is better; NaN where the map is all zero. Values are not clipped.

    amount: by what share the contrast changes.
    """

    amount: float = 0.1

    change: ClassVar[str] = "window"
    reference: ClassVar[str] = (
        "Yeh et al., On the (in)fidelity and sensitivity of explanations, NeurIPS 2019 (SENS_MAX), the window for noise"
    )

    def changed(self, images: Tensor, amount: float) -> Tensor:
        middle = images.flatten(1).mean(1)[:, None, None, None]
        return middle + (1 + amount) * (images - middle)
