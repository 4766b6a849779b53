"""From the records of a run to its board: which scores belong together, who is ranked, and what is only shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from xraybench import stats
from xraybench.identity import seed_of
from xraybench.leaderboard.board import (
    FAMILIES,
    ROLE_ORDER,
    Absent,
    Agreement,
    Board,
    Column,
    Cost,
    ModelRow,
    Row,
    Stratum,
    Verdict,
)
from xraybench.leaderboard.panels import Group, Panel, build_panel
from xraybench.leaderboard.records import CellData, RunData
from xraybench.leaderboard.rounding import rounded
from xraybench.leaderboard.shortcuts import detect
from xraybench.leaderboard.strata import by_stratum
from xraybench.leaderboard.verdicts import verdicts
from xraybench.registry import METRICS
from xraybench.results import Interval, MetricInfo
from xraybench.spec import ALL_ANEW

# One metric a ranked family, so that no family outweighs another; srg stands for insertion and deletion, whose
# difference it is. A row has a summary where it is ranked on all of these that the model's rows have and that can tell
# them apart; ranks are counted among such rows alone, so that every metric ranks the same ones.
SUMMARY_METRICS = ("pointing-game", "twin-localisation", "srg", "max-sensitivity")

SEEDS = re.compile(r" --seeds \S+")


@dataclass(frozen=True)
class ModelPanels:
    """One model's groups of cells and, by metric label, its panels and the verdicts on its explainers."""

    model: str
    groups: tuple[Group, ...]
    panels: dict[str, Panel]
    verdicts: dict[str, dict[str, Verdict]]

    def summarised(self, wanted: Sequence[str]) -> list[Panel]:
        """The panels of these metrics that rank rows and can tell them apart."""
        panels = [panel for label, panel in self.panels.items() if label in wanted]
        return [panel for panel in panels if panel.order and panel.uninformative is None]


def build_board(run: RunData, summary_metrics: Sequence[str] = SUMMARY_METRICS) -> Board:
    """The board of a run: a pure function of its records (the resamples are drawn from its comparability key)."""
    metrics = collect_metrics(run.cells)
    void = {model.model for model in run.models if not model.beats_chance}
    panels = [_model_panels(run, model, metrics, model in void) for model in _model_names(run)]
    columns = [_column(model, panel, summary_metrics) for model in panels for panel in model.panels.values()]
    record = run.run
    return Board(
        **record.model_dump(
            include={"task", "source", "comparability_key", "title", "task_version", "preset", "phantom"}
            | {"redistributable", "explained", "notes"}
        ),
        command=_of_seeds(record.command, {model.seed for model in run.models}),
        run=record.name,
        data=run.data.sources if run.data else [],
        models=_models(run),
        rows=[row for model in panels for row in _rows(run, model, metrics, summary_metrics, model.model in void)],
        metrics=metrics,
        columns=columns,
        agreement=[_agreement(model, metrics) for model in panels],
        summary_metrics=[
            metric.label for metric in metrics if any(one.in_summary and one.metric == metric.label for one in columns)
        ],
        failed=list(_absent(run.cells, "failed")),
        skipped=list(_absent(run.cells, "skipped")),
        comparisons=list(run.comparisons),
        shortcuts=detect(run),
        versions=_versions(run.cells),
    )


def collect_metrics(cells: Iterable[CellData]) -> list[MetricInfo]:
    """Every metric of the cells, newest version of each, by family and then in the catalogue's order."""
    found: dict[str, MetricInfo] = {}
    for cell in cells:
        for label, info in cell.record.scores.items():
            if label not in found or info.metric.version > found[label].version:
                found[label] = info.metric
    catalogue = list(METRICS)

    def place(metric: MetricInfo) -> tuple[int, int, str]:
        family = FAMILIES.index(metric.family) if metric.family in FAMILIES else len(FAMILIES)
        known = catalogue.index(metric.name) if metric.name in catalogue else len(catalogue)
        return family, known, metric.label

    return sorted(found.values(), key=place)


