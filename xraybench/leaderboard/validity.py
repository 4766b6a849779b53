"""May a metric be trusted on this task? What boards say of their metrics, from records alone."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from xraybench import stats
from xraybench.identity import seed_of
from xraybench.leaderboard.board import Agreement, Board, Column
from xraybench.leaderboard.panels import ORACLE_MUST_WIN, Group, stacked
from xraybench.leaderboard.records import CellData, RunData
from xraybench.leaderboard.rounding import rounded
from xraybench.results import Interval, MetricInfo, Record
from xraybench.score_files import ImageScores

TWINS = "twin-localisation"
PAIRS = (("oracle", "random"), ("blurred-random", "random"), ("blurred-oracle", "oracle"))
RESAMPLES = 1000  # of patients, for the interval of a tau


class Validity(Record):
    """A metric on one model. Effects are paired: mean difference / its standard deviation over images, oriented so that
    positive is better; 0 without any difference, infinite (null in JSON) where all images differ by the same. None
    without both maps, or where the oracle need not win.
    """

    metric: MetricInfo
    column: Column
    untested: str | None  # why there is no effect of oracle against random
    oracle: Interval | None  # oracle against random
    smooth: Interval | None  # blurred-random against random: 0 where smoothness earns nothing
    coarse: Interval | None  # blurred-oracle against oracle: 0 where resolution costs nothing
    seeds: float | None  # mean tau-b between the orders that two model seeds give; None where there is one seed
    twins: Interval | None  # tau-b with the order by twin-localisation, of n methods, with its interval over patients
    imputers: dict[str, float | None]  # tau-b with the same metric under another imputer, by label


class Judgement(Record):
    """The ranked metrics of one model's board, and how far their orders agree with one another."""

    model: str
    seeds: list[int]  # of the model; from two on there are orders to compare
    metrics: list[Validity]
    agreement: Agreement | None


class Judged(Record):
    """What is said of a run's metrics, model by model."""

    run: str
    task: str
    comparability_key: str
    phantom: bool
    models: list[Judgement]


def judge(run: RunData, board: Board) -> Judged:
    """Every ranked metric of a board, on every model."""
    record = run.run
    models = [judge_model(run, board, model) for model in board.model_names()]
    return Judged(
        run=record.name,
        task=record.task,
        comparability_key=record.comparability_key,
        phantom=record.phantom,
        models=models,
    )


def judge_model(run: RunData, board: Board, model: str) -> Judgement:
    """Every ranked metric of a model's board; resamples are drawn from the run's comparability key."""
    columns = {metric.label: board.column(model, metric.label) for metric in board.metrics}
    found = [
        _judged(run, board, metric, column)
        for metric in board.metrics
        if (column := columns[metric.label]) is not None and metric.higher_is_better is not None
    ]
    seeds = sorted({seed for row in board.rows_of(model) for seed in row.seeds})
    return Judgement(model=model, seeds=seeds, metrics=found, agreement=_agreement(board, model))


def _judged(run: RunData, board: Board, metric: MetricInfo, column: Column) -> Validity:
    model = column.model
    oracle, smooth, coarse = (_effect(run, model, metric, *pair) for pair in PAIRS)
    others = [one for one in board.metrics if one.name == metric.name and one.label != metric.label]
    return Validity(
        metric=metric,
        column=column,
        untested=None if oracle else _why_untested(board, model, metric),
        oracle=oracle,
        smooth=smooth,
        coarse=coarse,
        seeds=_over_seeds(run, model, metric.label),
        twins=_with_twins(run, board, model, metric),
        imputers={
            one.label: _tau(board, model, metric.label, one.label)
            for one in others
            if one.parameters.get("imputer") != metric.parameters.get("imputer")
        },
    )


def _agreement(board: Board, model: str) -> Agreement | None:
    return next((agreement for agreement in board.agreement if agreement.model == model), None)


def _methods(run: RunData, model: str, *labels: str) -> list[Group]:
    """The methods that have all these metrics under every seed of the model."""
    cells = [cell for cell in run.cells if cell.record.model == model and cell.record.role == "method"]
    seeds = {cell.record.seed for cell in cells}
    groups: dict[str, dict[int, CellData]] = {}
    for cell in cells:
        if set(labels) <= set(cell.scores):
            groups.setdefault(cell.record.explainer, {})[cell.record.seed] = cell
    return [Group(name, found) for name, found in groups.items() if set(found) == seeds]


def _over_seeds(run: RunData, model: str, label: str) -> float | None:
    """Mean tau-b over all pairs of seeds of the orders of mean scores."""
    groups = _methods(run, model, label)
    seeds = sorted(groups[0].cells) if groups else []
    if len(seeds) < 2:
        return None
    values = stacked(groups, seeds, label).values
    means = np.where(np.isfinite(values), values, np.nan)
    orders = [np.array([_mean(row) for row in means[:, s]]) for s in range(len(seeds))]
    return _finite_mean([stats.kendall_tau(one, other) for one, other in combinations(orders, 2)])


