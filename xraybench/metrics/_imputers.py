"""What the pixels that are taken away become: a function of the image and the mask alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

from xraybench.metrics._draws import generator
from xraybench.metrics._noisy_linear import linear_imputation
from xraybench.metrics._parts import in_parts
from xraybench.spec import Evidence

Fill = Callable[[Tensor, Tensor], Tensor]
"""(rows int64 [N], keep [N,1,H,W]) -> the evidence's images `rows` with all pixels but `keep` replaced.

keep: bool, or 0 and 1 of the images' type."""

BLUR = 0.1  # standard deviation as a share of the shorter side
NOISE = 0.01  # standard deviation as a share of the image's range of values


def _blur(evidence: Evidence) -> Fill:
    blurred = evidence.once("blurred images", lambda: in_parts(blur, evidence.images))
    return lambda rows, keep: _chosen(keep, evidence.images.index_select(0, rows), blurred.index_select(0, rows))


def _mean(evidence: Evidence) -> Fill:
    return lambda rows, keep: _chosen(keep, evidence.images.index_select(0, rows), evidence.baseline)


def _noisy_linear(evidence: Evidence) -> Fill:
    noise = evidence.once("noise of the linear imputation", lambda: _noise(evidence))

    def fill(rows: Tensor, keep: Tensor) -> Tensor:
        images = evidence.images[rows]
        return _chosen(keep, images, linear_imputation(images, keep.bool()) + noise[rows])

    return fill


def _chosen(keep: Tensor, images: Tensor, filled: Tensor) -> Tensor:
    """`torch.where`, by arithmetic that is exact for weights of 0 and 1 (finite values): without a branch a pixel, it
    takes a quarter of the time where the pixels that are kept lie scattered."""
    return torch.lerp(filled, images, keep.to(images.dtype))


def _noise(evidence: Evidence) -> Tensor:
    """[B,C,H,W]: Gaussian, NOISE of each image's own range of values, drawn from the image's seed."""
    shape = evidence.images.shape[1:]
    seeds = evidence.seeds.tolist()
    drawn = torch.stack([torch.randn(shape, generator=generator("noisy-linear", seed)) for seed in seeds])
    values = evidence.images.flatten(1)
    spread = NOISE * (values.amax(1) - values.amin(1))
    return drawn.to(evidence.images) * spread[:, None, None, None]


POINTWISE = ("blur", "mean")  # what a pixel becomes does not depend on which others are replaced
IMPUTERS: Mapping[str, Callable[[Evidence], Fill]] = {"blur": _blur, "mean": _mean, "noisy-linear": _noisy_linear}


def blur(images: Tensor) -> Tensor:
    """Images [B,C,H,W] under a Gaussian, cut at three standard deviations, the border mirrored."""
    sigma = BLUR * min(images.shape[2:])
    radius = ceil(3 * sigma)
    offsets = torch.arange(-radius, radius + 1, device=images.device, dtype=torch.float64)
    weights = torch.exp(-offsets.square() / (2 * sigma**2))
    kernel = (weights / weights.sum()).to(images.dtype)
    channels = images.reshape(-1, 1, *images.shape[2:])
    padded = functional.pad(channels, (radius,) * 4, mode="reflect")
    rows = functional.conv2d(padded, kernel.view(1, 1, -1, 1))
    return functional.conv2d(rows, kernel.view(1, 1, 1, -1)).reshape(images.shape)
