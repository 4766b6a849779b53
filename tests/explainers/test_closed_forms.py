"""Cases whose answer is known on paper; where a method does not give it, the test says so."""

from pathlib import Path

import pytest
import torch
from torch import nn

from xraybench import registry
from xraybench.checks.closed_forms import FAILS, FORMS, found, why
from xraybench.checks.matrix import FEW, closed_forms
from xraybench.errors import NotApplicableError
from xraybench.explainers._hooks import enlarged, layer_maps
from xraybench.spec import ClassAgnostic

PAGE = Path(__file__).parents[2] / "docs/explainers-and-models.md"
SMALL = {
    "integrated-gradients": "(steps=8)",
    "smoothgrad": "(samples=4)",
    "occlusion": "(stride=0.125)",
    "rise": "(masks=40)",
    "lime": "(samples=40)",
    "kernel-shap": "(samples=40)",
}


def explainer(name: str):
    return registry.build("explainers", registry.parse_call(name + SMALL.get(name, "")))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", registry.EXPLAINERS)
def test_where_a_closed_form_does_not_hold_the_reason_is_stated(form, name):
    assert (found(form, name + FEW.get(name, "")) == FAILS) == bool(why(form, name))


def test_the_page_says_which_closed_forms_hold():
    assert "\n".join(closed_forms()) in PAGE.read_text()


class Linear(nn.Sequential):
    """f(x) = w x, without bias; no maps."""

    cam_layer = None

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(1024, 3, bias=False))
        torch.manual_seed(8)
        nn.init.normal_(self[1].weight)


class Patch(nn.Sequential):
    """Convolutions over one square of the image alone: rows 8 to 15, columns 16 to 23."""

    def __init__(self) -> None:
        torch.manual_seed(8)
        layers = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
        super().__init__(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images[:, :, 8:16, 16:24])


