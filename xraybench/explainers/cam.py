"""Class activation maps: the maps of the last convolution, weighted by what they do to the logit, enlarged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Context, Needs

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class GradCam:
    """sum_k alpha_k A_k, alpha_k the gradient's mean over positions (Selvaraju et al., ICCV 2017, eq. 1 and 2).

    relu: keep the positive part only, as the paper does before it enlarges; without it the map is signed.
    """

    relu: bool = False
    family: ClassVar[str] = "cam"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "convolution"
    version: ClassVar[int] = 1

    def cost(self, image_size: int) -> int:
        """A forward, and a backward that ends at the layer."""
        return 3

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        return _class_activation(_grad_cam, self.relu, model, images, targets, context)


@dataclass(frozen=True)
class LayerCam:
    """sum_k relu(dA_k) A_k, position by position (Jiang et al., TIP 2021, eq. 6 and 7).

    Signed only where the layer's maps are: after a ReLU they are not. relu: keep the positive part only.
    """

    relu: bool = False
    family: ClassVar[str] = "cam"
    signed: ClassVar[bool] = False
    needs: ClassVar[Needs] = "convolution"
    version: ClassVar[int] = 1

    def cost(self, image_size: int) -> int:
        """A forward, and a backward that ends at the layer."""
        return 3

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        return _class_activation(_layer_cam, self.relu, model, images, targets, context)


def _grad_cam(maps: Tensor, gradients: Tensor) -> Tensor:
    return (gradients.mean((2, 3), keepdim=True) * maps).sum(1)


def _layer_cam(maps: Tensor, gradients: Tensor) -> Tensor:
    return (gradients.clamp(min=0) * maps).sum(1)


def _class_activation(
    formula: Callable[[Tensor, Tensor], Tensor],
    relu: bool,
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    context: Context,
) -> Tensor:
    from xraybench.explainers._batches import in_batches
    from xraybench.explainers._hooks import cam_layer, maps_and_gradients
    from xraybench.explainers._model import explained

    layer = cam_layer(model)

    def coarse(batch: Tensor, classes: Tensor) -> Tensor:
        return formula(*maps_and_gradients(model, layer, batch, classes))

    with explained(model):
        cams = in_batches(coarse, images, targets, context.batch_size)
    return _enlarged(cams.clamp(min=0) if relu else cams, images)


def _enlarged(cams: Tensor, images: Tensor) -> Tensor:
    """[B,h,w] -> [B,H,W], bilinear, pixel centres aligned."""
    from torch.nn.functional import interpolate

    return interpolate(cams.unsqueeze(1), size=images.shape[2:], mode="bilinear", align_corners=False).squeeze(1)
