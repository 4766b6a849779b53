"""Does the explanation change where the image did?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds, ReExplaining

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TwinLocalisation(ReExplaining):
    """Average precision of map(x) - map(twin) against the pixels in which x and its twin differ.

    The twin is the same radiograph without the finding: what differs is the only cause of the fall of the target logit.
    Counted are pairs with f(x) - f(twin) > tau; the others (the model did not see the finding) are NaN, as are images
    without a difference. Maps [B,H,W], difference [B,H,W]; range 0 to 1, higher is better; random
    maps' expectation is the share of the changed pixels; a blank (all equal) difference of maps scores 0 instead.

    tau: the least fall of the logit, in its own units.
    """

    tau: float = 0.5

    family: ClassVar[str] = "counterfactual"
    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = "xraybench: pairs of radiographs with and without a finding"
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"twins", "explain"})
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """The explanation of the twin, and both logits."""
        return {"explanations of twins": explainer_cost, "f(x)": 1, "f(twin)": 1}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import localise
        from xraybench.metrics._ranking import average_precision
        from xraybench.metrics._twins import explained_twins, falls, twins_of

        changes = evidence.maps.double() - explained_twins(evidence).double()
        scores = localise(changes, twins_of(evidence).difference, average_precision)
        return scores.masked_fill(falls(evidence) <= self.tau, float("nan"))
