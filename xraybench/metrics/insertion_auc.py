"""How soon does the output come back as the most relevant pixels are put in?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._removal import Removal
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class InsertionAuc(Removal):
    """Area under f(the k most relevant pixels kept, the others imputed), over k / P from 0 to 1; f the target logit.

    Maps [B,H,W]; in units of the logit, not normalised; higher is better. It is the curve of removing the least
    relevant pixels first (LeRF), read from its end.
    """

    higher_is_better: ClassVar[bool | None] = True
    reference: ClassVar[str] = "Petsiuk et al., RISE, BMVC 2018 (causal metric: insertion)"

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """One curve and its ends."""
        return self.ends_cost() | self.curve_cost("insertion")

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._curves import area

        return area(evidence, "insertion", self)
