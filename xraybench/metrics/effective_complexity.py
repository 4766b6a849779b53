"""How many pixels carry the map?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class EffectiveComplexity:
    """Share of the pixels whose |a| exceeds a share of the map's largest |a|.

    Maps [B,H,W]; range 0 to 1; 0 for a map of zeros. The paper's count of features above a threshold, taken relative to
    map and image size. Descriptive: nobody is ranked by it.

    threshold: as a share of the largest |a|.
    """

    threshold: float = 0.1

    family: ClassVar[str] = "complexity"
    higher_is_better: ClassVar[bool | None] = None
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = "Nguyen & Martinez, On quantitative aspects of model interpretability, 2020 (sec. 2.3)"
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset()
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < 1:
            raise UsageError(f"effective-complexity with threshold={self.threshold}", "a share from 0 to 1")

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Nothing: the map is all it looks at."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import undefined

        sizes = evidence.maps.flatten(1).double().abs()
        share = (sizes > self.threshold * sizes.amax(1, keepdim=True)).double().mean(1)
        return share.masked_fill(undefined(evidence.maps), float("nan"))
