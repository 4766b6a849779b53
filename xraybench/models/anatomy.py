"""Two plain networks for a study of anatomy by deconvolution: a shallow and a deeper one.

The study (a poster on the ImageCLEF 2009 annotation task) says that one is shallow and the other deeper, and that
filters of the last convolution are projected back by transposed convolutions and max-pool switches. All else is our
choice: convolutions, ReLUs and max pooling alone, so that the projection is defined, and a linear head on global means.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from xraybench.models._modular import check_size

SHALLOW = ((32,), (64,))  # widths of the convolutions, a max pooling after each group
DEEP = ((32, 32), (64, 64), (128, 128), (256, 256))


class PlainCnn(nn.Sequential):
    """Groups of conv and ReLU with max pooling after each; global mean; linear. [B,C,H,W] -> logits [B,K]."""

    cam_layer: str | None
    layers: tuple[str, ...]

    def __init__(self, groups: tuple[tuple[int, ...], ...], kernel: int, num_outputs: int, in_channels: int) -> None:
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        width = in_channels
        for i, group in enumerate(groups, start=1):
            for j, wider in enumerate(group, start=1):
                parts[f"conv{i}_{j}"] = nn.Conv2d(width, wider, kernel, padding=kernel // 2)
                parts[f"relu{i}_{j}"] = nn.ReLU()
                width = wider
            parts[f"pool{i}"] = nn.MaxPool2d(2)
        parts |= {"mean": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "head": nn.Linear(width, num_outputs)}
        super().__init__(parts)
        self.cam_layer = [name for name in parts if name.startswith("relu")][-1]
        self.layers = (*(name for name in parts if name.startswith("conv")), "head")
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)


def build_shallow(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """Two 5x5 convolutions of 32 and 64 filters: the shallow one; any size from 8 pixels. Sizes are our choice."""
    check_size("anatomy-shallow", image_size, least=8)
    return PlainCnn(SHALLOW, 5, num_outputs, in_channels)


def build_deep(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """Eight 3x3 convolutions of 32 to 256 filters: the deeper one; any size from 16 pixels. Sizes are our choice."""
    check_size("anatomy-deep", image_size, least=16)
    return PlainCnn(DEEP, 3, num_outputs, in_channels)
