"""A small network of every architectural family: what explainers are checked on beside the small built-in models.

The blocks are those of the registered models; depth and width are as little as shows every kind of layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torchvision.models import ConvNeXt, EfficientNet, ResNet, VisionTransformer
from torchvision.models import convnext as convnexts
from torchvision.models import efficientnet as efficientnets
from torchvision.models import resnet as resnets
from torchvision.models.vision_transformer import EncoderBlock

from xraybench import registry
from xraybench.models import convnext, efficientnet, resnet
from xraybench.models._modular import modular, named, names_of


@dataclass(frozen=True)
class Family:
    """How a network of it is built, for so many logits; the side of the images it takes; the models it stands for."""

    build: Callable[[int], nn.Module]
    side: int
    models: str


def _registered(name: str, side: int, outputs: int) -> nn.Module:
    built: nn.Module = registry.load(registry.find("models", name))(outputs, 1, side)
    return built


def _resnet(outputs: int) -> nn.Module:
    net = modular(ResNet(resnets.BasicBlock, [1, 1, 1, 1], outputs), 1, (resnets.BasicBlock, resnet.Basic))
    return named(net, "layer4", ["conv1", *names_of(net, resnet.Basic), "fc"])


def _vgg(outputs: int) -> nn.Module:
    """Convolutions, max pooling, and fully connected layers with dropout: AlexNet is built of the same."""
    widths = (16, 16), (32, 32)
    layers: list[nn.Module] = []
    inputs = 1
    for group in widths:
        for width in group:
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    head = [nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, outputs)]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), *head)
    return named(net, str(len(layers) - 2), names_of(net, nn.Conv2d, nn.Linear))


def _squeezenet(outputs: int) -> nn.Module:
    net = _registered("squeezenet1-0", 32, outputs)
    nn.init.ones_(net.get_submodule("classifier.1").get_parameter("bias"))  # it ends in a ReLU: logits above zero
    return net


def _efficientnet(outputs: int) -> nn.Module:
    blocks = [efficientnets.MBConvConfig(1, 3, 1, 8, 8, 1), efficientnets.MBConvConfig(4, 3, 2, 8, 16, 2)]
    net = EfficientNet(blocks, dropout=0.2, num_classes=outputs, last_channel=32)
    net = modular(net, 1, (efficientnets.MBConv, efficientnet.MBConv))
    return named(net, "features.3", ["features.0", *names_of(net, efficientnet.MBConv), "features.3", "classifier.1"])


def _convnext(outputs: int) -> nn.Module:
    blocks = [convnexts.CNBlockConfig(8, 16, 1), convnexts.CNBlockConfig(16, None, 1)]
    net = modular(ConvNeXt(blocks, num_classes=outputs), 1, (convnexts.CNBlock, convnext.Block))
    return named(net, "features.3", ["features.0", *names_of(net, convnext.Block), "classifier.2"])


def _vit(outputs: int) -> nn.Module:
    net = modular(VisionTransformer(32, 8, 2, 2, hidden_dim=16, mlp_dim=32, num_classes=outputs), 1)
    for parameter in net.get_submodule("heads").parameters():
        nn.init.normal_(parameter)  # torchvision starts with logits of zero
    return named(net, None, ["conv_proj", *names_of(net, EncoderBlock), "heads.head"])


FAMILIES: Mapping[str, Family] = {
    "small-cnn": Family(partial(_registered, "small-cnn", 32), 32, "small-cnn"),
    "densenet": Family(
        partial(_registered, "densenet-tiny", 32), 32, "densenet121, densenet169, radinet169, densenet-tiny"
    ),
    "resnet": Family(_resnet, 32, "resnet18, resnet50"),
    "vgg": Family(_vgg, 32, "vgg16, vgg19, alexnet"),
    "squeezenet": Family(_squeezenet, 32, "squeezenet1-0"),
    "efficientnet": Family(_efficientnet, 32, "efficientnet-b0"),
    "convnext": Family(_convnext, 32, "convnext-tiny"),
    "vit": Family(_vit, 32, "vit-b-16"),
    "cxr-cnn5": Family(partial(_registered, "cxr-cnn5", 91), 91, "cxr-cnn5"),
    "anatomy": Family(partial(_registered, "anatomy-shallow", 32), 32, "anatomy-shallow, anatomy-deep"),
    "mlp": Family(partial(_registered, "mlp-400-tanh", 32), 32, "mlp-400-tanh, mlp-1296-tanh, mlp-1296-relu"),
}


def network(name: str, outputs: int = 3) -> nn.Module:
    """The family's network with fixed random weights, in eval mode."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return FAMILIES[name].build(outputs).eval()
