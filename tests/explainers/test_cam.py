"""CAM methods against the grad-cam package (which rectifies, then scales to [0, 1]), and against their formula."""

import pytest
import torch
from pytorch_grad_cam import GradCAM, LayerCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch.nn.functional import interpolate

from xraybench.errors import NotApplicableError
from xraybench.explainers.cam import GradCam, LayerCam


def scaled(maps: torch.Tensor) -> torch.Tensor:
    """The package's scaling of each map: lowest to 0, highest to 1."""
    lowest = maps.amin((1, 2), keepdim=True)
    return (maps - lowest) / (1e-7 + (maps - lowest).amax((1, 2), keepdim=True))


@pytest.mark.parametrize("name", ["small-cnn", "densenet-tiny"])
@pytest.mark.parametrize(("ours", "theirs"), [(GradCam, GradCAM), (LayerCam, LayerCAM)])
def test_equals_the_grad_cam_package(name, ours, theirs, build, images, targets, context_of):
    model = build(name)
    [*model.children()][-1].weight.data.mul_(1000)  # the package divides by its maximum plus 1e-7: let it not matter
    found = ours(relu=True)(model, images, targets, context_of(images))
    with theirs(model=model, target_layers=[model.get_submodule(model.cam_layer)]) as peer:
        expected = peer(images.clone(), [ClassifierOutputTarget(int(target)) for target in targets])
    torch.testing.assert_close(scaled(found), torch.from_numpy(expected), atol=1e-5, rtol=0)


def test_the_signed_map_is_the_formula_before_the_relu(build, images, targets, context_of):
    model = build("small-cnn")
    maps = torch.nn.Sequential(*[block for name, block in model.named_children() if name.startswith("block")])(images)
    logits = model.head(maps.mean((2, 3)))
    (gradient,) = torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), maps)
    coarse = torch.einsum("bk,bkhw->bhw", gradient.mean((2, 3)), maps)
    expected = interpolate(coarse[:, None], size=(32, 32), mode="bilinear")[:, 0]
    found = GradCam()(model, images, targets, context_of(images))
    torch.testing.assert_close(found, expected)
    assert found.min() < 0


def test_refuses_a_model_without_maps(build, images, targets, context_of):
    with pytest.raises(NotApplicableError, match="maps"):
        GradCam()(build("mlp-400-tanh"), images, targets, context_of(images))
