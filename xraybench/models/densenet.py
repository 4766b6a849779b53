"""DenseNet (Huang et al., CVPR 2017) as torchvision computes it, every nonlinearity and pooling a module.

The parameters bear torchvision's names, so its weights load. Nothing works in place, and the ReLU and pooling after
the last BatchNorm, functional in torchvision, are modules: LRP, DeepLift and hooks see all that is computed.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

BOTTLENECK = 4  # channels between a layer's two convolutions, in units of the growth rate
MOST_LAYERS = 16  # named for layer similarity, atlas and cascading randomisation


class DenseLayer(nn.Module):
    """BN, ReLU, 1x1 conv, BN, ReLU, 3x3 conv: [B,C,H,W] -> the layer's new channels [B,growth,H,W]."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(inputs, BOTTLENECK * growth, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK * growth)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(BOTTLENECK * growth, growth, kernel_size=3, padding=1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        bottleneck = self.conv1(self.relu1(self.norm1(maps)))
        new: Tensor = self.conv2(self.relu2(self.norm2(bottleneck)))
        return new


class DenseBlock(nn.Module):
    """Layers that each append their channels to all that came before."""

    def __init__(self, inputs: int, growth: int, depth: int) -> None:
        super().__init__()
        for i in range(depth):
            self.add_module(f"denselayer{i + 1}", DenseLayer(inputs + i * growth, growth))

    def forward(self, maps: Tensor) -> Tensor:
        for layer in self.children():
            maps = torch.cat([maps, layer(maps)], dim=1)
        return maps


class DenseNet(nn.Module):
    """Stem, dense blocks with transitions between them, BN, ReLU, global pooling, linear: [B,C,H,W] -> logits [B,K]."""

    cam_layer: str | None = "features.relu5"
    layers: tuple[str, ...]

    def __init__(self, num_outputs: int, in_channels: int, growth: int, blocks: tuple[int, ...], stem: int) -> None:
        super().__init__()
        self.features = nn.Sequential(_stem(in_channels, stem))
        width = stem
        for i, depth in enumerate(blocks, start=1):
            self.features.add_module(f"denseblock{i}", DenseBlock(width, growth, depth))
            width += depth * growth
            if i < len(blocks):
                self.features.add_module(f"transition{i}", _transition(width))
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.features.add_module("relu5", nn.ReLU())
        self.pool5 = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(width, num_outputs)
        self.layers = _evenly(_units(self), MOST_LAYERS)
        _initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.flatten(self.pool5(self.features(images))))
        return logits


def _stem(in_channels: int, width: int) -> OrderedDict[str, nn.Module]:
    return OrderedDict(
        conv0=nn.Conv2d(in_channels, width, kernel_size=7, stride=2, padding=3, bias=False),
        norm0=nn.BatchNorm2d(width),
        relu0=nn.ReLU(),
        pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
    )


def _transition(width: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(width),
            relu=nn.ReLU(),
            conv=nn.Conv2d(width, width // 2, kernel_size=1, bias=False),
            pool=nn.AvgPool2d(kernel_size=2, stride=2),
        )
    )


def _initialise(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)


def _units(model: DenseNet) -> list[str]:
    """First convolution, every dense layer, every transition, classifier: what may be compared or reset as one."""
    found = [name for name, module in model.named_modules() if isinstance(module, DenseLayer) or _is_transition(name)]
    return ["features.conv0", *found, "classifier"]


def _is_transition(name: str) -> bool:
    return name.rpartition(".")[2].startswith("transition")


def _evenly(names: list[str], most: int) -> tuple[str, ...]:
    """At most so many of the names, the first and the last among them."""
    if len(names) <= most:
        return tuple(names)
    return tuple(names[round(i * (len(names) - 1) / (most - 1))] for i in range(most))


def build_tiny(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """Two blocks of 6 and 7 layers with growth 8: 16 units, and a map of 8 x 8 under the head at 64 pixels."""
    return DenseNet(num_outputs, in_channels, growth=8, blocks=(6, 7), stem=32)
