"""What metrics on radiographs as another machine would show them have in common; without torch, for plans."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import Evidence, MetricNeeds, ReExplaining

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RadiographChange(ReExplaining):
    """Metrics that explain the same radiograph changed by +amount and by -amount: mean of the maps' relative changes.

    A score is the mean of ||map(T x) - T map(x)|| / ||map(x)||, Euclidean, where T moves pixels, and of
    ||map(T x) - map(x)|| / ||map(x)|| where it changes greys alone. The target logit stays the same. NaN where the map
    is all zero.
    """

    amount: float = 0.05

    family: ClassVar[str] = "robustness"
    higher_is_better: ClassVar[bool | None] = False
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"explain"})
    version: ClassVar[int] = 1
    change: ClassVar[str]  # what is changed, in a word

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.amount <= 0:
            raise UsageError(f"amount={self.amount}", "it must be positive: both +amount and -amount are measured")

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Two explanations."""
        return {f"explanations under {self.change} ({self.amount})": 2 * explainer_cost}

    @abstractmethod
    def changed(self, images: Tensor, amount: float) -> Tensor:
        """Images [B,C,H,W] changed by an amount."""

    def moved(self, maps: Tensor, amount: float) -> Tensor:
        """Maps [B,H,W] whose pixels move as those of the images."""
        return maps

    def __call__(self, evidence: Evidence) -> Tensor:
        import torch

        from xraybench.metrics._explain import explainer_of
        from xraybench.metrics._localisation import undefined
        from xraybench.metrics._perturbed import norm

        explain, maps = explainer_of(evidence), evidence.maps.double()
        length = norm(maps)
        scores = []
        for amount in (self.amount, -self.amount):
            found = explain(self.changed(evidence.images, amount)).double()
            scores.append(norm(found - self.moved(maps, amount)) / length)
        return torch.stack(scores).mean(0).masked_fill((length == 0) | undefined(maps), float("nan"))


def spread(images: Tensor) -> Tensor:
    """[B,1,1,1]: the range of an image's own values, so that every normalisation gives the same score."""
    flat = images.flatten(1)
    return (flat.amax(1) - flat.amin(1))[:, None, None, None]
