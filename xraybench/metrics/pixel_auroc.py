"""How often does a pixel of the finding outrank one outside it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PixelAuroc:
    """Area under the ROC curve of the pixels of the region, ranked by the signed map; equal values count half.

    score = P(a_inside > a_outside) + P(a_inside = a_outside) / 2; 0, not 1/2, where the map is blank (all equal): it
    points nowhere. Maps [B,H,W], regions [B,H,W]; range 0 to 1, higher is better; a random map's expectation is 1/2.
    Small findings make it flattering: read it beside pixel-auprc.

    region: the exact mask of the finding unless another is named.
    """

    region: str = "finding"

    family: ClassVar[str] = "localisation"
    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = "Fawcett, An introduction to ROC analysis, Pattern Recognition Letters 2006 (sec. 7)"
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: the map is all it looks at."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import localise, region_of
        from xraybench.metrics._ranking import roc_area

        return localise(evidence.maps, region_of(evidence, self.region), roc_area)
