"""Explanations over superpixels: which regions of the image the logit needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import Context, Needs

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class _Superpixels:
    """segments: superpixels, about (SLIC of the image; Achanta et al., TPAMI 2012); what is absent is the baseline."""

    segments: int = 50
    family: ClassVar[str] = "perturbation"
    contrasting: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "nothing"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.segments < 2:
            raise UsageError(f"segments={self.segments}", "at least two superpixels")


@dataclass(frozen=True)
class FeatureAblation(_Superpixels):
    """The logit's fall when one superpixel shows the baseline, spread over its pixels (Zeiler & Fergus, ECCV 2014).

    The map of a superpixel sums to its fall. Superpixels are fine by default, for the budget of the other perturbation
    methods: 500 forwards.
    """

    segments: int = 499

    def cost(self, image_size: int) -> int:
        """A forward of the image and one a superpixel: at most so many."""
        return 1 + self.segments

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        import torch

        from xraybench.explainers._model import explained
        from xraybench.explainers._superpixels import presence_logits, spread
        from xraybench.superpixels import superpixels

        maps = []
        with explained(model), torch.no_grad():
            for image, target in zip(images.split(1), targets.split(1), strict=True):
                segments = superpixels(image[0], self.segments)
                count = int(segments.max()) + 1
                present = torch.cat([torch.ones(1, count), 1 - torch.eye(count)])
                logits = presence_logits(model, image, segments, present, target, context)
                maps.append(spread(logits[0] - logits[1:], segments))
        return torch.stack(maps).to(images.dtype)


@dataclass(frozen=True)
class _Sampled(_Superpixels):
    """samples: random sets of superpixels, drawn from the image's seed."""

    samples: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples < 3:
            raise UsageError(f"samples={self.samples}", "at least three samples")

    def cost(self, image_size: int) -> int:
        """A forward a sample."""
        return self.samples


@dataclass(frozen=True)
class Lime(_Sampled):
    """A linear model of the logit over superpixels, fitted near the image (Ribeiro et al., KDD 2016, eq. 1).

    Each superpixel is present with probability 1/2; samples are weighted by exp(-d^2 / width^2), d the cosine distance
    to the whole image; ridge regression with a free intercept. Its weights, spread over the superpixels' pixels.

    width: of the kernel. ridge: of the penalty, in units of the weighted samples.
    """

    width: float = 0.25
    ridge: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width <= 0 or self.ridge < 0:
            raise UsageError(f"lime with width={self.width}, ridge={self.ridge}", "width above 0, ridge of 0 or more")

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._superpixels import coin_flips, lime_weights, ridge, surrogate

        def fit(present: Tensor, logits: Tensor) -> Tensor:
            return ridge(present, logits, lime_weights(present, self.width), self.ridge)

        return surrogate(model, images, targets, context, self.segments, self.samples, coin_flips, fit)


@dataclass(frozen=True)
class KernelShap(_Sampled):
    """Shapley values of the superpixels by weighted regression (Lundberg & Lee, NeurIPS 2017, theorem 2).

    Sets are drawn by the Shapley kernel of their size, each with its complement; the fit is held to the logit of the
    whole image and of the baseline, so that values sum to their difference. Spread over the superpixels' pixels.
    """

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._superpixels import shapley_sets, shapley_values, surrogate

        return surrogate(model, images, targets, context, self.segments, self.samples, shapley_sets, shapley_values)
