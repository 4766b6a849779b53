"""Explanations from the gradient of the logit with respect to the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from xraybench.errors import UsageError
from xraybench.spec import Context, Needs

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


@dataclass(frozen=True)
class Gradient:
    """The gradient itself, signed, channels summed (Simonyan et al., ICLR workshop 2014, without the modulus)."""

    family: ClassVar[str] = "gradient"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 1

    def cost(self, image_size: int) -> int:
        """A forward and a backward."""
        return 3

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        return _gradients(model, images, targets, context).sum(1)


@dataclass(frozen=True)
class GradientXInput:
    """Gradient times image (Shrikumar et al., 2016): exact for a linear model without bias."""

    family: ClassVar[str] = "gradient"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 1

    def cost(self, image_size: int) -> int:
        """A forward and a backward."""
        return 3

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        return (_gradients(model, images, targets, context) * images).sum(1)


@dataclass(frozen=True)
class GuidedBackprop:
    """The gradient, negative parts stopped at every ReLU (Springenberg et al., ICLR workshop 2015)."""

    family: ClassVar[str] = "gradient"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 1

    def cost(self, image_size: int) -> int:
        """A forward and a backward."""
        return 3

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._hooks import guided_relus

        with guided_relus(model):
            return _gradients(model, images, targets, context).sum(1)


@dataclass(frozen=True)
class IntegratedGradients:
    """(x - baseline) times the mean gradient on the straight line between them (Sundararajan et al., ICML 2017, eq. 1).

    steps: gradients on the line, at the nodes of the named quadrature rule.
    """

    steps: int = 64
    rule: Literal["midpoint", "gauss-legendre"] = "midpoint"
    family: ClassVar[str] = "gradient"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UsageError(f"integrated-gradients takes at least one step, not {self.steps}")
        if self.rule not in ("midpoint", "gauss-legendre"):
            raise UsageError(f"no quadrature rule is called {self.rule!r}", "rules are midpoint and gauss-legendre")

    def cost(self, image_size: int) -> int:
        """A forward and a backward a step."""
        return 3 * self.steps

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        import torch

        from xraybench.explainers._batches import groups
        from xraybench.explainers._model import explained

        baseline = context.baseline.to(images)
        with explained(model):
            parts = [
                (images[group] - baseline) * self._mean_gradient(model, images[group], targets[group], context)
                for group in groups(len(images), self.steps, context.batch_size)
            ]
        return torch.cat(parts).sum(1)

    def _mean_gradient(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._quadrature import nodes_and_weights

        baseline = context.baseline.to(images)
        nodes, weights = (values.to(images) for values in nodes_and_weights(self.rule, self.steps))
        offsets = (nodes.view(-1, 1, 1, 1, 1) - 1) * (images - baseline)
        return _weighted_gradient(model, images, offsets, weights, targets, context.batch_size)

    def notes(
        self, model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor
    ) -> dict[str, float]:
        """How far the map's sum is from f(x) - f(baseline), relative."""
        from xraybench.explainers._notes import completeness_error

        error = completeness_error(model, images, targets, context.baseline[None], context.batch_size, maps)
        return {"completeness_error": error}


@dataclass(frozen=True)
class SmoothGrad:
    """The mean gradient over noisy copies of the image (Smilkov et al., 2017).

    samples: copies; noise: the standard deviation as a share of the input's range (high - low of its channel).
    """

    samples: int = 25
    noise: float = 0.15
    family: ClassVar[str] = "gradient"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.samples < 1 or self.noise < 0:
            raise UsageError("smoothgrad takes at least one sample and a noise of 0 or more")

    def cost(self, image_size: int) -> int:
        """A forward and a backward a sample."""
        return 3 * self.samples

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        import torch

        from xraybench.explainers._batches import groups
        from xraybench.explainers._model import explained

        weights = torch.full((self.samples,), 1 / self.samples).to(images)
        parts = []
        with explained(model):
            for group in groups(len(images), self.samples, context.batch_size):
                noise = self._noise(images[group], context.seeds[group], context)
                parts.append(
                    _weighted_gradient(model, images[group], noise, weights, targets[group], context.batch_size)
                )
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


def _gradients(model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
    from xraybench.explainers._batches import in_batches
    from xraybench.explainers._model import explained, input_gradient

    with explained(model):
        return in_batches(lambda x, t: input_gradient(model, x, t), images, targets, context.batch_size)


def _weighted_gradient(
    model: nn.Module, images: Tensor, offsets: Tensor, weights: Tensor, targets: Tensor, batch_size: int
) -> Tensor:
    """sum over n of weights[n] * gradient at (images + offsets[n]): offsets [N,B,C,H,W] -> [B,C,H,W]."""
    from xraybench.explainers._batches import in_batches
    from xraybench.explainers._model import input_gradient

    points = (images + offsets).flatten(0, 1)
    repeated = targets.repeat(len(weights))
    gradients = in_batches(lambda x, t: input_gradient(model, x, t), points, repeated, batch_size)
    return (gradients.view_as(offsets) * weights.view(-1, 1, 1, 1, 1)).sum(0)
