"""Random subsets of each image, and the model's answers to them, computed once for all explainers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from xraybench.metrics._draws import generator
from xraybench.metrics._imputers import IMPUTERS, POINTWISE
from xraybench.metrics._logits import MakeImages, original_logits, target_logits
from xraybench.metrics._orders import ascending
from xraybench.metrics._subsets import Subsets
from xraybench.spec import Evidence, Shared


def subsets(evidence: Evidence, design: Subsets, share: float) -> Tensor:
    """Bool [B,draws,H,W]: the replaced pixels of each draw."""
    pixels = _spread(evidence, design, _patches(evidence, design, share).flatten(0, 1))
    return pixels.view(-1, design.draws, *pixels.shape[1:])


def _spread(evidence: Evidence, design: Subsets, patches: Tensor) -> Tensor:
    """Bool [N,H,W]: the pixels of chosen patches [N,rows,columns]."""
    height, width = evidence.maps.shape[1:]
    side = _side(evidence, design)
    return patches.repeat_interleave(side, 1).repeat_interleave(side, 2)[:, :height, :width]


def _side(evidence: Evidence, design: Subsets) -> int:
    return max(1, round(design.patch * min(evidence.maps.shape[1:])))


def _patches(evidence: Evidence, design: Subsets, share: float) -> Tensor:
    """Bool [B,draws,rows,columns]: the chosen patches, the last ones standing over the edge; drawn once for all."""
    key = Shared(f"subsets of {share:g} in patches of {design.patch:g}, {design.draws} draws")
    return evidence.of_model(
        key, lambda: torch.stack([_drawn(evidence, design, share, int(seed)) for seed in evidence.seeds])
    )


def _drawn(evidence: Evidence, design: Subsets, share: float, seed: int) -> Tensor:
    side = _side(evidence, design)
    rows, columns = (-(-length // side) for length in evidence.maps.shape[1:])
    count = min(max(1, round(share * rows * columns)), rows * columns - 1)
    draw = generator("subsets", seed, design.draws, design.patch, share)
    order = ascending(torch.rand(design.draws, rows * columns, generator=draw))
    chosen = torch.zeros(design.draws, rows * columns, dtype=torch.bool).scatter_(1, order[:, :count], True)
    return chosen.view(design.draws, rows, columns).to(evidence.maps.device)


def drops(evidence: Evidence, design: Subsets, share: float) -> Tensor:
    """Float64 [B,draws]: f(x) - f(x with the subset replaced)."""

    def compute() -> Tensor:
        filled = _filled(evidence, design, share)
        logits = target_logits(evidence, _rows(evidence, design), filled)
        return logits.view(len(evidence.maps), design.draws)

    return original_logits(evidence)[:, None] - evidence.of_model(design.probe(share), compute)


def _rows(evidence: Evidence, design: Subsets) -> Tensor:
    """Int64 [B draws]: the image of each draw."""
    return torch.arange(len(evidence.maps), device=evidence.maps.device).repeat_interleave(design.draws)


def _filled(evidence: Evidence, design: Subsets, share: float) -> MakeImages:
    """(some of B draws) -> the images [N,C,H,W] with those subsets replaced."""
    fill, rows = IMPUTERS[design.imputer](evidence), _rows(evidence, design)
    patches = _patches(evidence, design, share).flatten(0, 1)
    return lambda some: fill(rows[some], ~_spread(evidence, design, patches[some])[:, None])


def predicted(evidence: Evidence, design: Subsets, share: float) -> Tensor:
    """Float64 [B,draws]: sum over pixels of the map times what the subset's replacement takes from the image."""
    if design.imputer in POINTWISE:
        blank = torch.zeros_like(evidence.maps[:, None], dtype=torch.bool)
        rows = torch.arange(len(blank), device=blank.device)
        taken = (evidence.images - IMPUTERS[design.imputer](evidence)(rows, blank)).double().sum(1)
        return sums(evidence, design, share, taken * evidence.maps.double())
    filled, rows = _filled(evidence, design, share), _rows(evidence, design)
    parts = []
    for start in range(0, len(rows), evidence.batch_size):
        some = slice(start, start + evidence.batch_size)
        taken = (evidence.images[rows[some]] - filled(some)).double().sum(1)
        parts.append((taken * evidence.maps[rows[some]].double()).flatten(1).sum(1))
    return torch.cat(parts).view(-1, design.draws)


def sums(evidence: Evidence, design: Subsets, share: float, values: Tensor | None = None) -> Tensor:
    """Float64 [B,draws]: the sum over each subset of the map, or of other values [B,H,W]."""
    side = _side(evidence, design)
    over = [(-length) % side for length in evidence.maps.shape[1:]]
    whole = functional.pad((evidence.maps if values is None else values).double(), (0, over[1], 0, over[0]))
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
