"""torchvision's networks made modular: nothing in place, every activation a module that is used once.

The parameters keep torchvision's names, so its weights load. What a family computes outside of modules, or in place, is
a matter of a block or two: those are rebuilt around their own submodules, the rest stays torchvision's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from xraybench.errors import UsageError

CHANNELS = (1, 3)  # grey, RGB


def modular(
    net: nn.Module,
    in_channels: int,
    blocks: tuple[type[nn.Module], Callable[[Any], nn.Module]] | None = None,
) -> nn.Module:
    """`net`, its `blocks` (a type, and what to make of one) rebuilt, nothing in place, its stem for grey or RGB."""
    if blocks is not None:
        kind, rebuild = blocks
        for name in [name for name, module in net.named_modules() if type(module) is kind]:
            net.set_submodule(name, rebuild(net.get_submodule(name)))
    for module in net.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # type: ignore[assignment]
    return _with_stem(net, in_channels)


def named(net: nn.Module, cam_layer: str | None, layers: list[str]) -> nn.Module:
    """`net` with the names of its CAM layer and of its layers, as the contract asks."""
    net.cam_layer, net.layers = cam_layer, tuple(layers)  # type: ignore[assignment]
    return net


def names_of(net: nn.Module, *kinds: type[nn.Module]) -> list[str]:
    """The submodules of these kinds, in the order in which they stand."""
    return [name for name, module in net.named_modules() if isinstance(module, kinds)]


def check_size(name: str, image_size: int, least: int, multiple: int = 1) -> None:
    """UsageError where a network cannot take images of this side."""
    if image_size < least:
        raise UsageError(f"{name} takes images from {least} pixels, not of {image_size}", "raise the image_size")
    if image_size % multiple:
        raise UsageError(f"{name} takes sides that {multiple} divides, not {image_size}", "change the image_size")


def summed_to_grey(weight: torch.Tensor) -> torch.Tensor:
    """[K,3,h,w] -> [K,1,h,w]: what the filters make of a grey image repeated in three channels, exactly."""
    return weight.sum(1, keepdim=True)


def _with_stem(net: nn.Module, in_channels: int) -> nn.Module:
    """The first convolution for so many channels; a grey one draws as the RGB one would, and sums over channels."""
    name, stem = next((name, module) for name, module in net.named_modules() if isinstance(module, nn.Conv2d))
    if in_channels not in CHANNELS:
        raise UsageError(f"torchvision's networks see grey or RGB, not {in_channels} channels", "give 1 or 3 channels")
    if in_channels == 1:
        grey = nn.Conv2d(1, stem.out_channels, stem.kernel_size, stem.stride, stem.padding, bias=stem.bias is not None)  # type: ignore[arg-type]
        with torch.no_grad():
            grey.weight.copy_(summed_to_grey(stem.weight))
            if stem.bias is not None and grey.bias is not None:
                grey.bias.copy_(stem.bias)
        net.set_submodule(name, grey)
    return net
