"""How much of the positive relevance lies on something else than the finding?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class EnergyOn:
    """Share of the positive relevance on a named region: sum of max(a, 0) inside / sum of max(a, 0).

    Maps [B,H,W], regions [B,H,W]; range 0 to 1. Descriptive: relevance on a text legend shows a shortcut of the model
    just as well as a fault of the method. NaN where the image has no such region, or the map nothing positive.

    region: text, hardware, lung, frame: whatever the source names.
    """

    region: str = "text"

    family: ClassVar[str] = "localisation"
    higher_is_better: ClassVar[bool | None] = None
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = "Wang et al., Score-CAM, CVPR Workshops 2020 (energy-based pointing game), on any region"
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset()
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: the map is all it looks at."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import positive_share, region_of, undefined

        maps, regions = evidence.maps.flatten(1), region_of(evidence, self.region).flatten(1)
        nothing = ~regions.any(1) | ~(maps > 0).any(1) | undefined(maps)
        return positive_share(maps, regions).masked_fill(nothing, float("nan"))
