"""DeepLIFT against captum where captum is right, and complete where captum is not."""

import captum.attr
import pytest
import torch
from torch import nn

from xraybench.errors import NotApplicableError
from xraybench.explainers.deeplift import DeepLift

pytestmark = pytest.mark.filterwarnings("ignore:Input Tensor", "ignore:Setting")


def network(*middle: nn.Module) -> nn.Module:
    torch.manual_seed(4)
    body = nn.Sequential(nn.Conv2d(1, 6, 3, bias=True), *middle, nn.Flatten(), nn.LazyLinear(3))
    body(torch.zeros(1, 1, 32, 32))
    return body.double().eval()


def completeness(model, maps, images, targets, baseline) -> float:
    change = (model(images) - model(baseline[None])).detach().gather(1, targets[:, None])[:, 0]
    return float((maps.sum((1, 2)) - change).abs().max() / change.abs().mean())


@pytest.fixture
def baseline() -> torch.Tensor:
    return torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(9))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.LeakyReLU])
def test_is_captums_where_no_pooling_follows(activation, images, targets, baseline, context_of):
    model = network(activation(), nn.Conv2d(6, 4, 3), activation())
    found = DeepLift()(model, images.double(), targets, context_of(images, baseline))
    expected = captum.attr.DeepLift(model).attribute(images.double(), baseline[None].double(), target=targets)
    torch.testing.assert_close(found, expected.detach().sum(1), atol=1e-7, rtol=1e-4)


def test_is_captums_through_pooling_that_stands_apart(images, targets, baseline, context_of):
    model = network(nn.MaxPool2d(2), nn.Conv2d(6, 4, 3), nn.ReLU())
    found = DeepLift()(model, images.double(), targets, context_of(images, baseline))
    expected = captum.attr.DeepLift(model).attribute(images.double(), baseline[None].double(), target=targets)
    torch.testing.assert_close(found, expected.detach().sum(1), atol=1e-7, rtol=1e-4)


@pytest.mark.parametrize(
    "pooling", [nn.MaxPool2d(2), nn.MaxPool2d(3, stride=2, padding=1), nn.MaxPool2d(3, stride=2, ceil_mode=True)]
)
def test_is_complete_through_relu_and_pooling_where_captum_is_not(pooling, images, targets, baseline, context_of):
    model, images = network(nn.ReLU(), pooling), images.double()
    found = DeepLift()(model, images, targets, context_of(images, baseline))
    assert completeness(model, found, images, targets, baseline.double()) < 1e-10
    theirs = captum.attr.DeepLift(model).attribute(images, baseline[None].double(), target=targets).detach().sum(1)
    assert completeness(model, theirs, images, targets, baseline.double()) > 0.01


@pytest.mark.parametrize("name", ["small-cnn", "densenet-tiny", "mlp-400-tanh"])
def test_is_complete_on_every_built_in_model(name, build, images, targets, baseline, context_of):
    model, context, explainer = build(name).double(), context_of(images, baseline), DeepLift()
    maps = explainer(model, images.double(), targets, context)
    assert explainer.notes(model, images.double(), targets, context, maps)["completeness_error"] < 1e-9


def test_the_image_that_is_the_baseline_gets_zeros(build, images, context_of):
    maps = DeepLift()(build("small-cnn"), images[:1], torch.tensor([0]), context_of(images, images[0]))
    assert maps.abs().max() == 0


def test_refuses_what_it_has_no_rule_for(images, targets, context_of):
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 8), nn.Softmax(dim=1), nn.Linear(8, 3))
    with pytest.raises(NotApplicableError, match="miss"):
        DeepLift()(model, 5 * images, targets, context_of(images))


def test_refuses_an_activation_used_twice(images, targets, context_of):
    relu = nn.ReLU()
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 8), relu, nn.Linear(8, 8), relu, nn.Linear(8, 3))
    with pytest.raises(NotApplicableError, match="twice"):
        DeepLift()(model, images, targets, context_of(images))
