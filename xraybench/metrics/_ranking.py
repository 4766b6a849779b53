"""Orders, ranks and what is computed from them, a batch of rows at a time; ties are never broken by position."""

from __future__ import annotations

import torch
from torch import Tensor

from xraybench.metrics._draws import generator


def places(values: Tensor, seeds: Tensor) -> Tensor:
    """Int64 [B,P]: the place of each value in its row's descending order, 0 the largest.

    Equal values take their places in an order drawn once from the row's seed.
    """
    count = values.shape[1]
    drawn = [torch.randperm(count, generator=generator("ties", seed)) for seed in seeds.tolist()]
    shuffled = torch.stack(drawn).to(values.device)
    order = shuffled.gather(1, values.gather(1, shuffled).argsort(dim=1, descending=True, stable=True))
    return torch.empty_like(order).scatter_(1, order, torch.arange(count, device=order.device).expand_as(order))


def hits_of_top(values: Tensor, regions: Tensor, counts: Tensor) -> Tensor:
    """Float64 [B]: how many of the `counts` [B] largest values of each row [B,P] lie inside its region, bool [B,P].

    Where the last places are contested by equal values, the expected number if they are given out at random.
    """
    wanted = counts.clamp(min=1)[:, None]
    lowest = values.sort(1, descending=True).values.gather(1, wanted - 1)
    above, tied = values > lowest, values == lowest
    places_left = wanted - above.sum(1, keepdim=True)
    expected = places_left * (tied & regions).sum(1, keepdim=True).double() / tied.sum(1, keepdim=True)
    return ((above & regions).sum(1, keepdim=True) + expected)[:, 0]


def _group_ends(ordered: Tensor) -> Tensor:
    """Int64 [B,P]: for each entry of sorted rows, the last index that holds the same value."""
    last = torch.ones_like(ordered, dtype=torch.bool)
    last[:, :-1] = ordered[:, 1:] != ordered[:, :-1]
    index = torch.arange(ordered.shape[1], device=ordered.device).expand_as(ordered)
    return index.masked_fill(~last, ordered.shape[1]).flip(1).cummin(1).values.flip(1)


def average_precision(scores: Tensor, positives: Tensor) -> Tensor:
    """Float64 [B]: sum over thresholds of (recall gained) x precision; equal scores make one threshold.

    scores [B,P], positives bool [B,P]; NaN where a row has no positive. The definition is scikit-learn's
    average_precision_score.
    """
    ordered, order = scores.sort(1, descending=True)
    hits = positives.gather(1, order).double()
    ends = _group_ends(ordered)
    precision = hits.cumsum(1).gather(1, ends) / (ends + 1)
    return (hits * precision).sum(1) / hits.sum(1)


def roc_area(scores: Tensor, positives: Tensor) -> Tensor:
    """Float64 [B]: the chance that a positive outranks a negative, equal scores counting half (Mann and Whitney).

    scores [B,P], positives bool [B,P]; NaN where a row has no positive or no negative.
    """
    count = positives.sum(1).double()
    ranks = (average_ranks(scores) * positives).sum(1)
    return (ranks - count * (count + 1) / 2) / (count * (positives.shape[1] - count))


def average_ranks(values: Tensor) -> Tensor:
    """Float64 [B,P]: ascending ranks from 1, equal values sharing the mean of theirs."""
    ordered, order = values.sort(1)
    last = _group_ends(ordered)
    first = values.shape[1] - 1 - _group_ends(ordered.flip(1)).flip(1)
    shared = (first + last).double() / 2 + 1
    return torch.empty_like(shared).scatter_(1, order, shared)


def spearman(one: Tensor, other: Tensor) -> Tensor:
    """Float64 [B]: correlation of the ranks of two [B,P]; NaN where a row of either is constant."""
    a, b = (ranks - ranks.mean(1, keepdim=True) for ranks in (average_ranks(one), average_ranks(other)))
    return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()
