"""A small convolutional network that strides early: minutes of training on a CPU at 64 to 96 pixels."""

from __future__ import annotations

from torch import nn

WIDTHS = (16, 16, 32, 64, 96, 96)
STRIDES = (2, 1, 2, 1, 2, 1)


class SmallCnn(nn.Sequential):
    """Blocks of conv, BatchNorm, ReLU; global average pooling; one linear layer. [B,C,H,W] -> logits [B,K]."""

    cam_layer: str | None = "block6"
    layers: tuple[str, ...] = ("block1", "block2", "block3", "block4", "block5", "block6", "head")

    def __init__(self, num_outputs: int, in_channels: int) -> None:
        super().__init__()
        for i, (width, stride) in enumerate(zip(WIDTHS, STRIDES, strict=True)):
            self.add_module(f"block{i + 1}", _block(WIDTHS[i - 1] if i else in_channels, width, stride))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(WIDTHS[-1], num_outputs)


def _block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def build(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """A `SmallCnn` with fresh weights from torch's global generator; any image size from 8 pixels."""
    return SmallCnn(num_outputs, in_channels)
