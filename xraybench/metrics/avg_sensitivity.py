"""How much does the map change, on average, when the image hardly does?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._robustness import Robustness
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class AvgSensitivity(Robustness):
    """Mean over draws of ||map(x + d) - map(x)|| / ||map(x)||; Euclidean norms.

    Images [B,C,H,W], maps [B,H,W]; 0 or more, lower is better; NaN where the map is all zero, or the image all equal.
    The same perturbed maps as `max-sensitivity`, which it costs nothing beside.
    """

    reference: ClassVar[str] = (
        "Bhatt et al., Evaluating and aggregating feature-based explanations, IJCAI 2020 (Def. 2); Yeh et al. 2019"
    )

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._perturbed import relative_changes

        return relative_changes(evidence, self).mean(1)
