"""May a metric be trusted on this task? What boards say of their metrics, from records alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xraybench import stats
from xraybench.identity import seed_of
from xraybench.leaderboard.board import Board, Column
from xraybench.leaderboard.records import CellData, RunData
from xraybench.leaderboard.rounding import rounded
from xraybench.results import Interval, MetricInfo

TWINS = "twin-localisation"


@dataclass(frozen=True)
class Validity:
    """A metric on one model. Effects are paired: mean difference / its standard deviation over images, oriented so that
    positive is better; None without both maps. imputers: tau-b with the same metric under another imputer, by label."""

    metric: MetricInfo
    column: Column
    oracle: Interval | None  # oracle against random
    smooth: Interval | None  # blurred-random against random: 0 where smoothness earns nothing
    coarse: Interval | None  # blurred-oracle against oracle: 0 where resolution costs nothing
    twins: float | None  # tau-b with the order by twin-localisation
    imputers: dict[str, float | None]


def judge(run: RunData, board: Board, model: str) -> list[Validity]:
    """Every ranked metric of a model's board; resamples are drawn from the run's comparability key."""
    found = []
    for metric in board.metrics:
        column = board.column(model, metric.label)
        if column is None or metric.higher_is_better is None:
            continue
        pairs = (("oracle", "random"), ("blurred-random", "random"), ("blurred-oracle", "oracle"))
        oracle, smooth, coarse = (_effect(run, model, metric, *pair) for pair in pairs)
        others = [one for one in board.metrics if one.name == metric.name and one.label != metric.label]
        imputers = {
            one.label: _tau(board, model, metric.label, one.label)
            for one in others
            if one.parameters.get("imputer") != metric.parameters.get("imputer")
        }
        twins = _tau(board, model, metric.label, TWINS)
        found.append(Validity(metric, column, oracle, smooth, coarse, twins, imputers))
    return found


def _tau(board: Board, model: str, one: str, other: str) -> float | None:
    for agreement in board.agreement:
        if agreement.model == model and {one, other} <= set(agreement.metrics) and one != other:
            return agreement.tau[agreement.metrics.index(one)][agreement.metrics.index(other)]
    return None


def _effect(run: RunData, model: str, metric: MetricInfo, one: str, other: str) -> Interval | None:
    """Paired effect size of two maps with its 95 % interval over patients; no interval under 30 of them."""
    cells = {cell.record.explainer: cell for cell in _cells(run, model, metric.label)}
    if not {one, other} <= set(cells):
        return None
    first, second = (cells[name].scores[metric.label] for name in (one, other))
    common, ours, theirs = np.intersect1d(first.image_ids, second.image_ids, return_indices=True)
    with np.errstate(invalid="ignore"):  # infinite on both sides: not defined
        differences = first.values[ours] - second.values[theirs]
    differences = differences if metric.higher_is_better else -differences
    defined = np.isfinite(differences)
    differences, patients = differences[defined], first.patient_ids[ours][defined]
    if not len(common) or not len(differences):
        return None
    index = np.unique(patients, return_inverse=True)[1]
    rng = np.random.default_rng(seed_of(run.run.comparability_key, "effect", model, metric.label, one, other))
    moments = stats.resample_means(np.stack([differences, differences**2])[:, None], index, rng)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = moments[:, 0] / np.sqrt(np.maximum(moments[:, 1] - moments[:, 0] ** 2, 0))
    spread = float(differences.std())
    mean = rounded(float(differences.mean()) / spread) if spread > 1e-12 else None
    low = high = math.nan
    if mean is not None and index.max() + 1 >= stats.MIN_PATIENTS:
        low, high = np.nanquantile(drawn, [stats.ALPHA / 2, 1 - stats.ALPHA / 2])
    return Interval(mean=mean, low=rounded(float(low)), high=rounded(float(high)), n=len(differences))


def _cells(run: RunData, model: str, label: str) -> list[CellData]:
    """The model's cells of its first seed that have the metric."""
    seed = min(cell.record.seed for cell in run.cells if cell.record.model == model)
    return [
        cell for cell in run.cells if (cell.record.model, cell.record.seed) == (model, seed) and label in cell.scores
    ]
