"""Noisy linear imputation (Rong et al., ROAD, ICML 2022, section 5): a batch of sparse systems, solved together.

Every replaced pixel is the weighted mean of its neighbours inside the image, kept or replaced: weight 1/6 for the four
beside it, 1/12 for the four at its corners. With m the replaced pixels, K the neighbours' weights and d their sum,
    m (d x - K x) = 0,   x = image elsewhere:
symmetric and positive definite on m as soon as one pixel is kept, so conjugate gradients solve it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

TOLERANCE = 1e-5  # of the residual, relative to the right-hand side


def linear_imputation(images: Tensor, keep: Tensor) -> Tensor:
    """Images [N,C,H,W] with all pixels but `keep` (bool [N,1,H,W]) interpolated; where none is kept, the mean."""
    known = keep.expand_as(images).flatten(0, 1)[:, None]
    values = images.flatten(0, 1)[:, None]
    solvable = known.flatten(1).any(1)[:, None, None, None]
    replaced = (~known & solvable).to(images.dtype)
    degree = _neighbours(torch.ones_like(values[:1]))

    def operator(x: Tensor) -> Tensor:
        return replaced * (degree * x - _neighbours(x))

    start = torch.where(known, values, _mean(values, known | ~solvable))
    correction = _conjugate_gradients(operator, -operator(start), replaced * degree)
    return (start + correction).view_as(images)


def _neighbours(x: Tensor) -> Tensor:
    """K x: (1, 2, 1) down times (1, 2, 1) across, over 12, less the pixel itself: faster than a convolution."""
    padded = functional.pad(x, (1, 1, 1, 1))
    down = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    return (down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]) / 12 - x / 3


def _mean(values: Tensor, used: Tensor) -> Tensor:
    return (values * used).sum((2, 3), keepdim=True) / used.sum((2, 3), keepdim=True)


def _conjugate_gradients(operator: Callable[[Tensor], Tensor], right: Tensor, diagonal: Tensor) -> Tensor:
    """Solve each image's system, with the diagonal as preconditioner; a solved one rests while the others go on."""
    scale = diagonal.reciprocal().masked_fill(diagonal == 0, 0.0)
    solution, residual = torch.zeros_like(right), right
    direction = scale * residual
    energy, goal = _dot(residual, direction), TOLERANCE * _dot(right, right).sqrt()
    for _ in range(right[0].numel()):
        active = _dot(residual, residual).sqrt() > goal
        if not active.any():
            break
        image = operator(direction)
        step = torch.where(active, energy / _dot(direction, image), 0.0)
        solution, residual = solution + step * direction, residual - step * image
        preconditioned = scale * residual
        before, energy = energy, torch.where(active, _dot(residual, preconditioned), energy)
        direction = torch.where(active, preconditioned + energy / before * direction, direction)
    return solution


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum((1, 2, 3), keepdim=True)
