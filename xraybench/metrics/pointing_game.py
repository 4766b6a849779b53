"""Does the map's maximum fall on the finding?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PointingGame:
    """1 where the largest value of the map is positive and lies inside the region, else 0; the mean is the hit rate.

    score = [max a > 0] * |argmax a & region| / |argmax a|, with argmax a the set of pixels that reach the maximum: of
    tied maxima the expected value of picking one. Maps [B,H,W], regions [B,H,W]; range 0 to 1, higher is better. A
    random map's expectation is the region's share of the image. No tolerance margin is added.

    region: the exact mask of the finding unless another is named ("box": the annotation box, where the source has it).
    """

    region: str = "finding"

    family: ClassVar[str] = "localisation"
    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = (
        "Zhang et al., Top-down neural attention by excitation backprop, IJCV 2018 (section The Pointing Game)"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: the map is all it looks at."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import localise, region_of

        return localise(evidence.maps, region_of(evidence, self.region), _hits)


def _hits(maps: Tensor, regions: Tensor) -> Tensor:
    highest = maps.amax(1, keepdim=True)
    maxima = maps == highest
    share = (maxima & regions).sum(1).double() / maxima.sum(1)
    return share * (highest[:, 0] > 0)
