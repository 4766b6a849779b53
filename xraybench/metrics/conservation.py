"""Does the map add up to the output?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._removal import ORIGINAL
from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Conservation:
    """|sum of a - f(x)| / |f(x)|; f the target logit.

    Maps [B,H,W]; 0 where the whole output is handed out (LRP promises it where its rules conserve); NaN where the
    output is 0, or the map not finite. Descriptive: nobody is ranked by an axiom they do not claim.
    """

    family: ClassVar[str] = "axiomatic"
    higher_is_better: ClassVar[bool | None] = None
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    reference: ClassVar[str] = "Bach et al., On pixel-wise explanations, PLOS ONE 2015 (eq. 2: conservation)"
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset()
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """f(x), bought once for all explainers."""
        return {ORIGINAL: 1}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._logits import original_logits

        output = original_logits(evidence)
        total = evidence.maps.double().flatten(1).sum(1)
        unclear = (output == 0) | undefined(evidence.maps)
        return ((total - output).abs() / output.abs()).masked_fill(unclear, float("nan"))
