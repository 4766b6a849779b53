"""How much does the map change for what the output changes?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._removal import ORIGINAL
from xraybench.metrics._robustness import Robustness
from xraybench.spec import Evidence, Shared

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 1e-2  # change of the logit under which the ratio says nothing: the paper's epsilon_min


@dataclass(frozen=True)
class RelativeOutputStability(Robustness):
    """max over draws of (||map(x + d) - map(x)|| / ||map(x)||) / max(|f(x + d) - f(x)|, 0.01); f the target logit.

    The paper divides the map pixel by pixel, which a map with zeros has no value for; here the map as a whole. Images
    [B,C,H,W], maps [B,H,W]; 0 or more, lower is better; NaN where the map is all zero, or the image all equal. The same
    perturbed maps as `max-sensitivity`; the outputs are shared by all explainers.
    """

    reference: ClassVar[str] = (
        "Agarwal et al., Rethinking stability for attribution-based explanations, 2022 (eq. 5: ROS)"
    )

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """One explanation a draw, and one forward a draw for all explainers."""
        return super().cost(explainer_cost, image_size) | {ORIGINAL: 1, self._outputs(): self.draws}

    def _outputs(self) -> Shared:
        return Shared(f"f(perturbed images ({self.draws}, {self.radius}))")

    def __call__(self, evidence: Evidence) -> Tensor:
        import torch

        from xraybench.metrics._logits import logits_of, original_logits
        from xraybench.metrics._perturbed import changes, relative_changes

        def compute() -> Tensor:
            return torch.stack([logits_of(evidence, evidence.images + d) for d in changes(evidence, self)], 1)

        outputs = evidence.of_model(self._outputs(), compute)
        moved = (outputs - original_logits(evidence)[:, None]).abs().clamp(min=LEAST)
        return (relative_changes(evidence, self) / moved).amax(1)
