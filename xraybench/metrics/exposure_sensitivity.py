"""How far does the map change when the radiograph is a little brighter or darker?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._radiograph import RadiographChange, spread

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ExposureSensitivity(RadiographChange):
    """Mean relative change of the map under x + a and x - a, a = `amount` times the range of the image's values.

    Exposure multiplies the detector's signal, and the display's logarithm makes a shift of it. Images [B,C,H,W], maps
    [B,H,W]; 0 or more, lower is better; NaN where the map is all zero. Values are not clipped.

    amount: the shift as a share of the image's range.
    """

    change: ClassVar[str] = "exposure"
    reference: ClassVar[str] = (
        "Yeh et al., On the (in)fidelity and sensitivity of explanations, NeurIPS 2019 (SENS_MAX), exposure for noise"
    )

    def changed(self, images: Tensor, amount: float) -> Tensor:
        return images + amount * spread(images)
