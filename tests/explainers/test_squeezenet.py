"""Trained weights, overlapping max pooling: SqueezeNet on ImageNet, where its weights are at hand."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import squeezenet1_0

from xraybench.errors import NotApplicableError
from xraybench.explainers.captum_peer import Captum
from xraybench.explainers.deeplift import DeepLift
from xraybench.explainers.lrp import EpsilonPlusFlat

WEIGHTS = (
    Path(__file__).parents[2].parent / "shared/data/weights/squeezenet_v1.0_deepcompression/squeezenet1_0_rgb255.pth"
)


@pytest.fixture
def squeezenet() -> nn.Module:
    if not WEIGHTS.exists():
        pytest.skip("the SqueezeNet weights are not at hand (../shared/data/weights)")
    model = squeezenet1_0()
    model.load_state_dict(torch.load(WEIGHTS, weights_only=True))
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return model.eval()


@pytest.fixture
def picture() -> torch.Tensor:
    """[1,3,227,227] smooth random colours in the weights' own range."""
    coarse = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(2))
    large = nn.functional.interpolate(coarse, size=(227, 227), mode="bicubic").clamp(0, 1)
    return 255 * large - torch.tensor([123.0, 117.0, 104.0]).view(1, 3, 1, 1)


def test_deeplift_is_complete_where_captum_is_refused(squeezenet, picture, context_of):
    with torch.no_grad():
        target = squeezenet(picture).argmax(1)
    context, explainer = context_of(picture), DeepLift()
    maps = explainer(squeezenet, picture, target, context)
    assert explainer.notes(squeezenet, picture, target, context, maps)["completeness_error"] < 1e-3
    with pytest.raises(NotApplicableError, match="misses"):
        Captum("DeepLift")(squeezenet, picture, target, context)


def test_lrp_conserves(squeezenet, picture, context_of):
    model, images = squeezenet.double(), picture.double()
    with torch.no_grad():
        target = model(images).argmax(1)
    context, explainer = context_of(images), EpsilonPlusFlat(epsilon=1e-12, stabilizer=1e-12)
    maps = explainer(model, images, target, context)
    assert explainer.notes(model, images, target, context, maps)["conservation_error"] < 1e-4
