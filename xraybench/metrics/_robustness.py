"""What metrics on slightly changed images have in common; without torch, since plans are made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xraybench.errors import UsageError
from xraybench.spec import MetricNeeds, ReExplaining


@dataclass(frozen=True)
class Robustness(ReExplaining):
    """Metrics that explain x + d, d uniform in [-r, r] at every pixel; x + d is not clipped, the target stays the same.

    The maps of the changed images are made once for all such metrics with the same draws and radius.

    draws: perturbed images per image, drawn from the image's seed.
    radius: r as a share of the range of values of the image itself, so that every normalisation gives the same score.
    """

    draws: int = 10
    radius: float = 0.02

    family: ClassVar[str] = "robustness"
    higher_is_better: ClassVar[bool | None] = False
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"explain"})
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.draws < 1 or self.radius <= 0:
            raise UsageError(f"draws={self.draws}, radius={self.radius}", "both must be positive")

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """One explanation a draw."""
        return {self.maps_name: self.draws * explainer_cost}

    @property
    def maps_name(self) -> str:
        """What the maps of the changed images are known by."""
        return f"explanations of perturbed images ({self.draws}, {self.radius})"