@pytest.mark.parametrize("name", ["gradient-x-input", "integrated-gradients", "deeplift"])
def test_a_linear_model_and_a_zero_baseline_give_w_x(name, images, targets, context_of):
    model = Linear()
    expected = model[1].weight[targets].view_as(images) * images
    found = explainer(name)(model, images, targets, context_of(images))
    torch.testing.assert_close(found, expected.detach().sum(1), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", ["gradient", "smoothgrad"])
def test_a_linear_model_gives_w_where_the_input_does_not_count(name, images, targets, context_of):
    model = Linear()
    found = explainer(name)(model, images, targets, context_of(images))
    torch.testing.assert_close(found, model[1].weight[targets].view_as(images).detach().sum(1))


def test_occlusion_of_a_linear_model_is_the_windows_mean_sum_of_w_x(images, targets, context_of):
    model = Linear()
    product = (model[1].weight[targets].view_as(images) * images).detach()[:, 0]
    found = registry.build("explainers", registry.parse_call("occlusion(window=0.25, stride=0.25)"))(
        model, images, targets, context_of(images)
    )
    squares = product.unfold(1, 8, 8).unfold(2, 8, 8).sum((3, 4))
    expected = squares.repeat_interleave(8, 1).repeat_interleave(8, 2)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_deep_taylor_of_a_single_layer_is_not_w_x(images, targets, context_of):
    """The z-box spreads the logit over the box of possible inputs: conserved, yet not w x."""
    model = Linear()
    found = explainer("deep-taylor")(model, images, targets, context_of(images))
    product = (model[1].weight[targets].view_as(images) * images).detach().sum(1)
    torch.testing.assert_close(found.sum((1, 2)), product.sum((1, 2)), rtol=1e-3, atol=1e-3)
    assert float((found - product).abs().max()) > 0.1


@pytest.mark.parametrize("name", [name for name in registry.EXPLAINERS if explainer(name).needs == "gradient"])
def test_a_model_that_looks_at_one_square_is_explained_there_alone(name, images, targets, context_of):
    maps = explainer(name)(Patch(), images, targets, context_of(images))
    inside = torch.zeros(32, 32, dtype=torch.bool)
    inside[8:16, 16:24] = True
    assert maps[:, ~inside].abs().max() == 0
    assert maps[:, inside].abs().max() > 0


def test_occlusion_reaches_a_window_further_than_the_square(images, targets, context_of):
    maps = explainer("occlusion")(Patch(), images, targets, context_of(images)).abs()
    reach = torch.zeros(32, 32, dtype=torch.bool)
    reach[3:21, 11:29] = True  # windows of 6 that touch rows 8 to 15, columns 16 to 23
    assert maps[:, ~reach].max() == 0
    assert maps[:, :8].max() > 0


class MirrorSymmetric(nn.Module):
    """f(x) = f(mirrored x)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.left, self.right = model, model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.left(images) + self.right(images.flip(3))


@pytest.mark.parametrize("name", ["gradient", "gradient-x-input", "integrated-gradients", "guided-backprop"])
def test_a_symmetric_image_under_a_symmetric_model_gives_a_symmetric_map(name, build, images, targets, context_of):
    mirrored = (images + images.flip(3)) / 2
    maps = explainer(name)(MirrorSymmetric(build("small-cnn")).eval(), mirrored, targets, context_of(mirrored))
    torch.testing.assert_close(maps, maps.flip(2), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("name", ["smoothgrad", "rise", "occlusion"])
def test_noise_masks_and_windows_over_the_edge_are_not_symmetric(name, build, images, targets, context_of):
    mirrored = (images + images.flip(3)) / 2
    maps = explainer(name)(MirrorSymmetric(build("small-cnn")).eval(), mirrored, targets, context_of(mirrored))
    assert float((maps - maps.flip(2)).abs().max()) > 1e-3 * float(maps.abs().max())


SEE_NO_LOGIT = [
    name
    for name in registry.EXPLAINERS
    if isinstance(explainer(name), ClassAgnostic) and name != "attention-rollout"  # it has its own tests, on a ViT
]
NOT_ZERO_FOR_A_CONSTANT = {*SEE_NO_LOGIT, "score-cam"}  # a softmax over equal scores weighs all channels alike


@pytest.mark.parametrize("name", [name for name in registry.EXPLAINERS if name not in SEE_NO_LOGIT])
def test_what_looks_at_the_logit_gives_another_map_for_another(name, build, images, targets, context_of):
    model, context = build("small-cnn"), context_of(images)
    try:
        maps = [explainer(name)(model, images, logits, context) for logits in (targets, (targets + 1) % 3)]
    except NotApplicableError:
        return
    assert not torch.equal(*maps)


@pytest.mark.parametrize("name", SEE_NO_LOGIT)
def test_what_looks_at_no_logit_gives_all_targets_the_same_map(name, build, images, targets, context_of):
    model, context = build("small-cnn"), context_of(images)
    maps = [explainer(name)(model, images, logits, context) for logits in (targets, (targets + 1) % 3)]
    assert torch.equal(*maps)
    assert maps[0].any()


def test_score_cam_gives_a_constant_logit_the_mean_of_the_channels(build, images, targets, context_of):
    model = build("small-cnn")
    model.head.weight.data.zero_()
    maps = explainer("score-cam(channels=96)")(model, images, targets, context_of(images))
    means = enlarged(layer_maps(model, model.block6, images).mean(1), images)
    torch.testing.assert_close(maps, means.detach())


@pytest.mark.parametrize("name", [name for name in registry.EXPLAINERS if name not in NOT_ZERO_FOR_A_CONSTANT])
@pytest.mark.parametrize("model_name", ["small-cnn", "densenet-tiny", "mlp-400-tanh"])
def test_a_constant_logit_gives_a_zero_map(name, model_name, build, images, targets, context_of):
    model = build(model_name)
    head = [*model.children()][-1]
    head.weight.data.zero_()
    head.bias.data.fill_(1.5)
    try:
        maps = explainer(name)(model, images, targets, context_of(images))
    except NotApplicableError:
        return
    assert float(maps.abs().max()) < 1e-6
