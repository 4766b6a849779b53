"""What a board may claim from its scores: intervals, ranks, paired tests and tie groups, all from the same images.

Scores of M rows under S model seeds on N images are one array [M, S, N]: column n is the same image in every row, so
all comparisons are paired. Patients, not images, are resampled: the images of one patient are not independent. NaN is
a score that is undefined; it is counted and never ranked.

Sources: Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 13 (percentile interval); Nichols & Holmes,
Human Brain Mapping 15 (2002) (sign flipping); Holm, Scand. J. Statist. 6 (1979); Kendall, Biometrika 33 (1945)
(tau-b).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

RESAMPLES = 2000
SIGN_FLIPS = 9999  # at least; Holm over P pairs needs p below 0.05 / P, so 40 flips a pair where that is more
MIN_PATIENTS = 30  # under so many there is no interval, hence no rank
MIN_SEEDS = 5  # with so many model seeds they are resampled too; with fewer all is said "given these weights"
MAX_UNDEFINED = 0.1  # a row undefined on more of the images that other rows define is not ranked
ALPHA = 0.05
DIGITS = 10  # means that agree to so many digits are ties, whatever the order of summation


@dataclass(frozen=True)
class RowStatistics:
    """One row on one metric. n + n_undefined images; rank [lo, hi] is the 95 % interval among the ranked rows.

    `unranked` says why a row that might have been ranked is not; tie_group 1 holds the best row and all rows that are
    not significantly worse than it.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    n_undefined: int
    rank: tuple[int, int] | None = None
    p_best: float | None = None
    tie_group: int | None = None
    unranked: str | None = None


@dataclass(frozen=True)
class Comparison:
    """All rows on one metric. resampled: [R, M] means, one patient resample a line; p_values: [M, M], Holm-adjusted
    over all pairs of ranked rows, NaN elsewhere; stability: mean tau-b between the resampled orders and the order."""

    rows: tuple[RowStatistics, ...]
    resampled: Floats
    p_values: Floats
    patients: int
    stability: float | None

    def difference(self, row: int, other: int) -> tuple[float, float] | None:
        """95 % interval of mean(row) - mean(other), paired; None under 30 patients."""
        if self.patients < MIN_PATIENTS:
            return None
        low, high = np.nanquantile(self.resampled[:, row] - self.resampled[:, other], [ALPHA / 2, 1 - ALPHA / 2])
        return float(low), float(high)


def compare(
    values: Floats,
    patients: Sequence[Any] | NDArray[Any],
    *,
    higher_is_better: bool | None,
    rankable: Bools,
    blank: Bools,
    rng: np.random.Generator,
) -> Comparison:
    """Compare M rows: values [M, S, N] (NaN: undefined), patients [N] ids, rankable and blank bool [M].

    Only rankable rows are ranked, and none where higher_is_better is None; blank rows stand outside tie groups.
    """
    index = np.unique(np.asarray(patients), return_inverse=True)[1]
    resampled = resample_means(values, index, rng)
    image_values = values.mean(axis=1)
    defined = ~np.isnan(image_values)
    counted = [len(np.unique(index[row])) for row in defined]
    rows = [_interval(image_values[m], resampled[:, m], counted[m]) for m in range(len(values))]
    reasons = [_unrankable(defined, m, counted[m]) if rankable[m] else None for m in range(len(rows))]
    p_values, stability = np.full((len(rows), len(rows)), np.nan), None
    if higher_is_better is not None:
        rows = [replace(row, unranked=reason) for row, reason in zip(rows, reasons, strict=True)]
        ranked = [m for m in range(len(rows)) if rankable[m] and reasons[m] is None]
        if ranked:
            p_values[np.ix_(ranked, ranked)] = holm_matrix(pair_tests(values[ranked], index, rng))
            order = Order.of([rows[m] for m in ranked], resampled[:, ranked], higher_is_better)
            stability = order.stability()
            groups = tie_groups(order.means, p_values[np.ix_(ranked, ranked)], blank[ranked])
            for m, rank, best, group in zip(ranked, *rank_intervals(order.resampled), groups, strict=True):
                rows[m] = replace(rows[m], rank=(int(rank[0]), int(rank[1])), p_best=float(best), tie_group=group)
    return Comparison(tuple(rows), resampled, p_values, max(counted, default=0), stability)


def _interval(image_values: Floats, resampled: Floats, patients: int) -> RowStatistics:
    defined = image_values[~np.isnan(image_values)]
    low = high = None
    if patients >= MIN_PATIENTS:
        low, high = map(float, np.nanquantile(resampled, [ALPHA / 2, 1 - ALPHA / 2]))
    mean = float(defined.mean()) if len(defined) else None
    return RowStatistics(mean, low, high, len(defined), len(image_values) - len(defined))


