"""How far does the output fall, on average, as the most relevant pixels are taken away?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._removal import Removal
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PixelFlipping(Removal):
    """AOPC: 1 / (L + 1) sum over k = 0..L of f(x) - f(x with the k/L most relevant pixels replaced).

    Maps [B,H,W]; in units of the logit; higher is better. The deletion curve read as a mean fall, its first point (no
    fall) included as in the paper; `deletion-auc` is its mirror image by the trapezoid rule. Pixels become the training
    mean unless another imputer is named.
    """

    imputer: str = "mean"

    higher_is_better: ClassVar[bool | None] = True
    reference: ClassVar[str] = (
        "Bach et al., PLOS ONE 2015 (pixel flipping); Samek et al., TNNLS 2017 (eq. 12: AOPC, most relevant first)"
    )

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """The deletion curve and its ends."""
        return self.ends_cost() | self.curve_cost("deletion")

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._curves import curve
        from xraybench.metrics._localisation import undefined

        points = curve(evidence, "deletion", self)
        return (points[:, :1] - points).mean(1).masked_fill(undefined(evidence.maps), float("nan"))
