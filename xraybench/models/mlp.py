"""Multilayer perceptrons on flattened images: the networks of the digit studies."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


class Mlp(nn.Sequential):
    """Flatten, hidden layers of one width, linear output. [B,C,H,W] -> logits [B,K]. There is no map to weight."""

    cam_layer: str | None = None
    layers: tuple[str, ...]

    def __init__(self, inputs: int, width: int, depth: int, num_outputs: int, activation: type[nn.Module]) -> None:
        hidden = {
            f"hidden{i + 1}": nn.Sequential(nn.Linear(inputs if i == 0 else width, width), activation())
            for i in range(depth)
        }
        super().__init__(OrderedDict(flatten=nn.Flatten(), **hidden, output=nn.Linear(width, num_outputs)))
        self.layers = (*hidden, "output")


def build_400_tanh(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """Three hidden layers of 400 tanh units (784-400-400-400-10 for 28-pixel digits)."""
    return Mlp(in_channels * image_size**2, width=400, depth=3, num_outputs=num_outputs, activation=nn.Tanh)


def build_1296_tanh(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """Three hidden layers of 1296 tanh units."""
    return Mlp(in_channels * image_size**2, width=1296, depth=3, num_outputs=num_outputs, activation=nn.Tanh)


def build_1296_relu(num_outputs: int, in_channels: int, image_size: int) -> nn.Module:
    """Three hidden layers of 1296 rectified units."""
    return Mlp(in_channels * image_size**2, width=1296, depth=3, num_outputs=num_outputs, activation=nn.ReLU)
