"""Does the map depend on what the model has learned?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, isfinite
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import ALL_ANEW, Evidence, MetricNeeds, ReExplaining

if TYPE_CHECKING:
    from torch import Tensor, nn

ORDERS = ("cascading", "independent")


@dataclass(frozen=True)
class Mprt(ReExplaining):
    """Model parameter randomisation test: mean over stages of Spearman(map, map under the randomised model).

    Stage s of `stages` draws the top s/stages of the model's layers anew, from the output down, so that the last one
    draws them all (cascading); or draws the s-th part alone (independent). The model as it was trained is not a stage.
    A convolution and its normalisation are one layer; each layer has a draw of its own, fixed by its name, from its own
    initial distribution. The target logit stays the same. The model is copied: the one under test is not touched.

    Maps [B,H,W]; range -1 to 1. A map that stays alike (near 1) does not come from what was learned: such a method
    fails. Being less alike than enough is no merit, so the test is descriptive: shown with its curve, never ranked. A
    board says whether a method fails, from the last stage of the cascading test, kept for each image as a detail.
    A randomised map that is blank counts as correlation 0; NaN where the original is blank.

    stages: how many; fewer where the model has fewer layers (the cost stated is the most).
    absolute: compare |map| instead of the signed map (methods whose sign alone flips).
    order: "cascading" or "independent".
    """

    stages: int = 4
    absolute: bool = False
    order: str = "cascading"

    family: ClassVar[str] = "randomisation"
    higher_is_better: ClassVar[bool | None] = None
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    reference: ClassVar[str] = (
        "Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018 (section Cascading Randomization)"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"explain"})
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stages < 1:
            raise UsageError(f"mprt cannot have {self.stages} stages", "stages=4 is the default; 1 is the least")
        if self.order not in ORDERS:
            raise UsageError(f"mprt has no order {self.order!r}", f"there is: {', '.join(ORDERS)}")

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """One explanation a stage."""
        return {self.maps_name: self.stages * explainer_cost}

    @property
    def maps_name(self) -> str:
        """What the maps of the randomised models are known by."""
        return f"explanations of randomised models ({self.stages}, {self.order})"

    def __call__(self, evidence: Evidence) -> Tensor:
        return self.curve(evidence).mean(1)

    def notes(self, evidence: Evidence) -> dict[str, float]:
        """The curve's mean over the images where it is defined, by what was drawn anew."""
        means = self.curve(evidence).nanmean(0).tolist()
        drawn = "top {} of {} parts" if self.order == "cascading" else "part {} of {} alone"
        found = {drawn.format(stage, len(means)): mean for stage, mean in enumerate(means, start=1)}
        return {f"{name} drawn anew, maps alike": mean for name, mean in found.items() if isfinite(mean)}

    def details(self, evidence: Evidence) -> dict[str, Tensor]:
        """How alike the maps are once all layers are drawn anew, which the independent order never does."""
        return {ALL_ANEW: self.curve(evidence)[:, -1]} if self.order == "cascading" else {}

    def curve(self, evidence: Evidence) -> Tensor:
        """Float64 [B,stages]: the similarity at each stage, from the output layer down."""
        return evidence.once(f"curve of {self}", lambda: self._curve(evidence))

    def _curve(self, evidence: Evidence) -> Tensor:
        import torch

        from xraybench.metrics._localisation import blank, undefined
        from xraybench.metrics._ranking import Ranks, spearman

        original = self._compared(self.original(evidence))
        ranks, nowhere = Ranks.of(original), blank(original) | undefined(evidence.maps)
        columns = []
        for maps in self._maps(evidence):
            compared = self._compared(maps)
            alike = spearman(ranks, compared).masked_fill(blank(compared), 0.0)
            columns.append(alike.masked_fill(nowhere | undefined(maps), float("nan")))
        return torch.stack(columns, dim=1)

    def original(self, evidence: Evidence) -> Tensor:
        """Maps [B,H,W] under the model as it was trained."""
        return evidence.maps

    def _compared(self, maps: Tensor) -> Tensor:
        flat = maps.flatten(1)
        return flat.abs() if self.absolute else flat

    def _maps(self, evidence: Evidence) -> list[Tensor]:
        """One tensor [B,H,W] a stage, explained once for the signed and the absolute form."""
        return evidence.once(
            self.maps_name, lambda: [self.explained(evidence, model) for model in self._models(evidence)]
        )

    def _models(self, evidence: Evidence) -> Iterator[nn.Module]:
        """The randomised model of each stage: one copy that is changed on, to be used before the next is asked for."""
        from xraybench.metrics._randomise import copied, draw_anew, give_back, units

        layers, model = units(evidence.model), copied(evidence.model)
        ends = sorted({ceil(len(layers) * stage / self.stages) for stage in range(1, self.stages + 1)})
        for begin, end in zip([0, *ends], ends, strict=False):
            chosen = layers[len(layers) - end : len(layers) - begin]
            draw_anew(model, chosen)
            yield model
            if self.order == "independent":
                give_back(model, evidence.model, chosen)

    def explained(self, evidence: Evidence, model: nn.Module) -> Tensor:
        """Maps [B,H,W] under a model."""
        from xraybench.metrics._explain import explainer_of

        return explainer_of(evidence)(evidence.images, model)
