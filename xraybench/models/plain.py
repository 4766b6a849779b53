"""Networks that torchvision builds of modules alone: AlexNet, VGG, SqueezeNet."""

from __future__ import annotations

from torch import nn
from torchvision.models import alexnet, squeezenet1_0, vgg16, vgg19
from torchvision.models.squeezenet import Fire

from xraybench.models._modular import check_size, modular, named, names_of


def build_vgg16(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """VGG-16 (Simonyan & Zisserman, ICLR 2015): 13 convolutions, 3 linear layers; any size from 32 pixels."""
    check_size("vgg16", image_size, least=32)
    net = modular(vgg16(num_classes=num_outputs), in_channels)
    return named(net, "features.29", names_of(net, nn.Conv2d, nn.Linear))


def build_vgg19(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """VGG-19 (Simonyan & Zisserman, ICLR 2015): 16 convolutions, 3 linear layers; any size from 32 pixels."""
    check_size("vgg19", image_size, least=32)
    net = modular(vgg19(num_classes=num_outputs), in_channels)
    return named(net, "features.35", names_of(net, nn.Conv2d, nn.Linear))


def build_alexnet(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """AlexNet (Krizhevsky, 2014, as torchvision has it): 5 convolutions, 3 linear layers; any size from 63 pixels."""
    check_size("alexnet", image_size, least=63)
    net = modular(alexnet(num_classes=num_outputs), in_channels)
    return named(net, "features.11", names_of(net, nn.Conv2d, nn.Linear))


def build_squeezenet(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """SqueezeNet 1.0 (Iandola et al., 2016): 8 fire modules, a convolution for a head; any size from 21 pixels."""
    check_size("squeezenet1-0", image_size, least=21)
    net = modular(squeezenet1_0(num_classes=num_outputs), in_channels)
    return named(net, "features.12", ["features.0", *names_of(net, Fire), "classifier.1"])
