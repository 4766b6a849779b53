"""Explanations from the gradient of the logit with respect to the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from xraybench.errors import UsageError
from xraybench.spec import Context, Needs

if TYPE_CHECKING:
    from torch import Tensor, nn


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
class Deconvolution:
    """The gradient, negative parts stopped on their way back wherever a ReLU stands (Zeiler & Fergus, ECCV 2014).

    Unlike guided backpropagation it does not ask whether the ReLU was open.
    """

    family: ClassVar[str] = "gradient"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 1

    def cost(self, image_size: int) -> int:
        """A forward and a backward."""
        return 3

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._hooks import deconvolved_relus

        with deconvolved_relus(model):
            return _gradients(model, images, targets, context).sum(1)


@dataclass(frozen=True)
class IntegratedGradients:
    """(x - baseline) times the mean gradient on the straight line between them (Sundararajan et al., ICML 2017, eq. 1).

    steps: gradients on the line, at the nodes of the named quadrature rule.
    """

    steps: int = 64
    rule: Literal["midpoint", "gauss-legendre"] = "midpoint"
    family: ClassVar[str] = "gradient"
    contrasting: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UsageError(f"integrated-gradients with steps={self.steps}", "at least one step")
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
        from xraybench.explainers._points import gradients_at
        from xraybench.explainers._quadrature import nodes_and_weights

        baseline = context.baseline.to(images)
        nodes, weights = (values.to(images) for values in nodes_and_weights(self.rule, self.steps))
        offsets = (nodes.view(-1, 1, 1, 1, 1) - 1) * (images - baseline)
        gradients = gradients_at(model, images + offsets, targets, context.batch_size)
        return (gradients * weights.view(-1, 1, 1, 1, 1)).sum(0)

    def notes(
        self, model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor
    ) -> dict[str, float]:
        """How far the map's sum is from f(x) - f(baseline), relative."""
        from xraybench.explainers._notes import completeness_error

        error = completeness_error(model, images, targets, context.baseline[None], context.batch_size, maps)
        return {"completeness_error": error}


def _gradients(model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
    from xraybench.explainers._batches import in_batches
    from xraybench.explainers._model import explained, input_gradient

    with explained(model):
        return in_batches(lambda x, t: input_gradient(model, x, t), images, targets, context.batch_size)
