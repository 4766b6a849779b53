"""Random subsets of each image, and the model's answers to them, computed once for all explainers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from xraybench.metrics._draws import generator
from xraybench.metrics._imputers import IMPUTERS
from xraybench.metrics._logits import original_logits, target_logits
from xraybench.metrics._subsets import Subsets
from xraybench.spec import Evidence


def subsets(evidence: Evidence, design: Subsets, share: float, draws: slice = slice(None)) -> Tensor:
    """Bool [B,draws,H,W]: the replaced pixels of each draw, or of some."""
    height, width = evidence.maps.shape[1:]
    side = _side(evidence, design)
    grid = _patches(evidence, design, share)[:, draws]
    return grid.repeat_interleave(side, 2).repeat_interleave(side, 3)[:, :, :height, :width]


def _side(evidence: Evidence, design: Subsets) -> int:
    return max(1, round(design.patch * min(evidence.maps.shape[1:])))


def _patches(evidence: Evidence, design: Subsets, share: float) -> Tensor:
    """Bool [B,draws,rows,columns]: the chosen patches, the last ones standing over the edge; drawn once."""
    key = ("patches", design.draws, design.patch, share)
    return evidence.once(key, lambda: torch.stack([_drawn(evidence, design, share, int(s)) for s in evidence.seeds]))


def _drawn(evidence: Evidence, design: Subsets, share: float, seed: int) -> Tensor:
    side = _side(evidence, design)
    rows, columns = (-(-length // side) for length in evidence.maps.shape[1:])
    count = min(max(1, round(share * rows * columns)), rows * columns - 1)
    draw = generator("subsets", seed, design.draws, design.patch, share)
    order = torch.rand(design.draws, rows * columns, generator=draw).argsort(1)
    chosen = torch.zeros(design.draws, rows * columns, dtype=torch.bool).scatter_(1, order[:, :count], True)
    return chosen.view(design.draws, rows, columns).to(evidence.maps.device)


def drops(evidence: Evidence, design: Subsets, share: float) -> Tensor:
    """Float64 [B,draws]: f(x) - f(x with the subset replaced)."""

    def compute() -> Tensor:
        fill, removed = IMPUTERS[design.imputer](evidence), subsets(evidence, design, share).flatten(0, 1)
        rows = torch.arange(len(evidence.maps), device=removed.device).repeat_interleave(design.draws)
        logits = target_logits(evidence, rows, lambda some: fill(rows[some], ~removed[some, None]))
        return logits.view(len(evidence.maps), design.draws)

    return original_logits(evidence)[:, None] - evidence.of_model(design.probe(share), compute)


def sums(evidence: Evidence, design: Subsets, share: float) -> Tensor:
    """Float64 [B,draws]: the map's sum over each subset."""
    side = _side(evidence, design)
    over = [(-length) % side for length in evidence.maps.shape[1:]]
    whole = functional.pad(evidence.maps.double(), (0, over[1], 0, over[0]))
    patches = functional.avg_pool2d(whole[:, None], side)[:, 0] * side**2
    return torch.einsum("bij,bdij->bd", patches, _patches(evidence, design, share).double())


def correlation(one: Tensor, other: Tensor) -> Tensor:
    """Float64 [B]: Pearson's, of the rows of two [B,D]; 0 where the first is constant, NaN where the second is."""
    a, b = (values - values.mean(1, keepdim=True) for values in (one, other))
    flat, still = (_constant(values) for values in (one, other))
    scale = (a.square().sum(1) * b.square().sum(1)).sqrt()
    found = ((a * b).sum(1) / scale.masked_fill(scale == 0, 1.0)).clamp(-1, 1)
    return found.masked_fill(flat, 0.0).masked_fill(still, float("nan"))


def _constant(values: Tensor) -> Tensor:
    """Bool [B]: rows whose spread is rounding only."""
    spread = values.amax(1) - values.amin(1)
    return spread <= 1e-12 * values.abs().amax(1)
