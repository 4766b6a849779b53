"""Noisy linear imputation (Rong et al., ROAD, ICML 2022, section 5): a batch of sparse systems, solved together.

Every replaced pixel is the weighted mean of its neighbours inside the image, kept or replaced: weight 1/6 for the four
beside it, 1/12 for the four at its corners. With m the replaced pixels, K the neighbours' weights and d their sum,
    m (d x - K x) = 0,   x = image elsewhere:
symmetric and positive definite on m as soon as one pixel is kept, so conjugate gradients solve it. Their preconditioner
is a V-cycle of multigrid (Briggs, Henson & McCormick, A Multigrid Tutorial, 2000, chapter 3): the wider a hole, the
slower its middle hears of its rim, and on a coarser grid the rim is near. Scattered holes need the finest grid alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

TOLERANCE = 1e-5  # of the residual, relative to the right-hand side
LEAST = 0.6  # of the share of an image that is replaced, what must be so on the coarser grid, for it to be of use
SMALLEST = 4  # side of the coarsest grid
AT_ONCE = 4 * 224**2  # pixels that are solved together on a CPU: they stay in its cache


@dataclass(frozen=True)
class Grid:
    """The system on one grid: what is replaced there, 0 or 1 [N,1,H,W], and the sum of weights beside it [1,1,H,W]."""

    replaced: Tensor
    degree: Tensor

    @classmethod
    def of(cls, replaced: Tensor) -> Grid:
        """Pixels outside the grid are no neighbours."""
        return cls(replaced, _neighbours(torch.ones_like(replaced[:1])))

    def operator(self, x: Tensor) -> Tensor:
        """m (d x - K x)."""
        return self.replaced * (self.degree * x - _neighbours(x))

    def jacobi(self, residual: Tensor) -> Tensor:
        """m residual / d: a step that takes two thirds and more of what changes from pixel to pixel."""
        return self.replaced * residual / self.degree


def linear_imputation(images: Tensor, keep: Tensor) -> Tensor:
    """Images [N,C,H,W] with all pixels but `keep` (bool [N,1,H,W]) interpolated; where none is kept, the mean."""
    known = keep.expand_as(images).flatten(0, 1)[:, None]
    values = images.flatten(0, 1)[:, None]
    size = max(1, AT_ONCE // values[0].numel()) if values.device.type == "cpu" else len(values)
    parts = zip(values.split(size), known.split(size), strict=True)
    return torch.cat([_solved(*part) for part in parts]).view_as(images)


def _solved(values: Tensor, known: Tensor) -> Tensor:
    """[N,1,H,W]: the known values, and the others interpolated."""
    solvable = known.flatten(1).any(1)[:, None, None, None]
    grids = _grids((~known & solvable).to(values.dtype))
    start = torch.where(known, values, _mean(values, known | ~solvable))
    return start + _conjugate_gradients(grids, -grids[0].operator(start))


def _grids(replaced: Tensor) -> list[Grid]:
    """From the finest to the coarsest on which an image has something to solve; none depends on batch mates."""
    grids = [Grid.of(replaced)]
    while min(replaced.shape[2:]) >= 2 * SMALLEST:
        share = replaced.mean((2, 3), keepdim=True)
        replaced = -functional.max_pool2d(-_even(replaced, "replicate"), 2)  # where all four are
        replaced = replaced * (replaced.mean((2, 3), keepdim=True) > LEAST * share)
        if not replaced.any():
            break
        grids.append(Grid.of(replaced))
    return grids


def _cycle(grids: Sequence[Grid], residual: Tensor) -> Tensor:
    """A V-cycle: a step on this grid, what the coarser ones correct, a step again; symmetric, so that CG may use it."""
    here, coarser = grids[0], grids[1:]
    x = here.jacobi(residual)
    if coarser:
        left = residual - here.operator(x)
        correction = _finer(_cycle(coarser, coarser[0].replaced * _coarser(left)))
        x = x + here.replaced * correction[..., : x.shape[2], : x.shape[3]]
    return x + here.jacobi(residual - here.operator(x))


def _coarser(x: Tensor) -> Tensor:
    """The transpose of `_finer`."""
    return 4 * functional.avg_pool2d(_smooth(_even(x)), 2)


def _finer(x: Tensor) -> Tensor:
    """Every value for four pixels, smoothed; beyond the border lies 0."""
    return _smooth(functional.interpolate(x, scale_factor=2, mode="nearest"))


def _even(x: Tensor, mode: str = "constant") -> Tensor:
    """With a row and a column more where their number is odd: of zeros, or as those beside them."""
    return functional.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2), mode)


def _smooth(x: Tensor) -> Tensor:
    return 0.75 * _neighbours(x) + 0.25 * x


def _neighbours(x: Tensor) -> Tensor:
    """K x: (1, 2, 1) down times (1, 2, 1) across, over 12, less the pixel itself: faster than a convolution."""
    padded = functional.pad(x, (1, 1, 1, 1))
    down = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    return (down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]) / 12 - x / 3


def _mean(values: Tensor, used: Tensor) -> Tensor:
    return (values * used).sum((2, 3), keepdim=True) / used.sum((2, 3), keepdim=True)


def _conjugate_gradients(grids: Sequence[Grid], right: Tensor) -> Tensor:
    """Solve each image's system on the finest grid, preconditioned; a solved one rests while the others go on."""
    solution, residual = torch.zeros_like(right), right
    direction = _cycle(grids, residual)
    energy, goal = _dot(residual, direction), TOLERANCE * _dot(right, right).sqrt()
    for _ in range(right[0].numel()):
        active = _dot(residual, residual).sqrt() > goal
        if not active.any():
            break
        image = grids[0].operator(direction)
        step = torch.where(active, energy / _dot(direction, image), 0.0)
        solution, residual = solution + step * direction, residual - step * image
        preconditioned = _cycle(grids, residual)
        before, energy = energy, torch.where(active, _dot(residual, preconditioned), energy)
        direction = torch.where(active, preconditioned + energy / before * direction, direction)
    return solution


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum((1, 2, 3), keepdim=True)
