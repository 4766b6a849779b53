"""Ranks and what is computed from them, a batch of rows at a time; ties are never broken by position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.linalg import vecdot

from xraybench.metrics._orders import largest, rising


def hits_of_top(values: Tensor, regions: Tensor, counts: Tensor) -> Tensor:
    """Float64 [B]: how many of the `counts` [B] largest values of each row [B,P] lie inside its region, bool [B,P].

    Where the last places are contested by equal values, the expected number if they are given out at random.
    """
    wanted = counts.clamp(min=1)[:, None]
    lowest = largest(values, wanted)
    above, tied = values > lowest, values == lowest
    places_left = wanted - above.sum(1, keepdim=True)
    expected = places_left * (tied & regions).sum(1, keepdim=True).double() / tied.sum(1, keepdim=True)
    return ((above & regions).sum(1, keepdim=True) + expected)[:, 0]


@dataclass(frozen=True)
class _Groups:
    """Groups of equal neighbours in sorted rows of a shape: where each begins, the other members, how many these are.

    Places in the rows one after the other, int64 [G] and [T]; int64 [G]. What stands alone is in none.
    """

    shape: torch.Size
    starts: Tensor
    others: Tensor
    counts: Tensor

    @staticmethod
    def of(rows: Tensor) -> _Groups:
        """Of rows [B,P]."""
        flat = rows.flatten()
        others = _where(flat[1:] == flat[:-1]) + 1  # as large as the one before
        others = others[others % rows.shape[1] > 0]  # in the same row
        begins = (others.diff(prepend=others[:1] - 2) > 1).nonzero()[:, 0]
        counts = begins.diff(append=begins.new_tensor([len(others)]))
        return _Groups(rows.shape, others[begins] - 1, others, counts)

    @property
    def inside(self) -> Tensor:
        """Int64 [G+T]: all that begin one, then the others."""
        return torch.cat([self.starts, self.others])

    def each(self, values: Tensor) -> Tensor:
        """[G+T]: a value of each group [G], for all that are inside."""
        return torch.cat([values, values.repeat_interleave(self.counts, output_size=len(self.others))])

    def filled(self, value: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """[B,P]: `value(starts, sizes)` for all entries of each group, and for what stands alone; places from 0."""
        width = self.shape[1]
        places = torch.arange(width, device=self.starts.device)
        found = value(places, places.new_ones(())).expand(self.shape)
        if len(self.others):
            found = found.flatten()  # no longer one row for all
            found[self.inside] = self.each(value(self.starts % width, self.counts + 1))
        return found.view(self.shape)

    def rank_sums(self, weights: Tensor) -> Tensor:
        """Float64 [B]: the sum of ranks, each times its weight (int32 [B,P]); equal values share the mean of theirs."""
        width = self.shape[1]
        sums = weights.double() @ torch.arange(1, width + 1, dtype=torch.float64, device=weights.device)
        if len(self.others):
            rows, columns = self.inside // width, self.inside % width
            middles = self.each(self.starts % width + self.counts.double() / 2)
            sums.index_add_(0, rows, weights[rows, columns] * (middles - columns))
        return sums

    def squares(self) -> Tensor:
        """Float64 [B]: of the ranks' distances from their mean: P(P^2-1)/12, less t(t^2-1)/12 for every t alike."""
        width, alike = self.shape[1], self.counts + 1
        most = torch.full(self.shape[:1], width * (width**2 - 1), dtype=torch.float64, device=self.starts.device)
        return most.index_add_(0, self.starts // width, -(alike * (alike**2 - 1)).double()) / 12


def _where(found: Tensor) -> Tensor:
    """Int64 [N]: the places of what is true in bool [P]; numpy finds a few among many several times as fast."""
    return torch.from_numpy(np.flatnonzero(found.numpy())) if found.device.type == "cpu" else found.nonzero()[:, 0]


def average_precision(scores: Tensor, positives: Tensor) -> Tensor:
    """Float64 [B]: sum over thresholds of (recall gained) x precision; equal scores make one threshold.

    scores [B,P], positives bool [B,P]; NaN where a row has no positive. The definition is scikit-learn's
    average_precision_score.
    """
    falling, inside = rising(-scores, positives.int())
    ends, hits = _Groups.of(falling).filled(lambda starts, sizes: starts + sizes - 1), inside.double()
    precision = hits.cumsum(1).gather(1, ends) / (ends + 1)
    return (hits * precision).sum(1) / hits.sum(1)


def roc_area(scores: Tensor, positives: Tensor) -> Tensor:
    """Float64 [B]: the chance that a positive outranks a negative, equal scores counting half (Mann and Whitney).

    scores [B,P], positives bool [B,P]; NaN where a row has no positive or no negative.
    """
    inside, (ranked, hits) = positives.sum(1).double(), rising(scores, positives.int())
    above = _Groups.of(ranked).rank_sums(hits) - inside * (inside + 1) / 2
    return above / (inside * (positives.shape[1] - inside))


@dataclass(frozen=True)
class Ranks:
    """Ranks of rows [B,P], equal values sharing the mean of theirs.

    doubled: twice their distances from their mean, (P + 1) / 2, which are whole numbers: int32 [B,P]; squares: of the
    distances, their sum: float64 [B], 0 where all values are equal.
    """

    doubled: Tensor
    squares: Tensor

    @staticmethod
    def of(values: Tensor) -> Ranks:
        """Of values [B,P]."""
        width = values.shape[1]
        places = torch.arange(width, dtype=torch.int32, device=values.device).expand(values.shape)
        ranked, order = rising(values, places)
        groups = _Groups.of(ranked)
        doubled = groups.filled(lambda starts, sizes: (2 * starts + sizes - width).int())
        return Ranks(torch.empty_like(doubled).scatter_(1, order.long(), doubled), groups.squares())


def spearman(ranks: Ranks, values: Tensor) -> Tensor:
    """Float64 [B]: correlation of ranks with those of values [B,P]; NaN where a row of either is constant."""
    ranked, doubled = rising(values, ranks.doubled)
    groups = _Groups.of(ranked)
    length = 2 * (groups.squares() * ranks.squares).sqrt()
    return (groups.rank_sums(doubled) / length).masked_fill(length == 0, float("nan"))


def pearson(one: Tensor, other: Tensor) -> Tensor:
    """Float64 [B]: correlation of two [B,P]; NaN where a row of either is constant."""
    a, b = (values - values.mean(1, keepdim=True) for values in (one, other))
    correlation: Tensor = vecdot(a, b) / (vecdot(a, a) * vecdot(b, b)).sqrt()
    return correlation
