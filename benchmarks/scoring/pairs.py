"""Two works timed in turn, so that whatever else the machine does falls on both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from scipy.stats import binom

Work = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """The median over pairs of work / rival, with a 95 % interval; seconds are medians of each."""

    ratio: float
    low: float
    high: float
    seconds: float
    rival_seconds: float
    pairs: int


def interleaved(work: Work, rival: Work, pairs: int, inverse: bool = False) -> Ratio:
    """Both once untimed, then by turns; `inverse` gives rival / work: how many times as fast the work is."""
    work(), rival()
    taken = [_pair(work, rival, first=number % 2 == 0) for number in range(pairs)]
    ratios = [two / one if inverse else one / two for one, two in taken]
    own, other = (statistics.median(column) for column in zip(*taken, strict=True))
    return Ratio(statistics.median(ratios), *interval(ratios), own, other, pairs)


def _pair(work: Work, rival: Work, first: bool) -> tuple[float, float]:
    """Seconds of both; every other pair begins with the rival."""
    if first:
        return seconds_of(work), seconds_of(rival)
    other = seconds_of(rival)
    return seconds_of(work), other


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Of the median: the order statistics that hold it in at least 95 of 100 samples (under six values: all)."""
    place = max(int(binom.ppf(0.025, len(values), 0.5)), 1)
    ordered = sorted(values)
    return ordered[place - 1], ordered[-place]


def seconds_of(work: Work) -> float:
    """Of one call, a GPU's queue emptied before and after."""
    _finish()
    start = time.perf_counter()
    work()
    _finish()
    return time.perf_counter() - start


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