def _unrankable(defined: Bools, row: int, patients: int) -> str | None:
    """Why a row is not ranked, or None. defined: bool [M, N]."""
    if not defined[row].any():
        return "undefined on all images"
    if patients < MIN_PATIENTS:
        return f"{patients} patients, fewer than {MIN_PATIENTS}"
    others = defined.any(axis=0)
    missing = int((others & ~defined[row]).sum())
    if missing > MAX_UNDEFINED * others.sum():
        return f"undefined on {missing} of {int(others.sum())} images that other rows define"
    return None


@dataclass(frozen=True)
class Order:
    """Means [K] of ranked rows and their resamples [R, K], both so that higher is better and equal rows are equal."""

    means: Floats
    resampled: Floats

    @classmethod
    def of(cls, rows: Sequence[RowStatistics], resampled: Floats, higher_is_better: bool) -> Order:
        """Rounded, since the order of summation must not decide between equal rows; NaN is the worst."""
        means = np.array([row.mean for row in rows], dtype=np.float64)
        largest = float(np.abs(means).max()) or 1.0
        sign = 1 if higher_is_better else -1
        drawn = sign * np.round(resampled / largest, DIGITS)
        return cls(sign * np.round(means / largest, DIGITS), np.where(np.isnan(drawn), -np.inf, drawn))

    def stability(self) -> float | None:
        """Mean tau-b between the resampled orders and the order of the means; None where there is no order."""
        drawn = np.sign(self.resampled[:, :, None] - self.resampled[:, None, :])
        point = np.sign(self.means[:, None] - self.means)
        scale = np.sqrt((drawn**2).sum(axis=(1, 2)) * (point**2).sum())
        products = (drawn * point).sum(axis=(1, 2))
        return float((products[scale > 0] / scale[scale > 0]).mean()) if scale.any() else None


def _product(left: Floats, right: Floats) -> Floats:
    """left [R, K] @ right [K, N], in blocks of rows that BLAS leaves on one thread where the product is small.

    A board makes hundreds of small products; waking threads for each took two thirds of its time on a busy machine.
    """
    rows = 200_000 // max(1, right.size)
    if rows < 16 or rows >= len(left):
        return left @ right
    return np.concatenate([left[start : start + rows] @ right for start in range(0, len(left), rows)])


def _patient_sums(image_values: Floats, index: Integers) -> Floats:
    """[K, N] image values -> [K, P] sums over each patient's images."""
    member = np.zeros((len(index), int(index.max(initial=-1)) + 1))
    member[np.arange(len(index)), index] = 1
    return image_values @ member


def patient_counts(patients: int, resamples: int, rng: np.random.Generator) -> Floats:
    """[R, P]: how often each patient stands in each resample of P patients with replacement."""
    drawn = rng.integers(patients, size=(resamples, patients)) + patients * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * patients).reshape(resamples, patients).astype(float)


def resample_means(values: Floats, index: Integers, rng: np.random.Generator, resamples: int = RESAMPLES) -> Floats:
    """[R, M] means of values [M, S, N] over resampled patients; index [N] is each image's patient, 0..P-1.

    All rows see the same resamples. From MIN_SEEDS seeds on, seeds are resampled too (again the same for all rows).
    """
    rows, seeds, images = values.shape
    defined = ~np.isnan(values.mean(axis=1))
    filled = np.where(defined[:, None, :], values, 0.0).reshape(rows * seeds, images)
    counts = patient_counts(int(index.max(initial=-1)) + 1, resamples, rng)
    sums = _product(counts, _patient_sums(filled, index).T).reshape(resamples, rows, seeds)
    weights = np.full((resamples, seeds), 1 / seeds)
    if seeds >= MIN_SEEDS:
        weights = patient_counts(seeds, resamples, rng) / seeds
    images_seen = _product(counts, _patient_sums(defined.astype(float), index).T)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = np.einsum("rms,rs->rm", sums, weights) / images_seen
    return means


def standardised(moments: Floats) -> Floats:
    """Mean / standard deviation [R] of samples of which moments [R, 2] are the mean and the mean square.

    A sample without spread (to rounding) is infinitely far from 0, unless its mean is 0: then there is no effect, 0.
    """
    mean, square = moments.T
    variance = square - mean**2
    spread = np.sqrt(np.where(variance > 1e-12 * square, variance, 0.0))
    with np.errstate(divide="ignore"):
        effects: Floats = np.divide(mean, spread, out=np.zeros_like(mean), where=mean != 0)
    return effects


