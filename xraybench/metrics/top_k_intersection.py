"""How many of the map's top pixels lie on the finding?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TopKIntersection:
    """|top k pixels of the map & region| / k, with k a share of the image's pixels.

    Where the last places are contested by equal values, the expected value of giving them out at random. Maps [B,H,W],
    regions [B,H,W]; range 0 to 1, higher is better; a region of fewer than k pixels cannot reach 1. A random map's
    expectation is the region's share of the image.

    share: k / P, rounded to whole pixels, at least one.
    region: the exact mask of the finding unless another is named.
    """

    share: float = 0.01
    region: str = "finding"

    family: ClassVar[str] = "localisation"
    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = (
        "Theiner et al., Interpretable semantic photo geolocation, WACV 2022 (top-k intersection)"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UsageError(f"top-k-intersection with share={self.share}", "a share lies above 0 and up to 1")

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: the map is all it looks at."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import localise, region_of

        return localise(evidence.maps, region_of(evidence, self.region), self._share_of_hits)

    def _share_of_hits(self, maps: Tensor, regions: Tensor) -> Tensor:
        import torch

        from xraybench.metrics._ranking import hits_of_top

        top = max(1, round(self.share * maps.shape[1]))
        return hits_of_top(maps, regions, torch.full((len(maps),), top, device=maps.device)) / top
