"""The contract, for every built-in model; and that what breaks it is named."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from xraybench import registry
from xraybench.checks import check_model
from xraybench.errors import UsageError, ValidationError

LEAST = {
    **{"densenet121": 29, "densenet169": 29, "radinet169": 29, "resnet18": 8, "resnet50": 8, "vgg16": 32, "vgg19": 32},
    **{"alexnet": 63, "efficientnet-b0": 8, "convnext-tiny": 32, "vit-b-16": 16, "squeezenet1-0": 21, "cxr-cnn5": 91},
    **{"anatomy-shallow": 8, "anatomy-deep": 16},
}


def build(name, channels, side):
    return registry.load(registry.find("models", name))(5, channels, side)


@pytest.mark.parametrize("name", registry.MODELS)
@pytest.mark.parametrize("channels", [1, 3])
def test_built_in_models_keep_it(name, channels):
    side = max(LEAST.get(name, 28), 28 if name != "vit-b-16" else 32)
    model = build(name, channels, side)
    before = [module.training for module in model.modules()]
    check_model(model, channels, side)
    assert [module.training for module in model.modules()] == before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert model(torch.rand(2, channels, side, side)).shape == (2, 5)


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_the_least_size_is_enough_and_below_it_is_named(name, least):
    assert build(name, 1, least).eval()(torch.rand(1, 1, least, least)).shape == (1, 5)
    with pytest.raises(UsageError, match=f"from {least} pixels"):
        build(name, 1, least - 1)


def test_sizes_and_channels_that_do_not_fit_are_named():
    with pytest.raises(UsageError, match="16 divides"):
        build("vit-b-16", 1, 40)
    with pytest.raises(UsageError, match="grey or RGB"):
        build("resnet18", 2, 32)


class Base(nn.Module):
    """Keeps the contract until a subclass breaks it."""

    cam_layer: str | None = "conv"
    layers: tuple[str, ...] = ("conv", "head")

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.pool = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        self.flatten, self.head = nn.Flatten(), nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.flatten(self.pool(self.relu(self.conv(images)))))


class InPlace(Base):
    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)


class Functional(Base):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.flatten(self.pool(functional.relu(self.conv(images)))))


class Method(Base):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.flatten(self.pool(self.conv(images).clamp(min=0))))


class FunctionalPool(Base):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.relu(self.conv(images)).mean((2, 3)))


class FunctionalMaxPool(Base):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(functional.max_pool2d(images, 2))


class Added(Base):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.conv(images)
        maps += 1
        return self.head(self.flatten(self.pool(self.relu(maps))))


class Reused(Base):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.flatten(self.pool(self.relu(self.conv(self.relu(images))))))


class NoLayers(Base):
    layers = ("conv", "heads")


class OutputUnnamed(Base):
    layers = ("head", "conv")


class FlatCam(Base):
    cam_layer = "head"


class HeadFirst(Base):
    def __init__(self) -> None:
        super().__init__()
        conv = self.conv
        del self.conv
        self.conv = conv


class Images(Base):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.conv(images)


def test_the_base_of_these_tests_keeps_it():
    check_model(Base(), 1, 16)


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (InPlace, "relu works in place"),
        (Functional, "calls relu"),
        (Method, "calls clamp"),
        (FunctionalPool, "calls mean"),
        (FunctionalMaxPool, "max_pool2d"),
        (Added, "in place"),
        (Reused, "relu is used more than once"),
        (NoLayers, "heads"),
        (OutputUnnamed, "last of the layers"),
        (FlatCam, "CAM layer head"),
        (HeadFirst, "head is defined before conv"),
        (Images, "logits"),
    ],
)
def test_what_breaks_it_is_named(broken, named):
    with pytest.raises(ValidationError, match=named):
        check_model(broken(), 1, 16)


def test_torchvisions_densenet_breaks_it():
    from torchvision.models import densenet121

    model = densenet121()
    model.cam_layer, model.layers = "features", ("features",)
    with pytest.raises(ValidationError, match="in place"):
        check_model(model, 3, 32)
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    with pytest.raises(ValidationError, match="relu"):
        check_model(model, 3, 32)


def test_a_model_that_declares_nothing_is_named():
    with pytest.raises(ValidationError, match="cam_layer"):
        check_model(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), 1, 2)
