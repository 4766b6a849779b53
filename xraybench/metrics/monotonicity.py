"""Does the output rise with every step as the most relevant pixels are put in?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._removal import Removal
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Monotonicity(Removal):
    """Share of the insertion curve's steps on which the target logit does not fall; f(next) >= f(last).

    Maps [B,H,W]; range 0 to 1, higher is better. It sees the sign of steps, not their size. It reads the curve of
    `insertion-auc`, and costs nothing beside it.
    """

    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = (
        "Luss et al., Leveraging latent features for local explanations, KDD 2021 (monotonicity; Arya et al. 2019)"
    )

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """The insertion curve and its ends."""
        return self.ends_cost() | self.curve_cost("insertion")

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._curves import curve
        from xraybench.metrics._localisation import undefined

        rises = curve(evidence, "insertion", self).diff(dim=1) >= 0
        return rises.double().mean(1).masked_fill(undefined(evidence.maps), float("nan"))
