"""Orders, ranks and what is computed from them, a batch of rows at a time; ties are never broken by position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.linalg import vecdot

from xraybench.metrics._draws import generator

ENTRIES = 2**16  # that are worked on at once, in whole rows: they stay in the processor's cache

Values = NDArray[np.floating]


def places(values: Tensor, seeds: Tensor) -> Tensor:
    """Int64 [B,P]: the place of each value in its row's descending order, 0 the largest.

    Equal values take their places in an order drawn once from the row's seed.
    """
    order = ascending(-values)
    falling = values.gather(1, order)
    tied = (falling[:, 1:] == falling[:, :-1]).any(1)
    if tied.any():
        order[tied] = _drawn_order(values[tied], seeds[tied.to(seeds.device)])
    return torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )


def _drawn_order(values: Tensor, seeds: Tensor) -> Tensor:
    """Int64 [B,P]: descending, equal values in an order drawn from the row's seed."""
    drawn = [torch.randperm(values.shape[1], generator=generator("ties", seed)) for seed in seeds.tolist()]
    shuffled = torch.stack(drawn).to(values.device)
    return shuffled.gather(1, values.gather(1, shuffled).argsort(dim=1, descending=True, stable=True))


def ascending(values: Tensor) -> Tensor:
    """Int64 [B,P]: the order of each row, equal values in any order; numpy sorts several times as fast on a CPU."""
    if values.device.type != "cpu":
        return values.argsort(dim=1)
    if values.dtype == torch.float32 and len(values) and not bool(values.amax().isnan()):
        return torch.cat([_order_of_floats(piece.detach().numpy()) for piece in _pieces(values)])
    return torch.from_numpy(np.argsort(values.detach().numpy(), axis=1))


