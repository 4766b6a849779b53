"""DenseNet (Huang et al., CVPR 2017) as torchvision computes it, every nonlinearity and pooling a module.

The parameters bear torchvision's names, so its weights load. Nothing works in place, and the ReLU and pooling after
the last BatchNorm, functional in torchvision, are modules: LRP, DeepLift and hooks see all that is computed.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn

from xraybench.models._modular import check_size

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
    """Stem, dense blocks with transitions between them, BN, ReLU, global pooling, linear: [B,C,H,W] -> logits [B,K].

    hidden: widths of fully connected layers under the outputs (none in a DenseNet as published).
    """

    cam_layer: str | None = "features.relu5"
    layers: tuple[str, ...]

    def __init__(
        self,
        num_outputs: int,
        in_channels: int,
        growth: int,
        blocks: tuple[int, ...],
        stem: int,
        hidden: tuple[int, ...] = (),
    ) -> None:
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
        self.classifier = _dense((width, *hidden, num_outputs)) if hidden else nn.Linear(width, num_outputs)
        output = f"classifier.dense{len(hidden) + 1}" if hidden else "classifier"
        self.layers = _evenly([*_units(self), output], MOST_LAYERS)
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
    """First convolution, every dense layer, every transition: what may be compared or reset as one."""
    found = [name for name, module in model.named_modules() if isinstance(module, DenseLayer) or _is_transition(name)]
    return ["features.conv0", *found]


def _is_transition(name: str) -> bool:
    return name.rpartition(".")[2].startswith("transition")


def _evenly(names: list[str], most: int) -> tuple[str, ...]:
    """At most so many of the names, the first and the last among them."""
    if len(names) <= most:
        return tuple(names)
    return tuple(names[round(i * (len(names) - 1) / (most - 1))] for i in range(most))


def build_121(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """DenseNet-121 (Huang et al., 2017): blocks of 6, 12, 24 and 16 layers; any size from 29 pixels."""
    check_size("densenet121", image_size, least=29)
    return DenseNet(num_outputs, in_channels, growth=32, blocks=(6, 12, 24, 16), stem=64)


def build_169(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """DenseNet-169 (Huang et al., 2017): blocks of 6, 12, 32 and 32 layers; any size from 29 pixels."""
    check_size("densenet169", image_size, least=29)
    return DenseNet(num_outputs, in_channels, growth=32, blocks=(6, 12, 32, 32), stem=64)


def build_radinet169(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """DenseNet-169's features under five dense (fully connected) layers (RadiNet, 2022); any size from 29 pixels.

    The study names the five layers and gives no widths: 1024, 512, 256, 128, then the outputs, with ReLUs between, are
    our choice. `classifier` holds all five, so that a frozen warm-up trains them; the last is `classifier.dense5`.
    """
    check_size("radinet169", image_size, least=29)
    return DenseNet(num_outputs, in_channels, growth=32, blocks=(6, 12, 32, 32), stem=64, hidden=(1024, 512, 256, 128))


def _dense(widths: tuple[int, ...]) -> nn.Sequential:
    """Linear layers `dense1`, `dense2`, ... from width to width, with a ReLU after each but the last."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for i, (width, wider) in enumerate(pairwise(widths), start=1):
        if i > 1:
            parts[f"relu{i - 1}"] = nn.ReLU()
        parts[f"dense{i}"] = nn.Linear(width, wider)
    return nn.Sequential(parts)


def build_tiny(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """Two blocks of 6 and 7 layers with growth 8: 16 units, and a map of 8 x 8 under the head at 64 pixels."""
    return DenseNet(num_outputs, in_channels, growth=8, blocks=(6, 7), stem=32)
