"""Explanations from channels of the last convolution: what the logit is with or without one, what one looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import TRAINING_MEAN, Context, Needs

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class _Channels:
    """channels: the strongest so many, by mean activation (all of a layer that has fewer)."""

    channels: int = 64
    family: ClassVar[str] = "cam"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "convolution"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise UsageError(f"channels={self.channels}", "at least one channel")

    def cost(self, image_size: int) -> int:
        """A forward of the image, one a channel, and one to compare them with."""
        return self.channels + 2


@dataclass(frozen=True)
class ScoreCam(_Channels):
    """sum_k softmax(s)_k A_k, s_k = f(x kept where A_k is) - f(baseline) (Wang et al., CVPR workshops 2020, eq. 4, 5).

    A channel's mask is its map, enlarged and scaled to [0, 1]; outside it the image is the baseline. The sum is below 0
    only where the layer's maps are. (The grad-cam package enlarges masks corner to corner, not by pixel centres.)
    """

    def baseline_name(self, context: Context) -> str:
        """What stands where a channel's mask is dark."""
        return TRAINING_MEAN

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        import torch

        from xraybench.explainers._channels import scaled, weighted
        from xraybench.explainers._masking import masked_logits

        def score(maps: Tensor, chosen: Tensor, image: Tensor, target: Tensor) -> Tensor:
            kept = torch.cat([scaled(maps[chosen], image), torch.zeros_like(image[:, 0])])
            logits = masked_logits(model, image, kept[None], target, context)[0]
            return (logits[:-1] - logits[-1]).softmax(0)

        return weighted(model, images, targets, self.channels, score)


@dataclass(frozen=True)
class AblationCam(_Channels):
    """sum_k (f(x) - f(x without channel k)) A_k (Ramaswamy & Desai, WACV 2020, eq. 3, without the division by f(x),
    which turns the map round where the logit is negative).
    """

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._channels import ablated_logits, weighted

        def score(maps: Tensor, chosen: Tensor, image: Tensor, target: Tensor) -> Tensor:
            logits = ablated_logits(model, maps, chosen, image, target, context.forwards_at_once)
            return logits[-1] - logits[:-1]

        return weighted(model, images, targets, self.channels, score)


@dataclass(frozen=True)
class ChannelActivation:
    """The map of the channel that is strongest on the image (the TB study's pictures: a filter's own activation).

    strongest: by the largest single activation. It looks at no logit: all targets have the same map.
    """

    family: ClassVar[str] = "activation"
    class_agnostic: ClassVar[bool] = True
    signed: ClassVar[bool] = False
    needs: ClassVar[Needs] = "convolution"
    version: ClassVar[int] = 1

    def cost(self, image_size: int) -> int:
        """A forward."""
        return 1

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        import torch

        from xraybench.explainers._batches import in_batches
        from xraybench.explainers._hooks import cam_layer, enlarged, layer_maps
        from xraybench.explainers._model import explained

        layer = cam_layer(model)

        def activation(batch: Tensor, classes: Tensor) -> Tensor:
            maps = layer_maps(model, layer, batch).clamp(min=0)
            return maps[torch.arange(len(maps)), maps.flatten(2).amax(2).argmax(1)]

        with explained(model), torch.no_grad():
            return enlarged(in_batches(activation, images, targets, context.batch_size), images)


@dataclass(frozen=True)
class DeconvnetTopN:
    """The n strongest channels of the last convolution, projected back to the image by a deconvolutional network.

    Transposed filters, rectified on the way back, max-pooling undone at its switches (Zeiler & Fergus, ECCV 2014,
    sec. 2.1): the gradient with the deconvolution rule at every ReLU, started from the channels' own activations.
    Channels are ranked by their largest activation; the map is the positive part, summed over colours. It looks at no
    logit: all targets have the same map.

    n: channels; the anatomy study shows 5 and 25.
    """

    n: int = 5
    family: ClassVar[str] = "activation"
    class_agnostic: ClassVar[bool] = True
    signed: ClassVar[bool] = False
    needs: ClassVar[Needs] = "convolution"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.n < 1:
            raise UsageError(f"deconvnet-top-n with n={self.n}", "at least one channel")

    def cost(self, image_size: int) -> int:
        """A forward, and a backward of which the layers before the last convolution do the work."""
        return 3

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._batches import in_batches
        from xraybench.explainers._channels import projected
        from xraybench.explainers._hooks import cam_layer, deconvolved_relus
        from xraybench.explainers._model import explained

        layer = cam_layer(model)
        with explained(model), deconvolved_relus(model):
            return in_batches(
                lambda batch, classes: projected(model, layer, batch, self.n), images, targets, context.batch_size
            )