def _pieces(values: Tensor) -> tuple[Tensor, ...]:
    """A few rows at a time."""
    return torch.split(values, max(1, ENTRIES // values.shape[1]))


def _order_of_floats(rows: Values) -> Tensor:
    """By the lower halves of the bits, then by the upper ones: numpy's stable sort of 16 bits is a radix sort.

    The bits of a float32 are a whole number of the same order once a negative float's are turned round, and the sign
    of the others.
    """
    bits = (rows + np.float32(0)).view(np.int32)  # -0 becomes 0
    keys = bits ^ ((bits >> 31) | np.int32(-(2**31)))
    lower = torch.from_numpy(keys.astype(np.uint16).argsort(axis=1, kind="stable"))
    upper = torch.from_numpy((keys >> 16).astype(np.int16)).gather(1, lower).numpy().view(np.uint16)
    return lower.gather(1, torch.from_numpy(upper.argsort(axis=1, kind="stable")))


def ordered(values: Tensor) -> Tensor:
    """[B,P]: the values of each row, ascending."""
    return values.gather(1, ascending(values))


def _largest(values: Tensor, counts: Tensor) -> Tensor:
    """[B,1]: the counts-th largest of each row [B,P]."""
    places = values.shape[1] - counts
    if values.device.type != "cpu":
        return values.sort(1).values.gather(1, places)
    rows = zip(values.detach().numpy(), places.flatten().tolist(), strict=True)
    return values.new_tensor([[np.partition(row, place)[place]] for row, place in rows])


def hits_of_top(values: Tensor, regions: Tensor, counts: Tensor) -> Tensor:
    """Float64 [B]: how many of the `counts` [B] largest values of each row [B,P] lie inside its region, bool [B,P].

    Where the last places are contested by equal values, the expected number if they are given out at random.
    """
    wanted = counts.clamp(min=1)[:, None]
    lowest = _largest(values, wanted)
    above, tied = values > lowest, values == lowest
    places_left = wanted - above.sum(1, keepdim=True)
    expected = places_left * (tied & regions).sum(1, keepdim=True).double() / tied.sum(1, keepdim=True)
    return ((above & regions).sum(1, keepdim=True) + expected)[:, 0]


@dataclass(frozen=True)
class _Ties:
    """Groups of equal neighbours in sorted rows: where each begins, the other members, and how many of these it has.

    Places in the rows one after the other, int64 [G] and [T]; int64 [G].
    """

    starts: Tensor
    others: Tensor
    counts: Tensor

    @staticmethod
    def of(rows: Tensor) -> _Ties:
        """Of rows [B,P]."""
        flat = rows.flatten()
        others = (flat[1:] == flat[:-1]).nonzero()[:, 0] + 1  # as large as the one before
        others = others[others % rows.shape[1] > 0]  # in the same row
        begins = (others.diff(prepend=others[:1] - 2) > 1).nonzero()[:, 0]
        counts = begins.diff(append=begins.new_tensor([len(others)]))
        return _Ties(others[begins] - 1, others, counts)

    def members(self, values: Tensor) -> Tensor:
        """A value of each group [G], for each member [G+T]: all that begin one, then the others."""
        return torch.cat([values, values.repeat_interleave(self.counts, output_size=len(self.others))])


def _in_groups(rows: Tensor, value: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """[B,P]: `value(starts, counts)` of each group of equal neighbours, for all entries of it; places count from 0."""
    width, ties = rows.shape[1], _Ties.of(rows)
    places = torch.arange(width, device=rows.device)
    found = value(places, places.new_ones(())).expand(len(rows), -1)
    if len(ties.others):
        found = found.flatten()  # no longer one row for all
        found[torch.cat([ties.starts, ties.others])] = ties.members(value(ties.starts % width, ties.counts + 1))
    return found.view(rows.shape)


def _rank_sums(rising: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Float64 [B] and [B]: the sum of ranks of sorted rows, each times its weight (float64 [B,P]), and of their squared
    distances from their mean, P(P^2-1)/12 less t(t^2-1)/12 for every t that are equal.
    """
    width, ties = rising.shape[1], _Ties.of(rising)
    sums = weights @ torch.arange(1, width + 1, dtype=torch.float64, device=rising.device)
    squares = sums.new_full(sums.shape, width * (width**2 - 1))
    if len(ties.others):
        inside, alike = torch.cat([ties.starts, ties.others]), ties.counts + 1
        moved = (
            ties.members(ties.starts + ties.counts.double() / 2) - inside
        )  # from the place to the mean of all places
        sums.index_add_(0, inside // width, weights.flatten()[inside] * moved)
        squares.index_add_(0, ties.starts // width, -(alike * (alike**2 - 1)).double())
    return sums, squares / 12


def average_precision(scores: Tensor, positives: Tensor) -> Tensor:
    """Float64 [B]: sum over thresholds of (recall gained) x precision; equal scores make one threshold.

    scores [B,P], positives bool [B,P]; NaN where a row has no positive. The definition is scikit-learn's
    average_precision_score.
    """
    order = ascending(-scores)
    hits = positives.gather(1, order).double()
    ends = _in_groups(scores.gather(1, order), lambda starts, counts: starts + counts - 1)
    precision = hits.cumsum(1).gather(1, ends) / (ends + 1)
    return (hits * precision).sum(1) / hits.sum(1)


def roc_area(scores: Tensor, positives: Tensor) -> Tensor:
    """Float64 [B]: the chance that a positive outranks a negative, equal scores counting half (Mann and Whitney).

    scores [B,P], positives bool [B,P]; NaN where a row has no positive or no negative.
    """
    order = ascending(scores)
    hits = positives.gather(1, order).double()
    inside = hits.sum(1)
    above = _rank_sums(scores.gather(1, order), hits)[0] - inside * (inside + 1) / 2
    return above / (inside * (positives.shape[1] - inside))


def average_ranks(values: Tensor) -> Tensor:
    """Float64 [B,P]: ascending ranks from 1, equal values sharing the mean of theirs."""
    order = ascending(values)
    shared = _in_groups(values.gather(1, order), lambda starts, counts: starts + (counts.double() + 1) / 2)
    return torch.empty_like(shared).scatter_(1, order, shared)


def spearman(one: Tensor, other: Tensor) -> Tensor:
    """Float64 [B]: correlation of the ranks of two [B,P]; NaN where a row of either is constant."""
    return spearman_of_ranked(average_ranks(one), other)


def spearman_of_ranked(ranks: Tensor, values: Tensor) -> Tensor:
    """The same where the ranks of one are known."""
    parts = []
    for known, piece in zip(_pieces(ranks), _pieces(values), strict=True):
        order, centred = ascending(piece), known - (known.shape[1] + 1) / 2
        products, squares = _rank_sums(piece.gather(1, order), centred.gather(1, order))
        length = (squares * vecdot(centred, centred)).sqrt()
        parts.append((products / length).masked_fill(length == 0, float("nan")))
    return torch.cat(parts)


def pearson(one: Tensor, other: Tensor) -> Tensor:
    """Float64 [B]: correlation of two [B,P]; NaN where a row of either is constant."""
    a, b = (values - values.mean(1, keepdim=True) for values in (one, other))
    correlation: Tensor = vecdot(a, b) / (vecdot(a, a) * vecdot(b, b)).sqrt()
    return correlation
