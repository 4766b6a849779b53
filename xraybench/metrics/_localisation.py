"""The rules that all localisation metrics share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from xraybench.errors import NotApplicableError
from xraybench.metrics._parts import in_parts
from xraybench.spec import Annotated, Evidence

Score = Callable[[Tensor, Tensor], Tensor]


def region_of(evidence: Evidence | Annotated, name: str) -> Tensor:
    """Bool [B,H,W]; NotApplicableError where the source has no such region."""
    if name not in evidence.regions:
        known = ", ".join(sorted(evidence.regions)) or "none"
        raise NotApplicableError(f"no region called {name!r}; regions of this source: {known}")
    return evidence.regions[name]


def undefined(maps: Tensor) -> Tensor:
    """Bool [B]: maps [B,...] with a value that is not a finite number: NaN is the largest and the smallest of any."""
    flat = maps.flatten(1)
    return ~(flat.amax(1).isfinite() & flat.amin(1).isfinite())


def blank(maps: Tensor) -> Tensor:
    """Bool [B]: maps [B,...] whose values are all equal, which say nothing about where."""
    flat = maps.flatten(1)
    return flat.amax(1) == flat.amin(1)


def localise(maps: Tensor, regions: Tensor, score: Score) -> Tensor:
    """Float64 [B]: `score(maps [B,P], regions [B,P] bool)` under the two rules of localisation.

    NaN where nothing can be told: the region is empty or the whole image, or the map is not finite. 0 where the map is
    blank: a method that points nowhere has missed.
    """
    return in_parts(lambda some, inside: _localised(some.flatten(1), inside.flatten(1), score), maps, regions)


def _localised(maps: Tensor, regions: Tensor, score: Score) -> Tensor:
    nothing_to_find = blank(regions.view(torch.uint8))  # empty, or everywhere
    scores = score(maps, regions).masked_fill(blank(maps), 0.0)
    return scores.masked_fill(nothing_to_find | undefined(maps), float("nan"))


def positive_share(maps: Tensor, regions: Tensor) -> Tensor:
    """Float64 [B]: the share of the positive part of maps [B,P] that lies inside regions [B,P]; 0 of nothing is 0."""
    positive = maps.double().clamp(min=0)
    total = positive.sum(1)
    return (positive * regions).sum(1) / total.masked_fill(total == 0, 1.0)
