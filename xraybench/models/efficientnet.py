"""EfficientNet (Tan & Le, ICML 2019) as torchvision computes it, its residual sums not in place."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import efficientnet as torchvision

from xraybench.models._modular import check_size, modular, named, names_of


class MBConv(nn.Module):
    """Expand, depthwise convolution, squeeze and excitation, project; plus the input where the shapes agree."""

    def __init__(self, block: torchvision.MBConv) -> None:
        super().__init__()
        self.block, self.stochastic_depth = block.block, block.stochastic_depth
        self.residual = bool(block.use_res_connect)

    def forward(self, maps: Tensor) -> Tensor:
        new: Tensor = self.block(maps)
        return self.stochastic_depth(new) + maps if self.residual else new


def build_b0(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """EfficientNet-B0 (Tan & Le, 2019): 16 inverted bottlenecks; any size from 8 pixels."""
    check_size("efficientnet-b0", image_size, least=8)
    net = modular(torchvision.efficientnet_b0(num_classes=num_outputs), in_channels, (torchvision.MBConv, MBConv))
    return named(net, "features.8", ["features.0", *names_of(net, MBConv), "features.8", "classifier.1"])