def _model_names(run: RunData) -> list[str]:
    return sorted({cell.record.model for cell in run.cells})


def _model_panels(run: RunData, model: str, metrics: Sequence[MetricInfo], void: bool) -> ModelPanels:
    cells = [cell for cell in run.cells if cell.record.model == model]
    seeds = tuple(sorted({cell.record.seed for cell in cells}))
    groups = tuple(
        group for name in sorted({cell.record.explainer for cell in cells}) if (group := _group(name, cells)).cells
    )
    groups = tuple(sorted(groups, key=lambda group: ROLE_ORDER.index(group.role)))
    panels, judged = {}, {}
    for metric in metrics:
        drawn_from = (run.run.comparability_key, model, metric.label)
        panel = build_panel(groups, seeds, metric, np.random.default_rng(seed_of(*drawn_from)), void=void)
        if panel is not None:
            panels[metric.label] = panel
        if not void:
            rng = np.random.default_rng(seed_of(*drawn_from, ALL_ANEW))
            judged[metric.label] = verdicts(groups, seeds, metric, rng)
    return ModelPanels(model, groups, panels, judged)


def _group(explainer: str, cells: Sequence[CellData]) -> Group:
    measured = [cell for cell in cells if cell.record.explainer == explainer and cell.record.status == "ok"]
    return Group(explainer, {cell.record.seed: cell for cell in measured})


def _rows(
    run: RunData, model: ModelPanels, metrics: Sequence[MetricInfo], summary_metrics: Sequence[str], void: bool
) -> list[Row]:
    summaries = _summaries(model.summarised(summary_metrics))
    strata = by_stratum(run, model.model, model.groups, metrics)
    rows = [
        _row(group, model, void, summaries.get(group.explainer), strata.get(group.explainer, []))
        for group in model.groups
    ]
    headline = next((metric for metric in metrics if _leads(model.panels.get(metric.label))), None)

    def place(row: Row) -> tuple[int, float, str]:
        score = row.scores.get(headline.label) if headline else None
        mean = score.mean if score and score.mean is not None else -np.inf
        sign = -1 if headline is None or headline.higher_is_better else 1
        return ROLE_ORDER.index(row.role), sign * mean if np.isfinite(mean) else np.inf, row.explainer

    return sorted(rows, key=place)


def _leads(panel: Panel | None) -> bool:
    return panel is not None and panel.metric.higher_is_better is not None and panel.uninformative is None


def _row(group: Group, model: ModelPanels, void: bool, summary: float | None, strata: list[Stratum]) -> Row:
    record = group.first.record
    commands = [cell.record.reproduce for cell in group.cells.values() if cell.record.reproduce]
    scores = {
        label: panel.scores[group.explainer] for label, panel in model.panels.items() if group.explainer in panel.scores
    }
    return Row(
        **record.model_dump(
            include={
                "explainer",
                "model",
                "role",
                "family",
                "signed",
                "class_agnostic",
                "baseline",
                "origin",
                "parameters",
            }
        ),
        seeds=sorted(group.cells),
        scores=scores,
        strata=strata,
        skipped={
            label: info.reason or "no reason given"
            for label, info in record.scores.items()
            if label not in scores and info.status != "ok"
        },
        void=void,
        blank=group.blank,
        summary=rounded(summary),
        cost=_cost(group),
        notes=_notes(group),
        verdicts={label: found[name] for label, found in model.verdicts.items() if (name := group.explainer) in found},
        reproduce=list(dict.fromkeys(_of_seeds(made, group.cells) for made in commands)),
    )


def _of_seeds(command: str, seeds: Collection[int]) -> str:
    """The command for these model seeds, whichever it was given with: a run may be added to."""
    plain = SEEDS.sub("", command)
    return plain if set(seeds) <= {0} else f"{plain} --seeds {','.join(map(str, sorted(seeds)))}"


