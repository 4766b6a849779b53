"""ResNet (He et al., CVPR 2016) as torchvision computes it, each ReLU of a block a module of its own."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import resnet as torchvision

from xraybench.models._modular import check_size, modular, named, names_of


class Basic(nn.Module):
    """conv, BN, ReLU, conv, BN; plus the input; ReLU. [B,C,H,W] -> [B,D,h,w]."""

    def __init__(self, block: torchvision.BasicBlock) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu1 = block.conv1, block.bn1, nn.ReLU()
        self.conv2, self.bn2 = block.conv2, block.bn2
        self.downsample = block.downsample
        self.relu2 = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.relu1(self.bn1(self.conv1(maps)))
        inner = self.bn2(self.conv2(inner))
        outer: Tensor = self.relu2(inner + (maps if self.downsample is None else self.downsample(maps)))
        return outer


class Bottleneck(nn.Module):
    """1x1 conv, 3x3 conv, 1x1 conv, with BN and ReLU between; plus the input; ReLU. [B,C,H,W] -> [B,D,h,w]."""

    def __init__(self, block: torchvision.Bottleneck) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu1 = block.conv1, block.bn1, nn.ReLU()
        self.conv2, self.bn2, self.relu2 = block.conv2, block.bn2, nn.ReLU()
        self.conv3, self.bn3 = block.conv3, block.bn3
        self.downsample = block.downsample
        self.relu3 = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.relu1(self.bn1(self.conv1(maps)))
        inner = self.relu2(self.bn2(self.conv2(inner)))
        inner = self.bn3(self.conv3(inner))
        outer: Tensor = self.relu3(inner + (maps if self.downsample is None else self.downsample(maps)))
        return outer


def build_18(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """ResNet-18 (He et al., 2016): 8 residual blocks; any size from 8 pixels."""
    check_size("resnet18", image_size, least=8)
    net = torchvision.resnet18(num_classes=num_outputs)
    net = modular(net, in_channels, (torchvision.BasicBlock, Basic))
    return named(net, "layer4", ["conv1", *names_of(net, Basic), "fc"])


def build_50(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """ResNet-50 (He et al., 2016; the stride in the 3x3 convolution): 16 residual blocks; any size from 8 pixels."""
    check_size("resnet50", image_size, least=8)
    net = torchvision.resnet50(num_classes=num_outputs)
    net = modular(net, in_channels, (torchvision.Bottleneck, Bottleneck))
    return named(net, "layer4", ["conv1", *names_of(net, Bottleneck), "fc"])
