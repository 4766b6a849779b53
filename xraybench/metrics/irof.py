"""How far does the output fall, on average, as the most relevant superpixels are taken away?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.metrics._removal import ORIGINAL, check_imputer, imputed
from xraybench.spec import Evidence, MetricNeeds, Shared

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Irof:
    """1 / L sum over l = 1..L of f(x) - f(x without the l superpixels of the greatest mean relevance).

    Superpixels are SLIC's, those of the superpixel explainers, L of them at most (`segments`); equal means are ordered
    by the image's seed. Maps [B,H,W]; in units of the logit (the paper divides by the class's probability, which
    saturates); higher is better. NaN where the map is not finite.

    segments: how many superpixels are asked for. imputer: what pixels that are taken away become, as for `srg`.
    """

    segments: int = 16
    imputer: str = "mean"

    family: ClassVar[str] = "faithfulness"
    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    reference: ClassVar[str] = (
        "Rieger & Hansen, IROF, ICLR workshop 2020 (iterative removal of features: area over the curve)"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset()
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_imputer(self.imputer)
        if self.segments < 2:
            raise UsageError(f"segments={self.segments}", "segments=16 is the default; 2 is the least")

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """The image and its blank, and what lies between; SLIC may give fewer superpixels."""
        own = {f"superpixels taken away ({self.imputer}, {self.segments})": self.segments - 1}
        return {ORIGINAL: 1, imputed(self.imputer): 1} | own

    def __call__(self, evidence: Evidence) -> Tensor:
        import torch

        from xraybench.metrics._curves import imputed_logits
        from xraybench.metrics._imputers import IMPUTERS
        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._logits import original_logits, target_logits

        places = evidence.of_model(Shared(f"superpixels ({self.segments})"), lambda: self._segmented(evidence))
        order = self._order(evidence, places)
        count = places.flatten(1).amax(1) + 1
        rows = torch.arange(len(count), device=count.device).repeat_interleave(count - 1)
        taken = torch.cat([torch.arange(1, int(n), device=count.device) for n in count])
        fill = IMPUTERS[self.imputer](evidence)
        between = target_logits(evidence, rows, lambda some: fill(rows[some], _kept(order, rows[some], taken[some])))
        total = torch.zeros(len(count), dtype=torch.float64, device=count.device).index_add_(0, rows, between)
        mean = (total + imputed_logits(evidence, self.imputer)) / count
        return (original_logits(evidence) - mean).masked_fill(undefined(evidence.maps), float("nan"))

    def _segmented(self, evidence: Evidence) -> Tensor:
        """Int64 [B,H,W]: the number of each pixel's superpixel, from 0."""
        import torch

        from xraybench.superpixels import superpixels

        return torch.stack([superpixels(image, self.segments) for image in evidence.images])

    def _order(self, evidence: Evidence, places: Tensor) -> Tensor:
        """Int64 [B,H,W]: the place of each pixel's superpixel, 0 for the most relevant."""
        import torch

        from xraybench.metrics._orders import places as ranked

        flat, maps = places.flatten(1), evidence.maps.flatten(1).double().nan_to_num()
        sums = torch.zeros(len(flat), self.segments, dtype=torch.float64, device=flat.device)
        sizes = torch.zeros_like(sums).scatter_add_(1, flat, torch.ones_like(maps))
        means = sums.scatter_add_(1, flat, maps) / sizes.clamp(min=1)
        means = means.masked_fill(sizes == 0, float("-inf"))  # where SLIC gave fewer, the others come last
        return ranked(means, evidence.seeds).gather(1, flat).view_as(places)


def _kept(order: Tensor, rows: Tensor, taken: Tensor) -> Tensor:
    """Bool [N,1,H,W]: the pixels of the superpixels that are left."""
    return (order[rows] >= taken[:, None, None])[:, None]
