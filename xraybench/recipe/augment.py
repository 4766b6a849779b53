"""Random changes of training images; every draw is the generator's, whatever the device."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from xraybench.tasks import Stage


def augment(images: Tensor, stage: Stage, generator: torch.Generator) -> Tensor:
    """Images [N,C,H,W] with the stage's augmentations, each image with draws of its own; `generator` is the CPU's."""
    if stage.flip:
        flipped = torch.rand(len(images), generator=generator) < 0.5
        images = torch.where(flipped.to(images.device)[:, None, None, None], images.flip(-1), images)
    if stage.shift or stage.rotation or stage.scale:
        images = _moved(images, stage, generator)
    if stage.shift_pixels:
        images = _shifted(images, stage.shift_pixels, generator)
    if stage.noise:
        images = images + stage.noise * torch.randn(images.shape, generator=generator).to(images.device)
    if stage.salt_and_pepper:
        images = _salted(images, stage.salt_and_pepper, generator)
    return images


def _moved(images: Tensor, stage: Stage, generator: torch.Generator) -> Tensor:
    """Translated, rotated and scaled about the centre in one bilinear step; the border's values go on outside."""
    theta = torch.eye(2, 3).repeat(len(images), 1, 1)
    if stage.shift:
        theta[:, :, 2] = _symmetric(len(images), 2, generator) * 2 * stage.shift
    if stage.rotation or stage.scale:
        angle = _symmetric(len(images), 1, generator)[:, 0] * math.radians(stage.rotation)
        size = 1 + _symmetric(len(images), 1, generator)[:, 0] * stage.scale
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(-1, 2, 2)
        theta[:, :, :2] = turn / size[:, None, None]
    grid = functional.affine_grid(theta.to(images.device), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _shifted(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Moved by whole pixels, from -most to most in each direction; the border's values go on outside."""
    offsets = torch.randint(-most, most + 1, (len(images), 2), generator=generator).to(images.device)
    rows, columns = (
        (torch.arange(side, device=images.device) + offset[:, None]).clamp(0, side - 1)
        for side, offset in zip(images.shape[2:], offsets.unbind(1), strict=True)
    )
    each = torch.arange(len(images), device=images.device)[:, None, None]
    return images[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _salted(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """That share of pixels set to the image's darkest or brightest value, with equal chances, in all channels alike."""
    drawn = torch.rand(len(images), 1, *images.shape[2:], generator=generator).to(images.device)
    darkest, brightest = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    images = torch.where(drawn < share / 2, darkest, images)
    return torch.where((drawn >= share / 2) & (drawn < share), brightest, images)


def _symmetric(count: int, width: int, generator: torch.Generator) -> Tensor:
    """[count,width], uniform in [-1,1)."""
    return torch.rand(count, width, generator=generator) * 2 - 1
