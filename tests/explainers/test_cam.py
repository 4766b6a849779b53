"""CAM methods against the grad-cam package (which rectifies, then scales to [0, 1]), and against their formula."""

import pytest
import torch
from pytorch_grad_cam import AblationCAM, EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, ScoreCAM, XGradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch.nn.functional import interpolate

from xraybench.checks.families import network
from xraybench.errors import NotApplicableError
from xraybench.explainers._hooks import enlarged, layer_maps
from xraybench.explainers.cam import (
    Cam,
    EigenCam,
    GradCam,
    GradCamPlusPlus,
    GuidedGradCam,
    HiResCam,
    LayerCam,
    XGradCam,
    _first_component,
)
from xraybench.explainers.channels import AblationCam, ChannelActivation, DeconvnetTopN, ScoreCam
from xraybench.explainers.gradient import Deconvolution, GuidedBackprop


def scaled(maps: torch.Tensor) -> torch.Tensor:
    """The package's scaling of each map: lowest to 0, highest to 1."""
    lowest = maps.amin((1, 2), keepdim=True)
    return (maps - lowest) / (1e-7 + (maps - lowest).amax((1, 2), keepdim=True))


@pytest.mark.parametrize("name", ["small-cnn", "densenet-tiny"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (GradCam, GradCAM),
        (LayerCam, LayerCAM),
        (HiResCam, HiResCAM),
        (XGradCam, XGradCAM),
        (GradCamPlusPlus, GradCAMPlusPlus),
    ],
)
def test_equals_the_grad_cam_package(name, ours, theirs, build, images, targets, context_of):
    model = build(name)
    [*model.children()][-1].weight.data.mul_(1e5)  # the package adds 1e-7 and 1e-6 to what it divides by: no matter
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


@pytest.mark.parametrize("method", [Cam, GradCam, GradCamPlusPlus, HiResCam, LayerCam, XGradCam])
def test_the_positive_part_alone_has_no_sign(method, images, targets, context_of):
    model, context = network("efficientnet"), context_of(images)  # its layer's maps have both signs
    signed, unsigned = method(), method(relu=True)
    assert signed.signed
    assert not unsigned.signed
    assert signed(model, images, targets, context).min() < 0
    assert unsigned(model, images, targets, context).min() >= 0


def test_refuses_a_model_without_maps(build, images, targets, context_of):
    with pytest.raises(NotApplicableError, match="maps"):
        GradCam()(build("mlp-400-tanh"), images, targets, context_of(images))


def peers_map(peer, model, images, targets):
    with peer(model=model, target_layers=[model.get_submodule(model.cam_layer)]) as made:
        return torch.from_numpy(made(images.clone(), [ClassifierOutputTarget(int(target)) for target in targets]))


@pytest.mark.parametrize("name", ["small-cnn", "densenet-tiny"])
def test_eigen_cam_is_the_packages_up_to_the_sign_that_it_leaves_open(name, build, images, targets, context_of):
    model = build(name)
    coarse = _first_component(layer_maps(model, model.get_submodule(model.cam_layer), images).detach())
    torch.testing.assert_close(EigenCam()(model, images, targets, context_of(images)), enlarged(coarse, images))
    either = [scaled(enlarged((sign * coarse).clamp(min=0), images)) for sign in (1, -1)]
    expected = peers_map(EigenCAM, model, images, targets)
    gaps = torch.stack([(one - expected).abs().amax((1, 2)) for one in either]).amin(0)
    assert gaps.max() < 1e-4


@pytest.mark.parametrize("name", ["small-cnn", "densenet-tiny"])
def test_eigen_cam_goes_with_the_mean(name, build, images, targets, context_of):
    model, context = build(name), context_of(images)
    found = EigenCam()(model, images, targets, context)
    means = enlarged(layer_maps(model, model.get_submodule(model.cam_layer), images).mean(1), images)
    assert all(
        torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1] > 0 for a, b in zip(found, means, strict=True)
    )


def test_cam_is_the_heads_weights_on_the_maps(build, images, targets, context_of):
    model = build("small-cnn")
    maps = torch.nn.Sequential(*[block for name, block in model.named_children() if name.startswith("block")])(images)
    coarse = torch.einsum("bk,bkhw->bhw", model.head.weight[targets], maps)
    expected = interpolate(coarse[:, None], size=(32, 32), mode="bilinear")[:, 0]
    torch.testing.assert_close(Cam()(model, images, targets, context_of(images)), expected, atol=1e-5, rtol=1e-4)
    wrong = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(3600, 3))
    wrong.cam_layer, wrong.layers = "0", ("0", "2")
    with pytest.raises(NotApplicableError, match="global average"):
        Cam()(wrong, images, targets, context_of(images))


