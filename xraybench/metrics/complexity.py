"""Over how many pixels is the map spread?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Complexity:
    """Entropy of |a| as a distribution over pixels: -sum p log p, p = |a| / sum |a|; in nats.

    Maps [B,H,W]; 0 where one pixel has everything, log P where all weigh the same (a map of zeros included).
    Descriptive: nobody is ranked by it.
    """

    family: ClassVar[str] = "complexity"
    higher_is_better: ClassVar[bool | None] = None
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    reference: ClassVar[str] = (
        "Bhatt et al., Evaluating and aggregating feature-based explanations, IJCAI 2020 (definition of complexity)"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset()
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: the map is all it looks at."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._parts import in_parts

        return in_parts(_entropy, evidence.maps)


def _entropy(maps: Tensor) -> Tensor:
    """Float64 [B], of maps [B,H,W]."""
    import torch

    sizes = maps.flatten(1).double().abs()
    sizes = torch.where((sizes == 0).all(1, keepdim=True), 1.0, sizes)
    shares = sizes / sizes.sum(1, keepdim=True)
    return -torch.xlogy(shares, shares).sum(1)
