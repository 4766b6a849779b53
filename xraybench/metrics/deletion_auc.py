"""How soon does the output fall as the most relevant pixels are taken away?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._removal import Removal
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class DeletionAuc(Removal):
    """Area under f(the k most relevant pixels imputed, the others kept), over k / P from 0 to 1; f the target logit.

    Maps [B,H,W]; in units of the logit, not normalised; lower is better. It is the curve of removing the most relevant
    pixels first (MoRF).
    """

    higher_is_better: ClassVar[bool | None] = False
    reference: ClassVar[str] = (
        "Petsiuk et al., RISE, BMVC 2018 (causal metric: deletion); Samek et al., TNNLS 2017 (most relevant first)"
    )

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """One curve and its ends."""
        return self.ends_cost() | self.curve_cost("deletion")

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._curves import area

        return area(evidence, "deletion", self)
