"""How far apart are the curves of the least and of the most relevant pixels first?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.metrics._removal import Removal
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor

TAU = 0.5  # least |f(x) - f(imputed)| of an image in the normalised form, in units of the logit, as in metrics of twins


@dataclass(frozen=True)
class Srg(Removal):
    """Symmetric relevance gain: area of LeRF - area of MoRF = insertion-auc - deletion-auc, under one imputer.

    Maps [B,H,W]; in units of the logit, not normalised; higher is better; a random order's expectation is 0 wherever
    its two curves agree in the mean, whatever the imputer does to the model: that is what the difference is for.

    Noted beside it, for comparing models and data whose logits have different spreads: the normalised form, mean srg /
    mean |f(x) - f(imputed)|, a ratio of means over the same images and never a mean of ratios. Images where that
    change is under `TAU` have no logit to gain or lose: both means leave them out, and their share is noted. It is the
    same for every map, since the change depends on model and imputer alone. The two areas themselves have no such form:
    each contains f(imputed), which their difference cancels.
    """

    higher_is_better: ClassVar[bool | None] = True
    reference: ClassVar[str] = (
        "Blücher et al., Decoupling pixel flipping and occlusion strategy, TMLR 2024 (symmetric relevance gain)"
    )

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Both curves and their ends."""
        return self.ends_cost() | self.curve_cost("insertion") | self.curve_cost("deletion")

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._curves import area

        return area(evidence, "insertion", self) - area(evidence, "deletion", self)

    def notes(self, evidence: Evidence) -> dict[str, float]:
        """The normalised form, where an image is left for it, and the share of images whose change is under TAU."""
        from xraybench.metrics._curves import imputed_logits
        from xraybench.metrics._logits import original_logits

        scores = self(evidence)
        changes = (original_logits(evidence) - imputed_logits(evidence, self.imputer)).abs()
        small = changes < TAU
        counted = ~small & ~scores.isnan()
        noted = {f"share of images with |f(x) - f(imputed)| under {TAU:g}": small.double().mean().item()}
        if counted.any():
            normalised = scores[counted].mean() / changes[counted].mean()
            noted["normalised: mean over mean |f(x) - f(imputed)|"] = normalised.item()
        return noted
