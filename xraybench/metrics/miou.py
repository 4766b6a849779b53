"""How well does the map, cut at a threshold of its own, cover the finding?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import NotApplicableError, UsageError
from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor

OTSU, BINS = "otsu", 256
TUNED, SHARES = "tuned", tuple(step / 20 for step in range(20))  # of a map's maximum


@dataclass(frozen=True)
class Miou:
    """Intersection over union of the region and the pixels above a threshold of the map's positive part, Otsu's or
    another.

    Otsu's threshold is taken from a histogram of 256 bins between 0 and the map's maximum; a pixel is in where its
    value lies in a bin above the threshold's. Maps [B,H,W], regions [B,H,W]; range 0 to 1, higher is better; 0 where
    nothing is positive. The mean over images is the mIoU.

    region: the exact mask of the finding unless another is named.
    threshold: "otsu"; or a share of the map's maximum, the same for all images, which must not be chosen on the images
        that are scored; or "tuned", as CheXlocalize does: the share of 0, 0.05, ... 0.95 that gives the greatest mean
        IoU on the same explainer's maps of validation images with masks, the smallest of several. One for each
        explained logit, from the validation images that are explained for it (without such, from all); notes say it.
    """

    region: str = "finding"
    threshold: str | float = OTSU

    family: ClassVar[str] = "localisation"
    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = (
        "Saporta et al., Benchmarking saliency methods for chest X-rays, Nature MI 2022 (mIoU); Otsu 1979 (eq. 18)"
    )
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        share = not isinstance(self.threshold, str | bool) and 0 <= self.threshold < 1
        if self.threshold not in (OTSU, TUNED) and not share:
            hint = 'a share of the maximum, 0 or more and below 1, "otsu" or "tuned"'
            raise UsageError(f"miou with threshold={self.threshold}", hint)

    @property
    def needs(self) -> frozenset[MetricNeeds]:
        """Masks; for a tuned threshold, of validation images, too."""
        return frozenset({"finding", "validation"} if self.threshold == TUNED else {"finding"})

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: the map is all it looks at. A tuned threshold takes as many maps of validation images again."""
        return {"explanations of validation images": explainer_cost} if self.threshold == TUNED else {}

    def __call__(self, evidence: Evidence) -> Tensor:
        import torch

        from xraybench.metrics._localisation import localise, region_of

        regions = region_of(evidence, self.region)
        if self.threshold != TUNED:
            return localise(evidence.maps, regions, partial(_iou, threshold=self.threshold))
        shares, scores = self._tuned(evidence), torch.empty(len(regions), dtype=torch.float64, device=regions.device)
        for target in evidence.targets.unique().tolist():
            rows = evidence.targets == target
            iou = partial(_iou, threshold=shares.get(target, shares[None]))
            scores[rows] = localise(evidence.maps[rows], regions[rows], iou)
        return scores

    def notes(self, evidence: Evidence) -> dict[str, float]:
        """The tuned thresholds, by label."""
        if self.threshold != TUNED or evidence.validation is None:
            return {}
        names, shares = evidence.validation().names, self._tuned(evidence)
        return {f"threshold of {names[n]}": shares.get(n, shares[None]) for n in evidence.targets.unique().tolist()}

    def _tuned(self, evidence: Evidence) -> dict[int | None, float]:
        """The best share by target; of all of them at None."""
        return evidence.once((TUNED, self.region), lambda: _best_shares(evidence, self.region))


def _best_shares(evidence: Evidence, region: str) -> dict[int | None, float]:
    import torch

    from xraybench.metrics._localisation import localise, region_of

    if evidence.validation is None:
        raise NotApplicableError("there are no validation images to tune the threshold on")
    known = evidence.validation()
    masks = region_of(known, region)
    scores = torch.stack([localise(known.maps, masks, partial(_iou, threshold=share)) for share in SHARES])
    defined = ~scores[0].isnan()
    if not bool(defined.any()):
        raise NotApplicableError(f"no validation image has a region {region!r} to tune the threshold on")
    groups: dict[int | None, Tensor] = {int(n): known.targets == n for n in known.targets[defined].unique()}
    groups[None] = torch.ones_like(defined)
    return {name: SHARES[int(scores[:, rows & defined].mean(1).argmax())] for name, rows in groups.items()}


def _iou(maps: Tensor, regions: Tensor, threshold: str | float) -> Tensor:
    positive = maps.double().nan_to_num().clamp(min=0)
    if isinstance(threshold, str):
        inside = _above_otsu(positive)
    else:
        inside = positive > threshold * positive.amax(1, keepdim=True)
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
