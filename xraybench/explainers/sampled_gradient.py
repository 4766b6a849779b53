"""Gradients at points drawn around the image, or between it and training images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import Context, Needs

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


@dataclass(frozen=True)
class _Noisy(ABC):
    """samples: noisy copies, drawn from the image's seed; noise: their standard deviation as a share of the input's
    range (high - low of its channel).
    """

    samples: int = 25
    noise: float = 0.15
    family: ClassVar[str] = "gradient"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.samples < 1 or self.noise < 0:
            raise UsageError(f"samples={self.samples}, noise={self.noise}", "at least one sample, a noise of 0 or more")

    def cost(self, image_size: int) -> int:
        """A forward and a backward a sample."""
        return 3 * self.samples

    @staticmethod
    @abstractmethod
    def formula(gradients: Tensor) -> Tensor:
        """Gradients [samples,B,C,H,W] -> [B,C,H,W]."""

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        import torch

        from xraybench.explainers._batches import groups
        from xraybench.explainers._model import explained
        from xraybench.explainers._points import gradients_at

        parts = []
        with explained(model):
            for group in groups(len(images), self.samples, context.batch_size):
                points = images[group] + self._noise(images[group], context.seeds[group], context)
                parts.append(self.formula(gradients_at(model, points, targets[group], context.batch_size)))
        return torch.cat(parts).sum(1)

    def _noise(self, images: Tensor, seeds: Tensor, context: Context) -> Tensor:
        """[samples,B,C,H,W], each image's from its own seed."""
        import torch

        from xraybench.explainers._draws import per_image

        shape = (self.samples, *images.shape[1:])

        def draw(generator: Generator) -> Tensor:
            return torch.randn(shape, generator=generator)

        spread = self.noise * (context.high - context.low).to(images)
        return per_image(seeds, draw).to(images).transpose(0, 1) * spread


@dataclass(frozen=True)
class SmoothGrad(_Noisy):
    """The mean gradient over noisy copies of the image (Smilkov et al., 2017).

    samples: copies; noise: the standard deviation as a share of the input's range (high - low of its channel).
    """

    @staticmethod
    def formula(gradients: Tensor) -> Tensor:
        """The mean."""
        return gradients.mean(0)


@dataclass(frozen=True)
class SmoothGradSquared(_Noisy):
    """The mean squared gradient over noisy copies of the image (Hooker et al., NeurIPS 2019, sec. 3.1): no sign.

    samples, noise: as for smoothgrad, whose draws these are.
    """

    signed: ClassVar[bool] = False

    @staticmethod
    def formula(gradients: Tensor) -> Tensor:
        """The mean square."""
        return gradients.square().mean(0)


@dataclass(frozen=True)
class VarGrad(_Noisy):
    """The gradient's variance over noisy copies of the image (Adebayo et al., ICLR workshop 2018): no sign.

    samples, noise: as for smoothgrad, whose draws these are; the variance is the samples' own, divided by their number.
    """

    signed: ClassVar[bool] = False

    @staticmethod
    def formula(gradients: Tensor) -> Tensor:
        """The mean square less the squared mean, without its cancellation."""
        return (gradients - gradients.mean(0)).square().mean(0)


@dataclass(frozen=True)
class ExpectedGradients:
    """Mean over training images x' and a in [0, 1] of (x - x') times the gradient at x' + a (x - x') (Erion et al.,
    Nature Machine Intelligence 2021, eq. 3): integrated gradients whose baseline is drawn.

    samples: pairs of x' (from the background) and a, drawn from the image's seed.
    """

    samples: int = 64
    family: ClassVar[str] = "gradient"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(f"expected-gradients with samples={self.samples}", "at least one sample")

    def cost(self, image_size: int) -> int:
        """A forward and a backward a sample."""
        return 3 * self.samples

    def baseline_name(self, context: Context) -> str:
        """The training images among which baselines are drawn."""
        return f"{len(context.background)} training images"

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        import torch

        from xraybench.explainers._batches import groups
        from xraybench.explainers._model import explained
        from xraybench.explainers._points import gradients_at

        background, parts = context.background.to(images), []
        with explained(model):
            for group in groups(len(images), self.samples, context.batch_size):
                chosen, share = self._draws(len(background), context.seeds[group])
                differences = images[group] - background[chosen.to(images.device)]
                points = images[group] - (1 - share.to(images)) * differences
                gradients = gradients_at(model, points, targets[group], context.batch_size)
                parts.append((differences * gradients).mean(0))
        return torch.cat(parts).sum(1)

    def _draws(self, count: int, seeds: Tensor) -> tuple[Tensor, Tensor]:
        """Which background image, int64 [samples,B]; how far from it, float32 [samples,B,1,1,1]: each image's own."""
        import torch

        from xraybench.explainers._draws import per_image

        drawn = per_image(seeds, lambda generator: torch.rand(2, self.samples, generator=generator))
        chosen, share = (drawn[:, row].T for row in range(2))
        return (chosen * count).long(), share[:, :, None, None, None]

    def notes(
        self, model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor
    ) -> dict[str, float]:
        """How far the map's sum is from f(x) - mean f(background), relative."""
        from xraybench.explainers._notes import completeness_error

        error = completeness_error(model, images, targets, context.background, context.batch_size, maps)
        return {"completeness_error": error}
