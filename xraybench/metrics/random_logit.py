"""Does the map depend on which logit it is asked to explain?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from xraybench.spec import Evidence, MetricNeeds, ReExplaining

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class RandomLogit(ReExplaining):
    """Spearman correlation of the map with the map of another logit of the same model.

    The other logit is one drawn step further round the outputs, the same step for all images of a model: 1 to K - 1,
    from the number of outputs K. Maps [B,H,W]; range -1 to 1. Near 1, the map hardly depends on what it explains;
    descriptive. A blank map of the other logit counts as correlation 0; NaN where the original is blank. A model with
    one logit has no other: not applicable.

    absolute: compare |map| instead of the signed map.
    """

    absolute: bool = False

    family: ClassVar[str] = "randomisation"
    higher_is_better: ClassVar[bool | None] = None
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    reference: ClassVar[str] = (
        "Sixt et al., When explanations lie, ICML 2020 (random logit), with Spearman's correlation for SSIM"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"explain"})
    version: ClassVar[int] = 1

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """One explanation."""
        return {"explanation of another logit": explainer_cost}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.errors import NotApplicableError
        from xraybench.metrics._explain import explainer_of
        from xraybench.metrics._localisation import blank, undefined
        from xraybench.metrics._randomise import outputs_of
        from xraybench.metrics._ranking import spearman

        explain, outputs = explainer_of(evidence), outputs_of(evidence.model)
        if outputs < 2:
            raise NotApplicableError("the model has one logit, and no other to explain")
        other = explain(evidence.images, _rolled(evidence.model, _step(outputs)))
        mine, theirs = (maps.flatten(1).abs() if self.absolute else maps.flatten(1) for maps in (evidence.maps, other))
        alike = spearman(mine, theirs).masked_fill(blank(theirs), 0.0)
        return alike.masked_fill(blank(mine) | undefined(evidence.maps) | undefined(other), float("nan"))


def _step(outputs: int) -> int:
    from xraybench.identity import seed_of

    return 1 + seed_of("random logit", outputs) % (outputs - 1)


def _rolled(model: nn.Module, step: int) -> nn.Module:
    """A copy of the model whose output at index t is the model's at t + step, round the end."""
    import copy

    def roll(_module: Any, _inputs: Any, logits: Tensor) -> Tensor:
        return logits.roll(-step, 1)

    changed = copy.deepcopy(model)
    changed.register_forward_hook(roll)
    return changed