def rank_intervals(oriented: Floats) -> tuple[Integers, Floats]:
    """Ranks [K, 2] that hold 95 % of the resamples [R, K] (higher is better), and P(best) [K].

    Equal rows span the ranks they share, and share P(best).
    """
    above = (oriented[:, None, :] > oriented[:, :, None]).sum(axis=2)
    level = (oriented[:, None, :] >= oriented[:, :, None]).sum(axis=2)
    low = np.quantile(above + 1, ALPHA / 2, axis=0, method="inverted_cdf")
    high = np.quantile(level, 1 - ALPHA / 2, axis=0, method="inverted_cdf")
    best = (above == 0) / (above == 0).sum(axis=1, keepdims=True)
    return np.stack([low, high], axis=1).astype(np.int64), best.mean(axis=0)


def pair_tests(values: Floats, index: Integers, rng: np.random.Generator, flips: int | None = None) -> Floats:
    """Two-sided p [K, K] that two rows of values [K, S, N] have the same mean, paired over patients.

    Sign flipping: under the null the sum of a patient's paired differences is as likely to have either sign (Nichols &
    Holmes 2002); images undefined in either row are left out of the pair. From MIN_SEEDS seeds on, a pair must also
    differ against the bootstrap's standard error with seeds resampled: the larger p counts.
    """
    image_values = values.mean(axis=1)
    first, second = np.triu_indices(len(values), k=1)
    differences = _patient_sums(np.nan_to_num(image_values[first] - image_values[second]), index)
    observed = np.abs(differences.sum(axis=1))
    flips = flips or max(SIGN_FLIPS, 40 * len(first) - 1)
    signs = rng.choice(np.array([-1.0, 1.0]), size=(flips, differences.shape[1]))
    tolerance = 10.0**-DIGITS * np.abs(differences).sum(axis=1)
    extreme = np.abs(_product(signs, differences.T)) >= observed - tolerance
    pairs = (1 + extreme.sum(axis=0)) / (flips + 1)
    if values.shape[1] >= MIN_SEEDS:
        pairs = np.maximum(pairs, _seed_tests(resample_means(values, index, rng), first, second))
    p_values = np.ones((len(values), len(values)))
    p_values[first, second] = p_values[second, first] = pairs
    return p_values


def _seed_tests(resampled: Floats, first: Integers, second: Integers) -> Floats:
    """Two-sided p of mean difference / bootstrap standard error against the normal (Efron & Tibshirani, ch. 12)."""
    differences = resampled[:, first] - resampled[:, second]
    ratio = np.abs(differences.mean(axis=0)) / np.maximum(differences.std(axis=0), 10.0**-DIGITS)
    return np.array([math.erfc(value / math.sqrt(2)) for value in ratio])


def holm(p_values: Floats) -> Floats:
    """Holm's adjusted p of each of K tests: the largest of (K - j) p(j) so far in ascending order, at most 1."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted


def holm_matrix(p_values: Floats) -> Floats:
    """Holm over all pairs of a symmetric [K, K]; adjusting over all of them keeps any anchor chosen later honest."""
    first, second = np.triu_indices(len(p_values), k=1)
    adjusted = np.ones_like(p_values)
    adjusted[first, second] = adjusted[second, first] = holm(p_values[first, second])
    return adjusted


def tie_groups(means: Floats, p_values: Floats, blank: Bools) -> list[int | None]:
    """Group 1 is the best row and every row not significantly worse than it; the next is anchored at the best left.

    means: [K], higher is better; p_values: [K, K] adjusted; blank rows belong to no group.
    """
    groups: list[int | None] = [None] * len(means)
    left = [int(k) for k in np.argsort(-means, kind="stable") if not blank[k]]
    number = 0
    while left:
        number += 1
        anchor = left[0]
        tied = [k for k in left if k == anchor or p_values[anchor, k] >= ALPHA]
        for k in tied:
            groups[k] = number
        left = [k for k in left if k not in tied]
    return groups


def kendall_tau(first: Floats, second: Floats) -> float:
    """Kendall's tau-b of two score lists [K], ties corrected for; NaN where either is constant. NaN pairs are left."""
    both = ~(np.isnan(first) | np.isnan(second))
    signs = [np.sign(scores[both][:, None] - scores[both]) for scores in (first, second)]
    scale = math.sqrt(float((signs[0] ** 2).sum() * (signs[1] ** 2).sum()))
    return float((signs[0] * signs[1]).sum()) / scale if scale else math.nan


def kendall_taus(first: Floats, second: Floats) -> Floats:
    """Tau-b of each line of [R, K] with the same line of another [R, K]; NaN where either has no order.

    A pair with a NaN counts as tied.
    """
    upper = np.triu_indices(first.shape[1], k=1)
    with np.errstate(invalid="ignore", divide="ignore"):  # infinite on both sides: tied
        signs = [np.nan_to_num(np.sign(scores[:, upper[0]] - scores[:, upper[1]])) for scores in (first, second)]
        scale = np.sqrt((signs[0] ** 2).sum(axis=1) * (signs[1] ** 2).sum(axis=1))
        taus: Floats = (signs[0] * signs[1]).sum(axis=1) / scale
    return taus
