"""How much can the map change when the image hardly does?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._robustness import Robustness
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class MaxSensitivity(Robustness):
    """max over draws of ||map(x + d) - map(x)|| / ||map(x)||; Euclidean norms.

    Images [B,C,H,W], maps [B,H,W]; 0 or more, lower is better; NaN where the map is all zero, or the image all equal
    (r = 0).
    """

    reference: ClassVar[str] = (
        "Yeh et al., On the (in)fidelity and sensitivity of explanations, NeurIPS 2019 (definition of SENS_MAX)"
    )

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._perturbed import relative_changes

        return relative_changes(evidence, self).amax(1)
