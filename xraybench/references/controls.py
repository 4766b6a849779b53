"""Control maps: they look at no model, and say what a score is worth without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Outlined, Role

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Random:
    """Uniform noise in [0, 1), drawn from each image's seed."""

    role: ClassVar[Role] = "control"
    region: ClassVar[Outlined | None] = None
    version: ClassVar[int] = 1

    def __call__(self, images: Tensor, masks: Tensor, mean_training_mask: Tensor, seeds: Tensor) -> Tensor:
        import torch

        generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
        draws = [torch.rand(images.shape[2:], generator=generator) for generator in generators]
        return torch.stack(draws).to(images)


@dataclass(frozen=True)
class CentreGaussian:
    """A round Gaussian on the image's centre; sigma: its standard deviation as a share of the shorter side."""

    sigma: float = 0.25
    role: ClassVar[Role] = "control"
    region: ClassVar[Outlined | None] = None
    version: ClassVar[int] = 1

    def __call__(self, images: Tensor, masks: Tensor, mean_training_mask: Tensor, seeds: Tensor) -> Tensor:
        import torch

        height, width = images.shape[2:]
        rows, columns = ((torch.arange(size).to(images) - (size - 1) / 2) for size in (height, width))
        distance = (rows[:, None] ** 2 + columns**2) / (self.sigma * min(height, width)) ** 2
        return torch.exp(-distance / 2).repeat(len(images), 1, 1)


@dataclass(frozen=True)
class Sobel:
    """Edge strength of the grey image: the length of Sobel's gradient, borders repeated."""

    role: ClassVar[Role] = "control"
    region: ClassVar[Outlined | None] = None
    version: ClassVar[int] = 1

    def __call__(self, images: Tensor, masks: Tensor, mean_training_mask: Tensor, seeds: Tensor) -> Tensor:
        from torch.nn.functional import conv2d, pad

        smooth, slope = images.new_tensor([1.0, 2.0, 1.0]), images.new_tensor([-1.0, 0.0, 1.0])
        along = smooth[:, None] * slope
        grey = pad(images.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        across, down = (conv2d(grey, kernel[None, None]) for kernel in (along, along.T))
        return (across**2 + down**2).sqrt().squeeze(1)


@dataclass(frozen=True)
class Image:
    """The radiograph's own intensity, channels averaged."""

    role: ClassVar[Role] = "control"
    region: ClassVar[Outlined | None] = None
    version: ClassVar[int] = 1

    def __call__(self, images: Tensor, masks: Tensor, mean_training_mask: Tensor, seeds: Tensor) -> Tensor:
        return images.mean(1)


@dataclass(frozen=True)
class MeanMask:
    """Where findings lie in the training images: the mean of their masks, the same for every image."""

    role: ClassVar[Role] = "control"
    region: ClassVar[Outlined | None] = "finding"
    version: ClassVar[int] = 1

    def __call__(self, images: Tensor, masks: Tensor, mean_training_mask: Tensor, seeds: Tensor) -> Tensor:
        return mean_training_mask.to(images).repeat(len(images), 1, 1)


@dataclass(frozen=True)
class Blank:
    """Zero everywhere: says nothing, and must not score for it."""

    role: ClassVar[Role] = "control"
    region: ClassVar[Outlined | None] = None
    version: ClassVar[int] = 1

    def __call__(self, images: Tensor, masks: Tensor, mean_training_mask: Tensor, seeds: Tensor) -> Tensor:
        return images.new_zeros((len(images), *images.shape[2:]))
