"""Remove and debias: the gap between removing least and most relevant pixels, filled so that the hole tells nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._removal import Removal
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Road(Removal):
    """Mean over the fractions 1/steps .. (steps-1)/steps of f(least relevant removed) - f(most relevant removed).

    Removed pixels are interpolated from those that are left, with noise (the paper's noisy linear imputation), so that
    the shape of the hole does not tell what was removed. Maps [B,H,W]; in units of the logit; higher is better; 0 is a
    random order's expectation where its two curves agree in the mean. The paper reports accuracies at single fractions:
    logits see what a threshold hides.
    """

    imputer: str = "noisy-linear"
    steps: int = 5

    higher_is_better: ClassVar[bool | None] = True
    reference: ClassVar[str] = (
        "Rong et al., A consistent and efficient evaluation strategy, ICML 2022 (ROAD: noisy linear imputation)"
    )

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Both curves and their ends."""
        return self.ends_cost() | self.curve_cost("insertion") | self.curve_cost("deletion")

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._curves import curve
        from xraybench.metrics._localisation import undefined

        kept, removed = (curve(evidence, name, self) for name in ("insertion", "deletion"))
        between = (kept.flip(1) - removed)[:, 1:-1] if self.steps > 1 else kept.flip(1) - removed
        return between.mean(1).masked_fill(undefined(evidence.maps), float("nan"))
