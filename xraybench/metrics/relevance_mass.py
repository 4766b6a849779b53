"""How much of the positive relevance lies on the finding?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RelevanceMass:
    """Relevance mass accuracy of the positive part: sum of max(a, 0) inside the region / sum of max(a, 0).

    Maps [B,H,W], regions [B,H,W]; range 0 to 1, higher is better; 0 where nothing is positive. A random map's
    expectation is the region's share of the image. Negative relevance is cut off first: without that the ratio of
    signed sums has no bounds.

    region: the exact mask of the finding unless another is named.
    """

    region: str = "finding"

    family: ClassVar[str] = "localisation"
    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = (
        "Arras et al., CLEVR-XAI, Information Fusion 2022 (definition of relevance mass accuracy)"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: the map is all it looks at."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import localise, positive_share, region_of

        return localise(evidence.maps, region_of(evidence, self.region), positive_share)
