"""Is the map less of a pattern once the model knows nothing?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import Evidence, MetricNeeds, ReExplaining

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class EfficientMprt(ReExplaining):
    """(H(map under a model drawn anew) - H(map)) / H(map), H the entropy of a map's histogram of `bins` equal bins.

    One explanation, of the model with all its layers drawn anew (as the last stage of `mprt`). Above 0: the map has
    lost structure with what was learned. Maps [B,H,W], |map| where `absolute`; range -1 upwards; descriptive, as every
    test of this family. NaN where a map is not finite, or H(map) is 0 (a blank map).

    bins: of equal width from the map's least to its greatest value.
    absolute: the histogram of |map| instead of the signed map.
    """

    bins: int = 100
    absolute: bool = True

    family: ClassVar[str] = "randomisation"
    higher_is_better: ClassVar[bool | None] = None
    range: ClassVar[tuple[float, float]] = (-1.0, float("inf"))
    reference: ClassVar[str] = "Hedström et al., Sanity checks revisited, NeurIPS XAIA workshop 2023 (eMPRT, eq. 5)"
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"explain"})
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bins < 2:
            raise UsageError(f"bins={self.bins}", "a histogram of fewer than two bins has no entropy")

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """One explanation."""
        return {"explanation of a model drawn anew": explainer_cost}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._explain import explainer_of
        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._randomise import randomised, units

        explain = explainer_of(evidence)
        anew = explain(evidence.images, randomised(evidence.model, units(evidence.model)))
        before, after = self._entropies(evidence.maps), self._entropies(anew)
        unclear = (before == 0) | undefined(evidence.maps) | undefined(anew)
        return ((after - before) / before.masked_fill(before == 0, 1.0)).masked_fill(unclear, float("nan"))

    def _entropies(self, maps: Tensor) -> Tensor:
        """Float64 [B], in nats."""
        import torch

        flat = maps.flatten(1).double().nan_to_num()
        flat = flat.abs() if self.absolute else flat
        low, high = flat.amin(1, keepdim=True), flat.amax(1, keepdim=True)
        width = (high - low).masked_fill(high == low, 1.0)
        place = ((flat - low) / width * self.bins).long().clamp(max=self.bins - 1)
        counts = torch.zeros(len(flat), self.bins, dtype=torch.float64, device=flat.device)
        shares = counts.scatter_add_(1, place, torch.ones_like(flat)) / flat.shape[1]
        entropies: Tensor = torch.special.entr(shares).sum(1)
        return entropies
