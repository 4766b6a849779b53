"""How steeply does the map change with the image?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._robustness import Robustness
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class LocalLipschitz(Robustness):
    """max over draws of (||map(x + d) - map(x)|| / ||map(x)||) / (||d|| / ||x - mean(x)||); Euclidean norms.

    The paper's ratio of distances (eq. 3), each taken relative to its own size, so that neither the units of the map
    nor the normalisation of the image count. Images [B,C,H,W], maps [B,H,W]; 0 or more, lower is better; NaN where the
    map is all zero, or the image all equal. The same perturbed maps as `max-sensitivity`.
    """

    reference: ClassVar[str] = (
        "Alvarez-Melis & Jaakkola, On the robustness of interpretability methods, WHI 2018 (eq. 3)"
    )

    def __call__(self, evidence: Evidence) -> Tensor:
        import torch

        from xraybench.metrics._perturbed import changes, norm, relative_changes

        images = evidence.images.double()
        size = norm(images - images.mean((1, 2, 3), keepdim=True))
        steps = torch.stack([norm(change) for change in changes(evidence, self)], 1)
        return (relative_changes(evidence, self) * size[:, None] / steps).amax(1)
