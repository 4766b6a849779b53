"""DeepLIFT against captum where captum is right, and complete where captum is not."""

import captum.attr
import pytest
import torch
from torch import nn

from xraybench.checks import families
from xraybench.errors import NotApplicableError
from xraybench.explainers._model import explained, input_gradient
from xraybench.explainers._rescale import rescaled
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


@pytest.mark.parametrize("pooling", [nn.AdaptiveMaxPool2d(7), nn.MaxPool2d(3, stride=1, dilation=2)])
def test_is_complete_through_pooling_that_captum_does_not_know(pooling, images, targets, baseline, context_of):
    model, images = network(nn.ReLU(), pooling), images.double()
    found = DeepLift()(model, images, targets, context_of(images, baseline))
    assert completeness(model, found, images, targets, baseline.double()) < 1e-10


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
def test_activations_may_be_as_small_as_they_like(activation, dtype, tolerance, images, targets, baseline, context_of):
    """Signals of 1e-9: as of a deep network with small weights, a thousandth of a fixed threshold of 1e-6."""
    torch.manual_seed(4)
    layers = nn.Conv2d(1, 6, 3, bias=False), activation(), nn.MaxPool2d(3, stride=2), nn.Flatten()
    model = nn.Sequential(*layers, nn.Linear(1176, 3, bias=False)).to(dtype).eval()
    model[0].weight.data *= 1e-9
    found = DeepLift()(model, images.to(dtype), targets, context_of(images, baseline))
    assert completeness(model, found, images.to(dtype), targets, baseline.to(dtype)) < tolerance


def test_where_image_and_baseline_agree_the_multiplier_is_the_derivative(context_of):
    """Two pixels change and cancel before a unit that is on: they get what its derivative gives them."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False)).double()
    model[1].weight.data, model[3].weight.data = torch.ones(1, 4).double(), torch.full((1, 1), 3.0).double()
    images = torch.tensor([[[[0.75, 0.25], [0.5, 0.5]]]]).double()
    maps = DeepLift()(model, images, torch.tensor([0]), context_of(images, torch.full((1, 2, 2), 0.5)))
    torch.testing.assert_close(maps, torch.tensor([[[0.75, -0.75], [0.0, 0.0]]]).double())


def test_a_pool_whose_winner_is_as_in_the_baseline_passes_its_gradient_whole(context_of):
    """Two pixels change and cancel before they win: each gets what the pool's derivative gives it."""
    pair, pool = nn.Conv2d(1, 1, (1, 2), bias=False), nn.MaxPool2d((2, 1))
    model = nn.Sequential(pair, pool, nn.Flatten(), nn.Linear(1, 1, bias=False)).double()
    pair.weight.data.fill_(1.0)
    model[3].weight.data.fill_(3.0)
    baseline, images = torch.tensor([[[0.5, 0.5], [0.25, 0.25]]]), torch.tensor([[[[0.75, 0.25], [0.25, 0.25]]]])
    maps = DeepLift()(model, images.double(), torch.tensor([0]), context_of(images, baseline))
    torch.testing.assert_close(maps, torch.tensor([[[0.75, -0.75], [0.0, 0.0]]]).double())


def test_a_relus_slope_between_two_numbers_and_its_derivative_where_they_are_one():
    """A network that is a ReLU of one pixel: the multiplier at each pair of values is its slope."""
    values = torch.tensor([-2.0, -1e-30, 0.0, 1e-30, 0.5, 3.0], dtype=torch.float64)
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False)).double()
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    images = values.view(-1, 1, 1, 1)
    for at in values:
        with explained(model), rescaled(model, at.view(1, 1, 1)):
            multipliers = input_gradient(model, images, torch.zeros(len(values), dtype=torch.int64)).flatten()
        expected = [float(x > 0) if x == at else float((x.relu() - at.relu()) / (x - at)) for x in values]
        torch.testing.assert_close(multipliers, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["small-cnn", "densenet-tiny", "mlp-400-tanh"])
def test_is_complete_on_every_built_in_model(name, build, images, targets, baseline, context_of):
    model, context, explainer = build(name).double(), context_of(images, baseline), DeepLift()
    maps = explainer(model, images.double(), targets, context)
    assert explainer.notes(model, images.double(), targets, context, maps)["completeness_error"] < 1e-9


def test_is_complete_on_overlapping_pools_between_normalised_responses(context_of):
    """Local response normalisation has no rule: next to nothing is lost there."""
    model, images = families.network("cxr-cnn5").double(), torch.rand(2, 1, 91, 91).double()
    targets, context, explainer = torch.arange(2), context_of(images), DeepLift()
    maps = explainer(model, images, targets, context)
    assert explainer.notes(model, images, targets, context, maps)["completeness_error"] < 1e-5


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