def test_score_cam_weighs_by_the_softmax_of_the_masked_logits(build, images, targets, context_of):
    model, context = build("small-cnn"), context_of(images)
    found = ScoreCam(channels=96)(model, images, targets, context)
    layer = torch.nn.Sequential(*[block for name, block in model.named_children() if name.startswith("block")])
    maps = layer(images[1:2]).detach()
    large = interpolate(maps, size=(32, 32), mode="bilinear")[0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    masks = (large - low) / (high - low).clamp(min=1e-12)
    weights = model(images[1] * masks[:, None])[:, targets[1]].softmax(0)  # f(baseline) is common to all
    expected = interpolate((weights[:, None, None] * maps[0]).sum(0)[None, None], size=(32, 32), mode="bilinear")[0, 0]
    torch.testing.assert_close(found[1], expected, atol=1e-5, rtol=1e-3)
    theirs = peers_map(ScoreCAM, model, images, targets)  # zero baseline here, so the same masks and softmax
    torch.testing.assert_close(scaled(found), theirs, atol=1e-3, rtol=0)


def test_ablation_cam_is_the_fall_without_each_channel(build, images, targets, context_of):
    model, context = build("small-cnn"), context_of(images)
    found = AblationCam(channels=96)(model, images, targets, context)
    blocks = [block for name, block in model.named_children() if name.startswith("block")]
    maps = torch.nn.Sequential(*blocks)(images[2:3]).detach()
    whole = model.head(maps.mean((2, 3)))[0, targets[2]]
    without = [
        model.head((maps * (torch.arange(96) != k)[None, :, None, None]).mean((2, 3)))[0, targets[2]] for k in range(96)
    ]
    falls = whole - torch.stack(without)
    expected = interpolate((falls[:, None, None] * maps[0]).sum(0)[None, None], size=(32, 32), mode="bilinear")[0, 0]
    torch.testing.assert_close(found[2], expected.detach(), atol=1e-5, rtol=1e-3)
    positive = [i for i in range(4) if model(images)[i, targets[i]] > 0]
    theirs = peers_map(AblationCAM, model, images[positive], targets[positive])
    torch.testing.assert_close(scaled(found[positive].clamp(min=0)), theirs, atol=2e-3, rtol=0)


def test_guided_grad_cam_is_the_product(build, images, targets, context_of):
    model, context = build("densenet-tiny"), context_of(images)
    parts = [method(model, images, targets, context) for method in (GradCam(relu=True), GuidedBackprop())]
    torch.testing.assert_close(GuidedGradCam()(model, images, targets, context), parts[0] * parts[1])


def test_channel_activation_is_the_strongest_channel(build, images, targets, context_of):
    model = build("small-cnn")
    maps = torch.nn.Sequential(*[block for name, block in model.named_children() if name.startswith("block")])(images)
    strongest = maps.flatten(2).amax(2).argmax(1)
    expected = interpolate(maps[range(4), strongest][:, None], size=(32, 32), mode="bilinear")[:, 0].detach()
    torch.testing.assert_close(ChannelActivation()(model, images, targets, context_of(images)), expected)


class OneConvolution(torch.nn.Sequential):
    cam_layer, layers = "relu", ("conv", "head")

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 5, 3, padding=1, bias=False)
        self.relu = torch.nn.ReLU()
        self.pool = torch.nn.MaxPool2d(2)
        self.flatten = torch.nn.Flatten()
        self.head = torch.nn.Linear(5 * 256, 3)


def test_deconvnet_projects_by_the_transposed_filters(images, targets, context_of):
    torch.manual_seed(0)
    model = OneConvolution().eval()
    maps = model.relu(model.conv(images)).detach()
    order = maps.flatten(2).amax(2).argsort(dim=1, descending=True)[:, :2]
    kept = torch.zeros_like(maps)
    for image, channels in enumerate(order):
        kept[image, channels] = maps[image, channels]
    back = torch.nn.functional.conv_transpose2d(kept, model.conv.weight, padding=1)[:, 0].clamp(min=0).detach()
    found = DeconvnetTopN(n=2)(model, images, targets, context_of(images))
    torch.testing.assert_close(found, back, atol=1e-5, rtol=1e-4)


def test_deconvnet_undoes_pooling_at_its_switches(images, targets, context_of):
    torch.manual_seed(0)
    model = OneConvolution().eval()
    model.cam_layer = "pool"
    rectified = model.relu(model.conv(images)).detach()
    pooled, switches = torch.nn.functional.max_pool2d(rectified, 2, return_indices=True)
    unpooled = torch.nn.functional.max_unpool2d(pooled, switches, 2)
    back = torch.nn.functional.conv_transpose2d(unpooled, model.conv.weight, padding=1)[:, 0].clamp(min=0).detach()
    found = DeconvnetTopN(n=5)(model, images, targets, context_of(images))
    torch.testing.assert_close(found, back, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(found, Deconvolution()(model, images, targets, context_of(images)))
