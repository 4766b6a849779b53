"""Does the denoised map depend on what the model has learned?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.metrics.mprt import Mprt
from xraybench.spec import Evidence

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class SmoothMprt(Mprt):
    """`mprt` on maps that are averaged over noisy images, so that a map's own noise does not make it look sensitive.

    Every map, the original too, is the mean over `draws` images x + d, d Gaussian at every pixel, the same d for all
    models. Maps [B,H,W]; range -1 to 1; descriptive, as `mprt`.

    draws: noisy images; noise: their standard deviation as a share of the range of the image's values.
    """

    stages: int = 2
    draws: int = 4
    noise: float = 0.1

    reference: ClassVar[str] = "Hedström et al., Sanity checks revisited, NeurIPS XAIA workshop 2023 (sMPRT, eq. 3)"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.draws < 1 or self.noise < 0:
            raise UsageError(f"draws={self.draws}, noise={self.noise}", "at least one draw, and no noise below 0")

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """The maps of the trained model and of every stage, each `draws` times."""
        return {self.maps_name: (self.stages + 1) * self.draws * explainer_cost}

    @property
    def maps_name(self) -> str:
        """What the maps of the randomised models are known by."""
        return f"{super().maps_name} of noisy images ({self.draws}, {self.noise})"

    def original(self, evidence: Evidence) -> Tensor:
        """The mean map of the noisy images under the model as it was trained."""
        return evidence.once(
            f"explanations of noisy images ({self.draws}, {self.noise})", lambda: self.explained(evidence, None)
        )

    def explained(self, evidence: Evidence, model: nn.Module | None) -> Tensor:
        """The mean map of the noisy images under a model (None: as it was trained)."""
        import torch

        from xraybench.metrics._draws import generator
        from xraybench.metrics._explain import explainer_of
        from xraybench.metrics._radiograph import spread

        explain, images, shape = explainer_of(evidence), evidence.images, evidence.images.shape[1:]
        total = torch.zeros_like(evidence.maps, dtype=torch.float64)
        for draw in range(self.draws):
            drawn = [torch.randn(shape, generator=generator("smooth-mprt", s, draw)) for s in evidence.seeds.tolist()]
            noisy = images + self.noise * spread(images) * torch.stack(drawn).to(images)
            total += (explain(noisy) if model is None else explain(noisy, model)).double()
        return total / self.draws
