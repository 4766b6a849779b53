"""Does the map as a whole change the way the logit does?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds, ReExplaining

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TwinDirection(ReExplaining):
    """s sum of D / sum of |D|, where D = map(x) - map(twin) and s is the sign of f(x) - f(twin).

    Twins shown the other way round change the sign of D and of s: the score is the same. 1 where relevance is only
    gained with the finding that raises the logit, 0 where gains and losses cancel, -1 where the map moves against the
    logit. Maps [B,H,W]; range -1 to 1; descriptive. NaN where |f(x) - f(twin)| <= tau; an unchanged map has no
    direction, and scores 0.

    tau: the least change of the logit, in its own units.
    """

    tau: float = 0.5

    family: ClassVar[str] = "axiomatic"
    higher_is_better: ClassVar[bool | None] = None
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    reference: ClassVar[str] = "xraybench: pairs of radiographs with and without a finding"
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"twins", "explain"})
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """The explanation of the twin, and both logits."""
        return {"explanations of twins": explainer_cost, "f(x)": 1, "f(twin)": 1}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._twins import explained_twins, falls

        changes = (evidence.maps.double() - explained_twins(evidence).double()).flatten(1)
        gained, size, fall = changes.sum(1), changes.abs().sum(1), falls(evidence)
        score = (fall.sign() * gained / size).masked_fill(size == 0, 0.0)
        return score.masked_fill(fall.abs() <= self.tau, float("nan"))
