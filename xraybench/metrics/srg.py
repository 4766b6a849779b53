"""How far apart are the curves of the least and of the most relevant pixels first?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._removal import Removal
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Srg(Removal):
    """Symmetric relevance gain: area of LeRF - area of MoRF = insertion-auc - deletion-auc, under one imputer.

    Maps [B,H,W]; in units of the logit, not normalised; higher is better; a random order's expectation is 0 wherever
    its two curves agree in the mean, whatever the imputer does to the model: that is what the difference is for.
    """

    higher_is_better: ClassVar[bool | None] = True
    reference: ClassVar[str] = (
        "Blücher et al., Decoupling pixel flipping and occlusion strategy, TMLR 2024 (symmetric relevance gain)"
    )

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Both curves and their ends."""
        return self.ends_cost() | self.curve_cost("insertion") | self.curve_cost("deletion")

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._curves import area

        return area(evidence, "insertion", self) - area(evidence, "deletion", self)
