"""With the twin as its baseline, does the map add up to what the finding did to the logit?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds, ReExplaining

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TwinCompleteness(ReExplaining):
    """|sum of A - (f(x) - f(twin))| / |f(x) - f(twin)|; A the map of x against its twin, f the target logit.

    The twin, the same radiograph without the finding, takes the place of the explainer's baseline: a full account
    of the difference is one of the finding alone. Maps [B,H,W]; 0 where the account is full; NaN where
    |f(x) - f(twin)| <= tau. Descriptive: nobody is ranked by an axiom they do not claim.

    tau: the least change of the logit, in its own units.
    """

    tau: float = 0.5

    family: ClassVar[str] = "axiomatic"
    higher_is_better: ClassVar[bool | None] = None
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    reference: ClassVar[str] = (
        "Sundararajan et al., Axiomatic attribution for deep networks, ICML 2017 (Proposition 1), from the twin"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"twins", "explain", "baseline"})
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """The explanation, and both logits."""
        return {"explanations against twins": explainer_cost, "f(x)": 1, "f(twin)": 1}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._twins import against_twins, falls

        fall, total = falls(evidence), against_twins(evidence).double().flatten(1).sum(1)
        unclear = (fall.abs() <= self.tau) | undefined(evidence.maps)
        return ((total - fall).abs() / fall.abs()).masked_fill(unclear, float("nan"))
