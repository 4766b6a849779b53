"""Localisation on some of the images only: where the model finds the finding, and by how large the finding is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xraybench import stats
from xraybench.identity import seed_of
from xraybench.leaderboard.board import Stratum
from xraybench.leaderboard.panels import Group, stacked
from xraybench.leaderboard.records import RunData
from xraybench.leaderboard.rounding import rounded
from xraybench.results import Finding, Interval, MetricInfo


@dataclass(frozen=True)
class Images:
    """Explained images by id, and from where to below where the shares of them lie that their findings take."""

    name: str
    ids: frozenset[str]
    at_least: float | None = None
    below: float | None = None

    def stratum(self) -> Stratum:
        """As a board holds it, without scores."""
        return Stratum(name=self.name, at_least=rounded(self.at_least), below=rounded(self.below), scores={})


def by_stratum(
    run: RunData, model: str, groups: Sequence[Group], metrics: Sequence[MetricInfo]
) -> dict[str, list[Stratum]]:
    """Each row's localisation metrics on each stratum; none where a seed of the model has no record of its findings."""
    models = {cell.record.seed: cell.record.model_id for group in groups for cell in group.cells.values()}
    known = [run.findings[name] for _, name in sorted(models.items()) if name in run.findings]
    if not known or len(known) < len(models):
        return {}
    images = divide([record.findings for record in known])
    rows: dict[str, list[Stratum]] = {}
    for label in (metric.label for metric in metrics if localises(metric)):
        for explainer, means in _means(run, model, groups, sorted(models), label, images).items():
            strata = rows.setdefault(explainer, [some.stratum() for some in images])
            for stratum, mean in zip(strata, means, strict=True):
                stratum.scores[label] = mean
    return rows


def localises(metric: MetricInfo) -> bool:
    """Whether a metric holds maps against the finding; what is only described is a share of some other region."""
    return metric.family == "localisation" and metric.higher_is_better is not None


def divide(seeds: Sequence[Mapping[str, Finding]]) -> list[Images]:
    """True positives (under every seed) and thirds by size, from the findings by image under each seed."""
    first = seeds[0]
    found = frozenset(name for name in first if all(name in one and one[name].found for one in seeds))
    shares = [finding.share for finding in first.values()]
    low, high = map(float, np.quantile(shares, [1 / 3, 2 / 3])) if shares else (None, None)
    sizes = (("small findings", None, low), ("medium findings", low, high), ("large findings", high, None))
    return [
        Images("true positives", found),
        *(Images(name, _between(first, *ends), *ends) for name, *ends in sizes),
    ]


def _between(findings: Mapping[str, Finding], at_least: float | None, below: float | None) -> frozenset[str]:
    return frozenset(
        name
        for name, finding in findings.items()
        if (at_least is None or finding.share >= at_least) and (below is None or finding.share < below)
    )


def _means(
    run: RunData, model: str, groups: Sequence[Group], seeds: Sequence[int], label: str, images: Sequence[Images]
) -> dict[str, list[Interval]]:
    """By row that has the metric: its mean on each of the sets of images, in their order, as a board's means are."""
    rows = [group for group in groups if any(label in cell.scores for cell in group.cells.values())]
    if not rows:
        return {}
    stack = stacked(rows, seeds, label)
    rng = np.random.default_rng(seed_of(run.run.comparability_key, "strata", model, label))
    nothing = np.zeros(len(rows), dtype=bool)
    found: dict[str, list[Interval]] = {group.explainer: [] for group in rows}
    for some in images:
        values = np.where(np.isin(stack.images, list(some.ids)), stack.values, np.nan)
        compared = stats.compare(
            values, stack.patients, higher_is_better=None, rankable=nothing, blank=nothing, rng=rng
        )
        for group, row in zip(rows, compared.rows, strict=True):
            mean, low, high = (rounded(value) for value in (row.mean, row.low, row.high))
            found[group.explainer].append(Interval(mean=mean, low=low, high=high, n=row.n))
    return found