def _cost(group: Group) -> Cost | None:
    spent = [cell.record.spent for cell in group.cells.values() if cell.record.spent]
    if not spent:
        return None
    forwards, backwards = fmean(one.forwards for one in spent), fmean(one.backwards for one in spent)
    return Cost(
        milliseconds=rounded(fmean(one.milliseconds for one in spent)) or 0.0,
        forwards=rounded(forwards) or 0.0,
        backwards=rounded(backwards) or 0.0,
        image_forwards=rounded(forwards + 2 * backwards) or 0.0,
        peak_bytes=max((one.peak_bytes for one in spent if one.peak_bytes is not None), default=None),
    )


def _notes(group: Group) -> dict[str, float]:
    """Means over seeds of what was measured beside the maps; values that are no number are left out."""
    values: dict[str, list[float]] = {}
    for cell in group.cells.values():
        for name, value in cell.record.notes.items():
            values.setdefault(name, []).extend([] if value is None else [value])
    means = {name: rounded(fmean(found)) for name, found in values.items() if found}
    return {name: mean for name, mean in means.items() if mean is not None}


def _summaries(panels: Sequence[Panel]) -> dict[str, float]:
    """Mean over panels of each row's mean rank (ties share theirs) among the rows that all of them rank."""
    common = set.intersection(*(set(panel.order) for panel in panels)) if panels else set()
    ranks = [panel.mean_ranks(common) for panel in panels]
    return {explainer: fmean(found[explainer] for found in ranks) for explainer in sorted(common)}


def _column(model: ModelPanels, panel: Panel, summary_metrics: Sequence[str]) -> Column:
    return Column(
        model=model.model,
        metric=panel.metric.label,
        images=panel.images,
        patients=panel.patients,
        stability=rounded(panel.stability),
        uninformative=panel.uninformative,
        in_summary=panel in model.summarised(summary_metrics),
    )


def _agreement(model: ModelPanels, metrics: Sequence[MetricInfo]) -> Agreement:
    ranked = [model.panels[metric.label] for metric in metrics if metric.label in model.panels]
    ranked = [panel for panel in ranked if panel.mean_ranks()]
    methods = [group.explainer for group in model.groups if group.role == "method"]
    ranks = [np.array([panel.mean_ranks().get(name, np.nan) for name in methods]) for panel in ranked]
    tau = [[rounded(stats.kendall_tau(one, other)) for other in ranks] for one in ranks]
    return Agreement(model=model.model, metrics=[panel.metric.label for panel in ranked], tau=tau)


def _models(run: RunData) -> list[ModelRow]:
    return [
        ModelRow(
            **model.model_dump(
                include={"model", "seed", "architecture", "parameters", "beats_chance", "weights_digest"}
            ),
            scores={name: _rounded_interval(score) for name, score in model.scores.items()},
            strata={
                stratum: {name: _rounded_interval(score) for name, score in scores.items()}
                for stratum, scores in model.strata.items()
            },
            reference=run.run.reference_values.get(model.model, {}),
        )
        for model in run.models
    ]


def _rounded_interval(score: Interval) -> Interval:
    return Interval(mean=rounded(score.mean), low=rounded(score.low), high=rounded(score.high), n=score.n)


def _absent(cells: Iterable[CellData], status: str) -> Iterable[Absent]:
    for record in (cell.record for cell in cells):
        reasons: dict[str | None, str | None] = {}
        if record.status == status:
            reasons = {None: record.reason}
        elif record.status == "ok":
            reasons = {label: info.reason for label, info in record.scores.items() if info.status == status}
        for metric, reason in reasons.items():
            yield Absent(
                explainer=record.explainer,
                model=record.model,
                seed=record.seed,
                metric=metric,
                reason=reason or "no reason given",
            )


def _versions(cells: Iterable[CellData]) -> dict[str, str]:
    """Versions that the cells were computed with; where cells differ, all of them."""
    found: dict[str, set[str]] = {}
    for cell in cells:
        for name, version in cell.record.versions.items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in sorted(found.items())}
