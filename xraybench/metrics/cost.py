"""What did the explanation take?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CostMetric:
    """Image-forwards that explaining one image took, as counted while it was done; a backward counts 2.

    The same for every image [B] of a cell; 0 or more, lower is better.
    """

    family: ClassVar[str] = "cost"
    higher_is_better: ClassVar[bool | None] = False
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    reference: ClassVar[str] = "counted; a backward pass taken as two forward passes"
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset()
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: it was counted already."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        import torch

        count = evidence.cost.image_forwards
        return torch.full((len(evidence.maps),), count, dtype=torch.float64, device=evidence.maps.device)
