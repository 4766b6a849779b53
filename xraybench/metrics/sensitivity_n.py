"""Faithfulness correlation over subsets of several sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._subsets import Subsets
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2)


@dataclass(frozen=True)
class SensitivityN(Subsets):
    """Mean over n of the Pearson correlation over subsets S of n patches of (sum of a over S, f(x) - f(x without S)).

    n: a 16th, an 8th, a quarter and half of the patches. Maps [B,H,W]; range -1 to 1, higher is better; a size at which
    the output never moves is left out, NaN where that is every size.
    """

    higher_is_better: ClassVar[bool | None] = True
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    reference: ClassVar[str] = (
        "Ancona et al., Towards better understanding of gradient-based attribution methods, ICLR 2018 (sec. 5)"
    )

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """The probes of every share."""
        return self.probes_cost(*SHARES)

    def __call__(self, evidence: Evidence) -> Tensor:
        import torch

        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._probes import correlation, drops, sums

        columns = [correlation(sums(evidence, self, share), drops(evidence, self, share)) for share in SHARES]
        return torch.stack(columns, 1).nanmean(1).masked_fill(undefined(evidence.maps), float("nan"))
