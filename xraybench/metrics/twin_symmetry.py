"""Shown either way round, do twins get opposite explanations?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Evidence, MetricNeeds, ReExplaining

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TwinSymmetry(ReExplaining):
    """||A + B|| / (||A|| + ||B||), Euclidean: A the map of x against its twin, B that of the twin against x.

    Each takes the place of the explainer's baseline for the other. What the finding adds to the logit is what its
    absence takes away: 0 where the two are exact opposites (integrated gradients and DeepLIFT promise it), 1 where they
    are equal. Of explainers without a baseline the difference of two maps is opposite by construction: nothing to
    measure. Maps [B,H,W]; range 0 to 1; descriptive. NaN where both are blank.
    """

    family: ClassVar[str] = "axiomatic"
    higher_is_better: ClassVar[bool | None] = None
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reference: ClassVar[str] = "xraybench: pairs of radiographs with and without a finding"
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"twins", "explain", "baseline"})
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """An explanation each way."""
        return {
            "explanations against twins": explainer_cost,
            "explanations of twins against the images": explainer_cost,
        }

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._perturbed import norm
        from xraybench.metrics._twins import against_twins, back_from_twins

        there, back = against_twins(evidence).double(), back_from_twins(evidence).double()
        size = norm(there) + norm(back)
        unclear = (size == 0) | undefined(evidence.maps)
        return (norm(there + back) / size).masked_fill(unclear, float("nan"))
