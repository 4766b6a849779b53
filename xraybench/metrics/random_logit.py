"""Does the map depend on which logit it is asked to explain?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from xraybench.spec import Evidence, MetricNeeds, ReExplaining

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class RandomLogit(ReExplaining):
    """Spearman correlation of the map with the map of another logit; multi-label: of another true label of the image.

    In a multi-label task the other logit is drawn, from the image's seed, among the image's other true labels; NaN
    where it has none, not applicable where no image has one. Elsewhere it is one drawn step further round the outputs,
    the same step for all images of a model: 1 to K - 1, from the number of outputs K. Maps [B,H,W]; range -1 to 1. Near
    1, the map hardly depends on what it explains; descriptive. A blank map of the other logit counts as correlation 0;
    NaN where the original is blank. A model with one logit has no other: not applicable.

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
    version: ClassVar[int] = 2

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """One explanation."""
        return {"explanation of another logit": explainer_cost}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._localisation import blank, undefined
        from xraybench.metrics._ranking import Ranks, spearman

        other = _of_next_output(evidence) if evidence.true_labels is None else _of_true_label(evidence)
        mine, theirs = (maps.flatten(1).abs() if self.absolute else maps.flatten(1) for maps in (evidence.maps, other))
        alike = spearman(Ranks.of(mine), theirs).masked_fill(blank(theirs), 0.0)
        return alike.masked_fill(blank(mine) | undefined(evidence.maps) | undefined(other), float("nan"))


def _of_next_output(evidence: Evidence) -> Tensor:
    """Maps [B,H,W] of the logit one step further round."""
    from xraybench.errors import NotApplicableError
    from xraybench.metrics._explain import explainer_of
    from xraybench.metrics._randomise import outputs_of

    explain, outputs = explainer_of(evidence), outputs_of(evidence.model)
    if outputs < 2:
        raise NotApplicableError("the model has one logit, and no other to explain")
    return explain(evidence.images, _rolled(evidence.model, _step(outputs)))


def _of_true_label(evidence: Evidence) -> Tensor:
    """Maps [B,H,W] of another true label; NaN where an image has none."""
    from xraybench.errors import NotApplicableError

    labels = evidence.true_labels
    assert labels is not None
    if evidence.explain_targets is None:
        raise NotApplicableError("the map does not come from the model, so there is no other logit to explain")
    others = labels.scatter(1, evidence.targets[:, None], False)
    some = others.any(1)
    if not some.any():
        raise NotApplicableError("no image has another true label to explain")
    drawn = evidence.targets.clone()
    for row in some.nonzero()[:, 0].tolist():
        drawn[row] = _draw(others[row], int(evidence.seeds[row]))
    return evidence.explain_targets(drawn).masked_fill(~some[:, None, None], float("nan"))


def _draw(true: Tensor, seed: int) -> int:
    """One of the true entries of [K], from an image's seed."""
    import torch

    from xraybench.metrics._draws import generator

    chosen = true.nonzero()[:, 0].tolist()
    return int(chosen[int(torch.randint(len(chosen), (1,), generator=generator("random logit", seed)))])


def _step(outputs: int) -> int:
    from xraybench.identity import seed_of

    return 1 + seed_of("random logit", outputs) % (outputs - 1)


def _rolled(model: nn.Module, step: int) -> nn.Module:
    """A copy of the model whose output at index t is the model's at t + step, round the end."""
    from xraybench.metrics._randomise import copied

    def roll(_module: Any, _inputs: Any, logits: Tensor) -> Tensor:
        return logits.roll(-step, 1)

    changed = copied(model)
    changed.register_forward_hook(roll)
    return changed
