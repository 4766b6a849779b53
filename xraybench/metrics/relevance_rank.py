"""Of as many top pixels as the finding has, how many lie on it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RelevanceRank:
    """Relevance rank accuracy: |top K pixels of the map & region| / K, with K the number of pixels of the region.

    Where the K-th largest value is shared by more pixels than there are places left, the expected value of filling
    those places at random. Maps [B,H,W], regions [B,H,W]; range 0 to 1, higher is better. A random map's expectation is
    the region's share of the image.

    region: the exact mask of the finding unless another is named.
    """

    region: str = "finding"

    family: ClassVar[str] = "localisation"
    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = (
        "Arras et al., CLEVR-XAI, Information Fusion 2022 (definition of relevance rank accuracy)"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: the map is all it looks at."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import localise, region_of

        return localise(evidence.maps, region_of(evidence, self.region), _rank_accuracy)


def _rank_accuracy(maps: Tensor, regions: Tensor) -> Tensor:
    from xraybench.metrics._ranking import hits_of_top

    sizes = regions.sum(1)
    return hits_of_top(maps, regions, sizes) / sizes
