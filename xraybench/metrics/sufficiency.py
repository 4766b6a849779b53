"""Are the most relevant pixels enough for the output?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._removal import Removal
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Sufficiency(Removal):
    """Mean over the insertion curve's fractions up to a half of f(x) - f(the top fraction kept, the rest imputed).

    Maps [B,H,W]; in units of the logit; lower is better: nothing is lost where the top pixels are enough. (The paper
    takes the mean over 1, 5, 10, 20 and 50 % of the tokens; here it is every fraction that the curve has.) It reads the
    curve of `insertion-auc`, and costs nothing beside it.
    """

    higher_is_better: ClassVar[bool | None] = False
    reference: ClassVar[str] = (
        "DeYoung et al., ERASER, ACL 2020 (section Measuring faithfulness: sufficiency, and its AOPC)"
    )

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """The insertion curve and its ends."""
        return self.ends_cost() | self.curve_cost("insertion")

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._curves import curve
        from xraybench.metrics._localisation import undefined

        points = curve(evidence, "insertion", self)
        half = points[:, 1 : self.steps // 2 + 1] if self.steps > 1 else points[:, :1]
        return (points[:, -1:] - half).mean(1).masked_fill(undefined(evidence.maps), float("nan"))
