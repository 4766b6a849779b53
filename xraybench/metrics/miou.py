"""How well does the map, cut at a threshold of its own, cover the finding?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor

OTSU, BINS = "otsu", 256


@dataclass(frozen=True)
class Miou:
    """Intersection over union of the region and the pixels above a threshold of the map's positive part: Otsu's.

    Otsu's threshold is taken from a histogram of 256 bins between 0 and the map's maximum; a pixel is in where its
    value lies in a bin above the threshold's. Maps [B,H,W], regions [B,H,W]; range 0 to 1, higher is better; 0 where
    nothing is positive. The mean over images is the mIoU.

    region: the exact mask of the finding unless another is named.
    threshold: "otsu", or a share of the map's maximum, the same for all images: CheXlocalize tunes it on the validation
        set. It must not be chosen on the images that are scored.
    """

    region: str = "finding"
    threshold: str | float = OTSU

    family: ClassVar[str] = "localisation"
    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = (
        "Saporta et al., Benchmarking saliency methods for chest X-rays, Nature MI 2022 (mIoU); Otsu 1979 (eq. 18)"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.threshold != OTSU and not (isinstance(self.threshold, int | float) and 0 <= self.threshold < 1):
            raise UsageError(f"miou with threshold={self.threshold}", 'a share of the maximum from 0 to 1, or "otsu"')

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: the map is all it looks at."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import localise, region_of

        return localise(evidence.maps, region_of(evidence, self.region), self._iou)

    def _iou(self, maps: Tensor, regions: Tensor) -> Tensor:
        positive = maps.nan_to_num().clamp(min=0)
        if isinstance(self.threshold, str):
            inside = _above_otsu(positive)
        else:
            inside = positive > self.threshold * positive.amax(1, keepdim=True)
        return (inside & regions).sum(1).double() / (inside | regions).sum(1)


def _above_otsu(positive: Tensor) -> Tensor:
    """Bool [B,P]."""
    import torch

    levels = _levels(positive)
    counts = torch.zeros(len(levels), BINS, dtype=torch.float64, device=levels.device)
    counts.scatter_add_(1, levels, torch.ones_like(levels, dtype=torch.float64))
    return levels > _otsu(counts)[:, None]


def _levels(positive: Tensor) -> Tensor:
    """Int64 [B,P]: the bin of each value between 0 and its row's maximum."""
    highest = positive.amax(1, keepdim=True)
    share = positive / highest.masked_fill(highest == 0, 1.0)
    return (share * BINS).long().clamp(max=BINS - 1)


def _otsu(counts: Tensor) -> Tensor:
    """Int64 [B], of counts [B,256]: the last bin of the lower class, where the variance between classes is largest."""
    import torch

    bins = torch.arange(BINS, dtype=torch.float64, device=counts.device)
    below, weighted = counts.cumsum(1), (counts * bins).cumsum(1)
    total, moment = below[:, -1:], weighted[:, -1:]
    above = total - below
    gap = weighted / below.clamp(min=1) - (moment - weighted) / above.clamp(min=1)
    return (below * above * gap.square()).argmax(1)
