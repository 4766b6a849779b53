"""CAM methods against the grad-cam package (which rectifies, then scales to [0, 1]), and against their formula."""

import pytest
import torch
from pytorch_grad_cam import AblationCAM, EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, ScoreCAM, XGradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch.nn.functional import interpolate

from xraybench.checks.families import network
from xraybench.errors import NotApplicableError
from xraybench.explainers._channels import ablated_logits
from xraybench.explainers._hooks import cam_layer, enlarged, layer_maps, maps_and_gradients
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


def packaged(coarse: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """The package's way from a layer's map to the image: rectified, scaled, enlarged, and scaled again."""
    return scaled(enlarged(scaled(coarse.clamp(min=0)), images))


def peers_map(peer, model, images, targets):
    with peer(model=model, target_layers=[model.get_submodule(model.cam_layer)]) as made:
        outputs = [ClassifierOutputTarget(int(target)) for target in targets]
        return torch.from_numpy(made(images.clone(), outputs)).double()


@pytest.fixture(params=["small-cnn", "densenet-tiny"])
def in_double(request, build, images):
    """A model and images in float64: the package's maps are float32, from layers' maps of the model's precision."""
    return build(request.param).double(), images.double()


@pytest.mark.parametrize(
    ("ours", "theirs"), [(GradCam, GradCAM), (LayerCam, LayerCAM), (HiResCam, HiResCAM), (XGradCam, XGradCAM)]
)
def test_equals_the_grad_cam_package(ours, theirs, in_double, targets, context_of):
    model, images = in_double
    coarse = ours.formula(*maps_and_gradients(model, cam_layer(model), images, targets))
    found = ours(relu=True)(model, images, targets, context_of(images))
    torch.testing.assert_close(found, enlarged(coarse.clamp(min=0), images))
    torch.testing.assert_close(packaged(coarse, images), peers_map(theirs, model, images, targets), atol=1e-6, rtol=0)


def test_grad_cam_plus_plus_differs_from_the_package_by_its_addend_alone(in_double, targets, context_of):
    """1e-6 stands beside 2 g^2 in its divisor; where the head is large it is as good as gone."""
    model, images = in_double
    maps, gradients = maps_and_gradients(model, cam_layer(model), images, targets)
    divisor = 2 * gradients**2 + gradients**3 * maps.sum((2, 3), keepdim=True) + 1e-6
    weights = (gradients**2 / divisor * gradients.clamp(min=0)).sum((2, 3), keepdim=True)
    theirs, coarse = peers_map(GradCAMPlusPlus, model, images, targets), GradCamPlusPlus.formula(maps, gradients)
    torch.testing.assert_close(packaged((weights * maps).sum(1), images), theirs, atol=1e-6, rtol=0)
    assert (packaged(coarse, images) - theirs).abs().max() > 0.01
    found = GradCamPlusPlus(relu=True)(model, images, targets, context_of(images))
    torch.testing.assert_close(found, enlarged(coarse.clamp(min=0), images))
    [*model.children()][-1].weight.data.mul_(1e5)
    found = GradCamPlusPlus(relu=True)(model, images, targets, context_of(images))
    expected = peers_map(GradCAMPlusPlus, model, images, targets)
    torch.testing.assert_close(scaled(found), expected, atol=1e-6, rtol=0)


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


def test_eigen_cam_is_the_packages_up_to_the_sign_that_it_leaves_open(in_double, targets, context_of):
    model, images = in_double
    coarse = _first_component(layer_maps(model, cam_layer(model), images).detach())
    torch.testing.assert_close(EigenCam()(model, images, targets, context_of(images)), enlarged(coarse, images))
    expected = peers_map(EigenCAM, model, images, targets)
    gaps = torch.stack([(packaged(sign * coarse, images) - expected).abs().amax((1, 2)) for sign in (1, -1)]).amin(0)
    assert gaps.max() < 1e-6


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


def test_score_cam_differs_from_the_package_by_the_corners_of_its_masks_alone(in_double, targets):
    """It enlarges them corner to corner, and has no baseline but zero."""
    model, images = in_double
    maps = layer_maps(model, cam_layer(model), images).detach()

    def by(align_corners: bool) -> torch.Tensor:
        masks = interpolate(maps, size=(32, 32), mode="bilinear", align_corners=align_corners)
        low, high = masks.amin((2, 3), keepdim=True), masks.amax((2, 3), keepdim=True)
        shown = images[:, None] * ((masks - low) / (high - low + 1e-8))[:, :, None]
        logits = torch.stack([model(each)[:, target] for each, target in zip(shown, targets, strict=True)])
        return packaged((logits.softmax(1)[..., None, None] * maps).sum(1), images)

    theirs = peers_map(ScoreCAM, model, images, targets)
    torch.testing.assert_close(by(align_corners=True), theirs, atol=1e-6, rtol=0)
    assert (by(align_corners=False) - theirs).abs().max() > 1e-5


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


def test_ablation_cam_is_the_packages_which_divides_by_the_logit(in_double, targets):
    model, images = in_double
    maps = layer_maps(model, cam_layer(model), images).detach()
    logits = torch.stack([
        ablated_logits(model, maps[i], torch.arange(96), images[i : i + 1], targets[i : i + 1], 32) for i in range(4)
    ])  # fmt: skip
    falls = (logits[:, -1:] - logits[:, :-1]) / logits[:, -1:]
    found = packaged((falls[..., None, None] * maps).sum(1), images)
    torch.testing.assert_close(found, peers_map(AblationCAM, model, images, targets), atol=1e-6, rtol=0)


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


@pytest.mark.parametrize("layer", ["relu", "conv"])  # the convolution's own maps are negative too, and start at 0 there
def test_deconvnet_projects_by_the_transposed_filters(layer, images, targets, context_of):
    torch.manual_seed(0)
    model = OneConvolution().eval()
    model.cam_layer = layer
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
