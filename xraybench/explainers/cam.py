"""Class activation maps: the maps of the last convolution, weighted by what they do to the logit, enlarged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.spec import Context, Needs

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class _GradientCam(ABC):
    """One formula over the layer's maps A [B,K,h,w] and the logit's gradient with respect to them.

    relu: keep the positive part only, before it is enlarged.
    """

    relu: bool = False
    family: ClassVar[str] = "cam"
    needs: ClassVar[Needs] = "convolution"
    version: ClassVar[int] = 1

    @property
    def signed(self) -> bool:
        """Whether the map may have negative values: the positive part alone has none."""
        return not self.relu

    def cost(self, image_size: int) -> int:
        """A forward, and a backward that ends at the layer."""
        return 3

    @staticmethod
    @abstractmethod
    def formula(maps: Tensor, gradients: Tensor) -> Tensor:
        """Two [B,K,h,w] -> [B,h,w]."""

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._batches import in_batches
        from xraybench.explainers._hooks import cam_layer, enlarged, maps_and_gradients
        from xraybench.explainers._model import explained

        layer = cam_layer(model)

        def coarse(batch: Tensor, classes: Tensor) -> Tensor:
            return self.formula(*maps_and_gradients(model, layer, batch, classes))

        with explained(model):
            cams = in_batches(coarse, images, targets, context.batch_size)
        return enlarged(cams.clamp(min=0) if self.relu else cams, images)


@dataclass(frozen=True)
class GradCam(_GradientCam):
    """sum_k alpha_k A_k, alpha_k the gradient's mean over positions (Selvaraju et al., ICCV 2017, eq. 1 and 2).

    relu: keep the positive part only, as the paper does before it enlarges; without it the map is signed.
    """

    @staticmethod
    def formula(maps: Tensor, gradients: Tensor) -> Tensor:
        """alpha_k is the mean of the gradient."""
        return (gradients.mean((2, 3), keepdim=True) * maps).sum(1)


@dataclass(frozen=True)
class GradCamPlusPlus(_GradientCam):
    """sum_k w_k A_k, w_k = sum a_k relu(g), a_k = g^2 / (2 g^2 + g^3 sum A_k), g the gradient (Chattopadhyay et al.,
    WACV 2018, eq. 5, 10 and 19): the derivatives of the exponential of the logit, whose own factor is common to all
    weights of an image and left out.

    Negative only where the layer's maps are: after a ReLU they are not. relu: keep the positive part only. The grad-cam
    package adds 1e-6 to the divisor of a_k, which tells where gradients are below some 1e-3.
    """

    @staticmethod
    def formula(maps: Tensor, gradients: Tensor) -> Tensor:
        """a_k is 0 where the gradient is."""
        square = gradients.square()
        below = 2 * square + gradients * square * maps.sum((2, 3), keepdim=True)
        shares = square / below.masked_fill(below == 0, 1.0)
        weights = (shares * gradients.clamp(min=0)).sum((2, 3), keepdim=True)
        return (weights * maps).sum(1)


@dataclass(frozen=True)
class HiResCam(_GradientCam):
    """sum_k g_k A_k position by position, signed (Draelos & Carin, 2020, eq. 7): where the layer feeds a linear head
    through global average pooling it is Grad-CAM.
    """

    @staticmethod
    def formula(maps: Tensor, gradients: Tensor) -> Tensor:
        """Gradient times activation."""
        return (gradients * maps).sum(1)


@dataclass(frozen=True)
class XGradCam(_GradientCam):
    """sum_k w_k A_k, w_k the gradient's mean weighted by the map, sum g A_k / sum A_k (Fu et al., BMVC 2020, eq. 8)."""

    @staticmethod
    def formula(maps: Tensor, gradients: Tensor) -> Tensor:
        """w_k is 0 where the map is."""
        total = maps.sum((2, 3), keepdim=True)
        weights = (gradients * maps).sum((2, 3), keepdim=True) / total.masked_fill(total == 0, 1.0)
        return (weights * maps).sum(1)


@dataclass(frozen=True)
class LayerCam(_GradientCam):
    """sum_k relu(dA_k) A_k, position by position (Jiang et al., TIP 2021, eq. 6 and 7).

    Negative only where the layer's maps are: after a ReLU they are not. relu: keep the positive part only.
    """

    @staticmethod
    def formula(maps: Tensor, gradients: Tensor) -> Tensor:
        """Positive gradients only."""
        return (gradients.clamp(min=0) * maps).sum(1)


@dataclass(frozen=True)
class Cam(_GradientCam):
    """sum_k w_k A_k, w_k the head's weight from map k to the logit (Zhou et al., CVPR 2016, eq. 2).

    Only for networks that end in global average pooling and one linear layer; others are refused. There it is h w times
    Grad-CAM, for the gradient of a mean over h w positions is w_k / (h w).
    """

    @staticmethod
    def formula(maps: Tensor, gradients: Tensor) -> Tensor:
        """w_k is the gradient's sum over the positions."""
        return (gradients.sum((2, 3), keepdim=True) * maps).sum(1)

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._hooks import refuse_without_global_average

        refuse_without_global_average(model, images[:1])
        return super().__call__(model, images, targets, context)


@dataclass(frozen=True)
class GuidedGradCam:
    """Guided backpropagation times the positive part of the enlarged Grad-CAM (Selvaraju et al., ICCV 2017)."""

    family: ClassVar[str] = "cam"
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "convolution"
    version: ClassVar[int] = 1

    def cost(self, image_size: int) -> int:
        """Both methods."""
        return 6

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers.gradient import GuidedBackprop

        coarse = GradCam(relu=True)(model, images, targets, context)
        return coarse * GuidedBackprop()(model, images, targets, context)


@dataclass(frozen=True)
class EigenCam:
    """The layer's maps projected on their first principal component over positions (Muhammad & Yeasin, IJCNN 2020).

    Positions are centred first, so that a map's mean is 0. It looks at no logit: all targets have the same map. The
    component's sign, which is arbitrary, is the one in which the projection goes with the maps' mean.
    """

    family: ClassVar[str] = "cam"
    class_agnostic: ClassVar[bool] = True
    signed: ClassVar[bool] = True
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
        with explained(model), torch.no_grad():
            cams = in_batches(
                lambda x, t: _first_component(layer_maps(model, layer, x)), images, targets, context.batch_size
            )
        return enlarged(cams, images)


def _first_component(maps: Tensor) -> Tensor:
    """[B,K,h,w] -> [B,h,w], each image by itself, so that its digits never depend on its batch mates.

    The projection of the centred samples S [h w, K] on S's first right singular vector is S S^T's last eigenvector
    times the root of its eigenvalue: of float64, for the matrix squares the condition number. scipy finds that one
    alone, torch all of them.
    """
    import torch
    from scipy.linalg import eigh

    samples = maps.flatten(2).mT.double().cpu()
    samples = samples - samples.mean(1, keepdim=True)
    last = samples.shape[1] - 1
    found = [eigh((image @ image.T).numpy(), subset_by_index=(last, last)) for image in samples]
    values = torch.tensor([value for (value,), _ in found], dtype=samples.dtype)
    vectors = torch.stack([torch.from_numpy(vector[:, 0]) for _, vector in found])
    projected = vectors * values.clamp(min=0).sqrt()[:, None]
    against = (projected * samples.mean(2)).sum(1, keepdim=True) < 0
    return projected.where(~against, -projected).view(len(maps), *maps.shape[2:]).to(maps)
