"""The canonised copy computes what the model computes, without BatchNorm."""

import copy

import pytest
import torch
from torch import nn

from xraybench.checks.conservation import LAST_DIGITS
from xraybench.errors import NotApplicableError
from xraybench.explainers._lrp_canoniser import Threshold, canonised
from xraybench.models.densenet import DenseNet

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def with_norms(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, BATCH_NORMS)]


@pytest.mark.parametrize("name", ["small-cnn", "densenet-tiny", "mlp-400-tanh", "resnet", "efficientnet"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
def test_the_output_stays(name, dtype, tolerance, build, images):
    model = build(name).to(dtype)
    folded = canonised(model)
    expected = model(images.to(dtype)).detach()
    assert not with_norms(folded)
    assert float((folded(images.to(dtype)) - expected).abs().max() / expected.abs().max()) < tolerance


def test_a_torchvision_sized_densenet_too():
    torch.manual_seed(0)
    model = DenseNet(4, in_channels=1, growth=12, blocks=(2, 3, 2, 2), stem=16).double().eval()
    images = torch.rand(2, 1, 64, 64).double()
    torch.testing.assert_close(canonised(model)(images), model(images))


@pytest.mark.parametrize("draw", range(3))
def test_the_output_of_a_densenet121_stays_in_float32(draw, build, images):
    """A resnet50's does not to that: in one of these three draws it is a little over."""
    model = build("densenet121", draw=draw)
    expected = model(images).detach()
    assert float((canonised(model)(images) - expected).abs().max() / expected.abs().max()) < 1e-5


@pytest.mark.parametrize("name", ["densenet121", "resnet50"])
def test_deep_networks_lose_by_folding_what_they_round(name, build, images):
    """In float32 the copy is about as far from float64's logits as the network itself; in float64 the two agree."""
    own, folded = [], []
    for draw in range(3):
        model = build(name, draw=draw)
        exact = copy.deepcopy(model).double()
        logits = exact(images.double()).detach()
        largest = logits.abs().max()
        assert float((canonised(exact)(images.double()) - logits).abs().max()) < LAST_DIGITS * largest
        own.append((model(images).detach() - logits) / largest)
        folded.append((canonised(model)(images) - logits) / largest)
    own, folded = (float(torch.cat(errors).square().mean().sqrt()) for errors in (own, folded))
    assert folded < 2 * own < 1e-4


@pytest.mark.parametrize("gain", [0.0, 1e-7, -1e-7, -1.0, 3.0])
@pytest.mark.parametrize("shift", [-0.7, 0.0, 0.7])
def test_every_gain_and_shift_before_a_relu(gain, shift):
    """The flipped threshold of a negative gain, and the channel that is constant."""
    torch.manual_seed(1)
    norm = nn.BatchNorm2d(2)
    norm.weight.data, norm.bias.data = torch.tensor([gain, 1.0]), torch.tensor([shift, 0.1])
    norm.running_mean.copy_(torch.tensor([0.3, -0.2]))
    model = nn.Sequential(norm, nn.ReLU(), nn.Conv2d(2, 3, 1), nn.Flatten()).double().eval()
    images = torch.randn(3, 2, 4, 4).double()
    folded = canonised(model)
    assert any(isinstance(module, Threshold) for module in folded.modules())
    torch.testing.assert_close(folded(images), model(images), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["small-cnn", "densenet-tiny", "mlp-400-tanh"])
def test_the_first_layer_stays_the_first(name, build):
    """The rule of the first layer goes to the first convolution or linear layer in the copy's list of modules."""
    weights = [
        module.weight for module in canonised(build(name)).modules() if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    assert weights[0].shape[1] == (1 if name != "mlp-400-tanh" else 1024)
    assert weights[-1].shape[0] == 3


def test_the_model_keeps_its_norms_and_weights(build, images):
    model = build("small-cnn")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    norms = len(with_norms(model))
    assert norms > 0
    canonised(model)
    assert len(with_norms(model)) == norms
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    "layers",
    [
        (nn.BatchNorm2d(1), nn.ReLU(), nn.Conv2d(1, 2, 3, padding=1)),  # pads with 0, not with the shift
        (nn.BatchNorm2d(1), nn.Tanh(), nn.Conv2d(1, 2, 1)),
        (nn.BatchNorm2d(1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(1, 2, 1)),  # a negative gain would make it a minimum
        (nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, track_running_stats=False)),
        (nn.BatchNorm2d(1), nn.ReLU(), nn.AvgPool2d(3, padding=1), nn.Conv2d(1, 2, 1)),
        (nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 2, 1, groups=2)),
    ],
)
def test_what_cannot_be_folded_exactly_is_refused(layers):
    with pytest.raises(NotApplicableError):
        canonised(nn.Sequential(*layers))


class Shared(nn.Module):
    """Layers before and after a norm and its ReLU, of which networks use one twice."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.before, self.after = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)
        self.norm, self.relu = nn.BatchNorm2d(2), nn.ReLU()
        nn.init.normal_(self.norm.weight)
        nn.init.normal_(self.norm.bias)
        self.double().eval()


class OutputShared(Shared):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.before(images)
        return self.after(self.relu(self.norm(maps))) + maps


class BeforeShared(Shared):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(self.before(images)) + self.before(2 * images)


class ReluShared(Shared):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.after(self.relu(self.norm(images))) + self.relu(images)


class AfterShared(Shared):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.after(self.relu(self.norm(images))) + self.after(images)


class NormShared(Shared):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(self.before(images)) + self.norm(self.after(images))


@pytest.mark.parametrize("kind", [OutputShared, NormShared])
def test_what_a_norm_shares_without_harm_is_folded(kind):
    model, images = kind(), torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    folded = canonised(model)
    assert not with_norms(folded)
    torch.testing.assert_close(folded(images), model(images).detach())


@pytest.mark.parametrize("kind", [BeforeShared, ReluShared, AfterShared])
def test_a_module_that_is_called_elsewhere_too_takes_no_norm(kind):
    with pytest.raises(NotApplicableError):
        canonised(kind())


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(images) if images.sum() > 0 else images


def test_a_model_that_cannot_be_traced_is_refused():
    with pytest.raises(NotApplicableError, match="traced"):
        canonised(Branching())
