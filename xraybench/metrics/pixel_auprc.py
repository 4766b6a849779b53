"""How well does the map's order of the pixels retrieve the finding?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PixelAuprc:
    """Average precision of the pixels of the region, ranked by the signed map: sum over thresholds (R_n - R_n-1) P_n.

    Equal values make one threshold, as in scikit-learn. Maps [B,H,W], regions [B,H,W]; range 0 to 1, higher is better.
    A random map's expectation is the region's share of the image (its prevalence); a blank map (all equal), which
    points nowhere, scores 0 instead.

    region: the exact mask of the finding unless another is named.
    lift: divide by the prevalence, so that small and large findings can be averaged: 1 is chance, no upper bound.
    """

    region: str = "finding"
    lift: bool = False

    family: ClassVar[str] = "localisation"
    higher_is_better: ClassVar[bool | None] = True
    reference: ClassVar[str] = "Davis and Goadrich, ICML 2006 (sec. 2); average precision as in scikit-learn"
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    version: ClassVar[int] = 1

    @property
    def range(self) -> tuple[float, float]:
        """0 to 1; the lift has no upper bound."""
        return (0.0, float("inf") if self.lift else 1.0)

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: the map is all it looks at."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import localise, region_of
        from xraybench.metrics._ranking import average_precision

        regions = region_of(evidence, self.region)
        scores = localise(evidence.maps, regions, average_precision)
        return scores / regions.flatten(1).double().mean(1) if self.lift else scores
