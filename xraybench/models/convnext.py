"""ConvNeXt (Liu et al., CVPR 2022) as torchvision computes it, its residual sums not in place."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import convnext as torchvision

from xraybench.models._modular import check_size, modular, named, names_of


class Block(nn.Module):
    """Depthwise 7x7 convolution, LayerNorm, two linear layers, scaled; plus the input. [B,C,H,W] -> [B,C,H,W]."""

    def __init__(self, block: torchvision.CNBlock) -> None:
        super().__init__()
        self.block, self.layer_scale, self.stochastic_depth = block.block, block.layer_scale, block.stochastic_depth

    def forward(self, maps: Tensor) -> Tensor:
        new: Tensor = self.stochastic_depth(self.layer_scale * self.block(maps))
        return new + maps


def build_tiny(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """ConvNeXt-Tiny (Liu et al., 2022): 18 blocks; any size from 32 pixels."""
    check_size("convnext-tiny", image_size, least=32)
    net = modular(torchvision.convnext_tiny(num_classes=num_outputs), in_channels, (torchvision.CNBlock, Block))
    return named(net, "features.7", ["features.0", *names_of(net, Block), "classifier.2"])
