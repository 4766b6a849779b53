"""On how few pixels does the map concentrate?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Sparseness:
    """Gini index of |a|: sum_k (2k - P - 1) |a|_(k) / (P sum |a|), with |a|_(1) <= ... <= |a|_(P).

    Maps [B,H,W]; 0 where all pixels weigh the same (a map of zeros included), up to 1 - 1/P where one pixel has
    everything. Descriptive: a map is not better for being sparse, so nobody is ranked by it.
    """

    family: ClassVar[str] = "complexity"
    higher_is_better: ClassVar[bool | None] = None
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = (
        "Chalasani et al., Concise explanations of neural networks, ICML 2020 (definition of the Gini index)"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset()
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: the map is all it looks at."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._parts import in_parts

        return in_parts(_gini, evidence.maps)


def _gini(maps: Tensor) -> Tensor:
    """Float64 [B], of maps [B,H,W]."""
    import torch

    from xraybench.metrics._orders import ordered

    sizes = ordered(maps.flatten(1).abs()).double()
    pixels = sizes.shape[1]
    weights = 2 * torch.arange(1, pixels + 1, device=sizes.device, dtype=torch.float64) - pixels - 1
    total = sizes.sum(1)
    return (sizes * weights).sum(1) / (pixels * total.masked_fill(total == 0, 1.0))
