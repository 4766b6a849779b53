"""One metric on one model: the scores of all its rows on the same images, compared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xraybench import stats
from xraybench.leaderboard.board import Score
from xraybench.leaderboard.records import CellData
from xraybench.leaderboard.rounding import rounded
from xraybench.results import MetricInfo
from xraybench.score_files import ImageScores
from xraybench.spec import Role

# Families in which the true mask must do well if the scores are to mean anything.
ORACLE_MUST_WIN = ("localisation", "counterfactual", "faithfulness")


@dataclass(frozen=True)
class Group:
    """The measured cells of one explainer on one model, by seed."""

    explainer: str
    cells: dict[int, CellData]

    @property
    def first(self) -> CellData:
        """The cell of the smallest seed: what all seeds have in common is read from it."""
        return self.cells[min(self.cells)]

    @property
    def role(self) -> Role:
        return self.first.record.role

    @property
    def blank(self) -> bool:
        """All-equal maps score exactly 0 on every image, by rule; on pixel-auprc no other map does."""
        scores = [
            cell.scores[label].values
            for cell in self.cells.values()
            for label, info in cell.record.scores.items()
            if info.metric.name == "pixel-auprc" and label in cell.scores
        ]
        return bool(scores) and bool(np.nanmax(np.concatenate(scores), initial=-1.0) == 0)


@dataclass(frozen=True)
class Panel:
    """A metric's scores by explainer; `order` holds the means of the ranked rows, oriented so that higher is better."""

    metric: MetricInfo
    scores: dict[str, Score]
    order: dict[str, float]
    images: int
    patients: int
    stability: float | None
    uninformative: str | None

    def mean_ranks(self, among: Collection[str] | None = None) -> dict[str, float]:
        """Rank of each ranked row (or of those `among` them) by its mean; equal means share the mean of their ranks."""
        order = {name: mean for name, mean in self.order.items() if among is None or name in among}
        means = np.array(list(order.values()))
        return {name: float((means > mean).sum() + ((means == mean).sum() + 1) / 2) for name, mean in order.items()}


@dataclass(frozen=True)
class Stack:
    """Rows on common images [N]: values [M, S, N] (NaN: undefined or missing), present bool [M, N], patients [N]."""

    values: NDArray[np.float64]
    present: NDArray[Any]
    images: NDArray[np.str_]
    patients: NDArray[np.str_]


def build_panel(
    groups: Sequence[Group], seeds: Sequence[int], metric: MetricInfo, rng: np.random.Generator, *, void: bool
) -> Panel | None:
    """Compare all groups that have the metric; None where none has. A void model's rows are shown and not ranked."""
    groups = [group for group in groups if any(metric.label in cell.scores for cell in group.cells.values())]
    if not groups:
        return None
    stack = stacked(groups, seeds, metric.label)
    withheld = [_withheld(group, row, stack, seeds, metric, void) for row, group in enumerate(groups)]
    rankable = [group.role == "method" and why is None for group, why in zip(groups, withheld, strict=True)]
    compared = stats.compare(
        stack.values,
        stack.patients,
        higher_is_better=metric.higher_is_better,
        rankable=np.array(rankable),
        blank=np.array([group.blank for group in groups]),
        rng=rng,
    )
    names = [group.explainer for group in groups]
    scores = [_score(row, stack.present[m], withheld[m]) for m, row in enumerate(compared.rows)]
    return Panel(
        metric=metric,
        scores=dict(zip(names, scores, strict=True)),
        order=_order(names, scores, metric),
        images=int(stack.present.any(axis=0).sum()),
        patients=compared.patients,
        stability=compared.stability,
        uninformative=_uninformative(names, compared, metric),
    )


def stacked(groups: Sequence[Group], seeds: Sequence[int], label: str) -> Stack:
    """Line the rows up by image id. A missing seed gets the mean of the others: the row is shown, and not ranked."""
    found = [[_scores(group, seed, label) for seed in seeds] for group in groups]
    known = [scores for row in found for scores in row if scores is not None]
    images, first = np.unique(np.concatenate([scores.image_ids for scores in known]), return_index=True)
    patients = np.concatenate([scores.patient_ids for scores in known])[first]
    values = np.full((len(groups), len(seeds), len(images)), np.nan)
    present = np.zeros((len(groups), len(seeds), len(images)), dtype=bool)
    for m, row in enumerate(found):
        for s, scores in enumerate(row):
            if scores is not None:
                place = np.searchsorted(images, scores.image_ids)
                values[m, s, place] = scores.values
                present[m, s, place] = True
        absent = [s for s, scores in enumerate(row) if scores is None]
        there = [s for s, scores in enumerate(row) if scores is not None]
        values[m, absent] = values[m, there].mean(axis=0)
        present[m, absent] = present[m, there].all(axis=0)
    return Stack(values, np.asarray(present.all(axis=1)), images, patients)


def _scores(group: Group, seed: int, label: str) -> ImageScores | None:
    cell = group.cells.get(seed)
    return cell.scores.get(label) if cell else None


def _withheld(group: Group, row: int, stack: Stack, seeds: Sequence[int], metric: MetricInfo, void: bool) -> str | None:
    """Why the records alone keep a method from being ranked, or None."""
    if group.role != "method" or metric.higher_is_better is None:
        return None
    if void:
        return "void: the model does not beat chance"
    without = [seed for seed in seeds if _scores(group, seed, metric.label) is None]
    if without:
        return f"incomplete: no scores of seed {', '.join(map(str, without))}"
    missing = int((~stack.present[row]).sum())
    if missing:
        return f"incomplete: {missing} of {stack.present.shape[1]} images are missing"
    older = {cell.record.scores[metric.label].metric.version for cell in group.cells.values()} - {metric.version}
    if older:
        return f"measured with version {min(older)} of the metric; the board holds version {metric.version}"
    return None


def _score(row: stats.RowStatistics, present: NDArray[Any], withheld: str | None) -> Score:
    return Score(
        mean=rounded(row.mean),
        low=rounded(row.low),
        high=rounded(row.high),
        n=row.n,
        n_undefined=int(present.sum()) - row.n,
        rank=row.rank,
        tie_group=row.tie_group,
        p_best=rounded(row.p_best),
        unranked=withheld or row.unranked,
    )


def _order(names: Sequence[str], scores: Sequence[Score], metric: MetricInfo) -> dict[str, float]:
    sign = 1 if metric.higher_is_better else -1
    return {
        name: sign * score.mean
        for name, score in zip(names, scores, strict=True)
        if score.rank is not None and score.mean is not None
    }


def _uninformative(names: Sequence[str], compared: stats.Comparison, metric: MetricInfo) -> str | None:
    """Why the metric cannot tell explainers apart on this task: the true mask is not better than noise, or worse."""
    if metric.family not in ORACLE_MUST_WIN or metric.higher_is_better is None:
        return None
    if not {"oracle", "random"} <= set(names):
        return None
    interval = compared.difference(names.index("oracle"), names.index("random"))
    if interval is None:
        return None
    low, high = interval
    better, worse = (low > 0, high < 0) if metric.higher_is_better else (high < 0, low > 0)
    verdict = "ranks random above the oracle" if worse else "uninformative for this task"
    return None if better else f"{verdict}: oracle minus random is {low:.2g} to {high:.2g}"