def _mean(values: stats.Floats) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else math.nan


def _finite_mean(values: list[float]) -> float | None:
    known = [value for value in values if math.isfinite(value)]
    return rounded(float(np.mean(known))) if known else None


def _with_twins(run: RunData, board: Board, model: str, metric: MetricInfo) -> Interval | None:
    """Tau-b with twin truth as the board gives it; its interval is over the patients on whom both were measured."""
    tau = _tau(board, model, metric.label, TWINS)
    if tau is None:
        return None
    groups = _methods(run, model, metric.label, TWINS)
    seeds = sorted(groups[0].cells) if groups else []
    sheets = [stacked(groups, seeds, label) for label in (metric.label, TWINS)]
    common = np.intersect1d(sheets[0].patients, sheets[1].patients)
    low = high = None
    if len(common) >= stats.MIN_PATIENTS:
        drawn = []
        for sheet in sheets:
            kept = np.isin(sheet.patients, common)
            index = np.searchsorted(common, sheet.patients[kept])
            rng = np.random.default_rng(seed_of(run.run.comparability_key, "twin truth", model, metric.label))
            drawn.append(stats.resample_means(sheet.values[:, :, kept], index, rng, RESAMPLES))
        taus = stats.kendall_taus(drawn[0] if metric.higher_is_better else -drawn[0], drawn[1])
        low, high = (
            np.nanquantile(taus, [stats.ALPHA / 2, 1 - stats.ALPHA / 2]) if np.isfinite(taus).any() else (None,) * 2
        )
    return Interval(mean=tau, low=rounded(low), high=rounded(high), n=len(groups))


def _tau(board: Board, model: str, one: str, other: str) -> float | None:
    agreement = _agreement(board, model)
    if agreement is None or one == other or not {one, other} <= set(agreement.metrics):
        return None
    return agreement.tau[agreement.metrics.index(one)][agreement.metrics.index(other)]


def _why_untested(board: Board, model: str, metric: MetricInfo) -> str:
    """Why a metric is not held against the oracle: in the words of the records where they have any."""
    if metric.family not in ORACLE_MUST_WIN:
        return "where the finding is plays no part in it"
    rows = {row.explainer: row for row in board.rows_of(model)}
    whole = {
        one.explainer: one.reason for one in (*board.failed, *board.skipped) if (one.model, one.metric) == (model, None)
    }
    for name in ("random", "oracle"):
        if name not in rows:
            return whole.get(name, f"the run has no map called {name}")
        if metric.label in rows[name].skipped:
            return rows[name].skipped[metric.label]
    return "no image on which both maps have a score"


def _effect(run: RunData, model: str, metric: MetricInfo, one: str, other: str) -> Interval | None:
    """Paired effect size of two maps with its 95 % interval over patients; no interval under 30 of them."""
    cells = {cell.record.explainer: cell for cell in _cells(run, model, metric.label)}
    if metric.family not in ORACLE_MUST_WIN or not {one, other} <= set(cells):
        return None
    differences, patients = _differences(*(cells[name].scores[metric.label] for name in (one, other)))
    if not len(differences):
        return None
    differences = differences if metric.higher_is_better else -differences
    index = np.unique(patients, return_inverse=True)[1]
    rng = np.random.default_rng(seed_of(run.run.comparability_key, "effect", model, metric.label, one, other))
    powers = np.stack([differences, differences**2])
    (mean,) = stats.standardised(powers.mean(axis=1)[None])
    low = high = None
    if index.max() + 1 >= stats.MIN_PATIENTS:
        drawn = stats.standardised(stats.resample_means(powers[:, None], index, rng))
        ends = [stats.ALPHA / 2, 1 - stats.ALPHA / 2]
        low, high = np.quantile(drawn, ends, method="inverted_cdf")  # between infinite ones nothing can be interpolated
    return Interval(mean=_size(mean), low=_size(low), high=_size(high), n=len(differences))


def _differences(first: ImageScores, second: ImageScores) -> tuple[stats.Floats, NDArray[np.str_]]:
    """What the first map scores above the second, on each image [N] on which both have a score; and its patient."""
    _, ours, theirs = np.intersect1d(first.image_ids, second.image_ids, return_indices=True)
    with np.errstate(invalid="ignore"):  # infinite on both sides: not defined
        differences = first.values[ours] - second.values[theirs]
    defined = np.isfinite(differences)
    return differences[defined], first.patient_ids[ours][defined]


def _size(effect: float | None) -> float | None:
    """Rounded as all scores are, but for the infinite ones, which pages show."""
    return float(effect) if effect is not None and math.isinf(effect) else rounded(effect)


def _cells(run: RunData, model: str, label: str) -> list[CellData]:
    """The model's cells of its first seed that have the metric."""
    seed = min(cell.record.seed for cell in run.cells if cell.record.model == model)
    return [
        cell for cell in run.cells if (cell.record.model, cell.record.seed) == (model, seed) and label in cell.scores
    ]
