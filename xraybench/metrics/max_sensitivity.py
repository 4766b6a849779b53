"""How much does the map change when the image hardly does?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import Evidence, MetricNeeds, ReExplaining

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class MaxSensitivity(ReExplaining):
    """max over draws of ||map(x + d) - map(x)|| / ||map(x)||, d uniform in [-r, r] at every pixel; Euclidean norms.

    The same target logit throughout; x + d is not clipped. Images [B,C,H,W], maps [B,H,W]; 0 or more, lower is better;
    NaN where the map is all zero, or the image all equal (r = 0).

    draws: perturbed images per image, drawn from the image's seed.
    radius: r as a share of the range of values of the image itself, so that every normalisation gives the same score.
    """

    draws: int = 10
    radius: float = 0.02

    family: ClassVar[str] = "robustness"
    higher_is_better: ClassVar[bool | None] = False
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    reference: ClassVar[str] = (
        "Yeh et al., On the (in)fidelity and sensitivity of explanations, NeurIPS 2019 (SENS_MAX)"
    )
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset({"explain"})
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.draws < 1 or self.radius <= 0:
            raise UsageError(f"max-sensitivity with draws={self.draws}, radius={self.radius}", "both must be positive")

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """One explanation a draw."""
        return {f"explanations of perturbed images ({self.draws}, {self.radius})": self.draws * explainer_cost}

    def __call__(self, evidence: Evidence) -> Tensor:
        import torch
        from torch.linalg import vector_norm

        from xraybench.metrics._explain import explainer_of

        explain, maps, radii = explainer_of(evidence), evidence.maps.double(), self._radii(evidence)
        changes = [
            vector_norm((explain(evidence.images + radii * _noise(evidence, draw)).double() - maps).flatten(1), dim=1)
            for draw in range(self.draws)
        ]
        size: Tensor = vector_norm(maps.flatten(1), dim=1)
        nothing_to_compare = (size == 0) | (radii.flatten() == 0)
        largest = torch.stack(changes).amax(0) / size
        return largest.masked_fill(nothing_to_compare, float("nan"))

    def _radii(self, evidence: Evidence) -> Tensor:
        values = evidence.images.flatten(1)
        return (values.amax(1) - values.amin(1)).mul(self.radius)[:, None, None, None]


def _noise(evidence: Evidence, draw: int) -> Tensor:
    """Float32 [B,C,H,W], uniform in [-1, 1], each image's from its own seed."""
    import torch

    from xraybench.metrics._draws import generator

    shape = evidence.images.shape[1:]
    seeds = evidence.seeds.tolist()
    drawn = [torch.rand(shape, generator=generator("max-sensitivity", seed, draw)) for seed in seeds]
    return (2 * torch.stack(drawn) - 1).to(evidence.images)
