"""Does the map add up to what the output gained over the baseline?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._removal import ORIGINAL, imputed
from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Completeness:
    """|sum of a - (f(x) - f(baseline))| / |f(x) - f(baseline)|; f the target logit, the baseline the training mean.

    Maps [B,H,W]; 0 where the map is a full account of the difference (integrated gradients and DeepLIFT promise it;
    most do not); NaN where the difference is 0, or the map not finite. Descriptive: nobody is ranked by an axiom they
    do not claim.
    """

    family: ClassVar[str] = "axiomatic"
    higher_is_better: ClassVar[bool | None] = None
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    reference: ClassVar[str] = (
        "Sundararajan et al., Axiomatic attribution for deep networks, ICML 2017 (Proposition 1: completeness)"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset()
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """f(x) and f(baseline), bought once for all explainers."""
        return {ORIGINAL: 1, imputed("mean"): 1}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._curves import imputed_logits
        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._logits import original_logits

        gained = original_logits(evidence) - imputed_logits(evidence, "mean")
        total = evidence.maps.double().flatten(1).sum(1)
        unclear = (gained == 0) | undefined(evidence.maps)
        return ((total - gained).abs() / gained.abs()).masked_fill(unclear, float("nan"))
