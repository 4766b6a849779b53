"""Does the relevance of a subset say how far the output falls without it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._subsets import Subsets
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class FaithfulnessCorrelation(Subsets):
    """Pearson correlation over random subsets S of (sum of a over S, f(x) - f(x without S)).

    Maps [B,H,W]; range -1 to 1, higher is better; 0 for a map that gives every subset the same; NaN where the output
    never moves.

    share: of the patches in a subset.
    """

    share: float = 0.25

    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    reference: ClassVar[str] = (
        "Bhatt et al., Evaluating and aggregating feature-based explanations, IJCAI 2020 (Definition 3)"
    )

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """The probes of one share."""
        return self.probes_cost(self.share)

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._probes import correlation, drops, sums

        found = correlation(sums(evidence, self, self.share), drops(evidence, self, self.share))
        return found.masked_fill(undefined(evidence.maps), float("nan"))
