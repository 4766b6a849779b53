"""What a plan costs, in image-forwards, and how much of it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from xraybench import registry
from xraybench.executors.local import worker_count
from xraybench.planning import CellJob, Plan, cell_price, offers_of
from xraybench.preparation import recipe_of
from xraybench.results import CellRecord, iterate_records
from xraybench.standing import Standing, standing, standing_of_pair

NOMINAL_RATE = 1500  # image-forwards a second and worker, for an estimate before anything was measured


@dataclass(frozen=True)
class CellPrice:
    """A cell of the plan, where it stands and what it costs."""

    id: str
    task: str
    model: str
    seed: int
    explainer: str
    status: Standing
    image_forwards: int


@dataclass(frozen=True)
class ModelPrice:
    """What explaining and scoring one model costs, and the preset's cap on it (None: no cap)."""

    model: str
    seed: int
    image_forwards: int
    cap: int | None


@dataclass(frozen=True)
class PairPrice:
    """A comparison of two models, where it stands and what it costs at most."""

    id: str
    models: str
    status: Standing
    image_forwards: int


@dataclass(frozen=True)
class Prices:
    """A plan with its prices; minutes is an estimate, basis says from what; unpriced: metrics not counted in it."""

    run: str
    comparability_key: str
    cells: tuple[CellPrice, ...]
    models: tuple[ModelPrice, ...]
    comparisons: tuple[PairPrice, ...]
    pending: int
    minutes: float
    basis: str
    unpriced: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def price_list(plan: Plan, out: Path) -> Prices:
    """What the plan costs and how much of it is done; computes nothing."""
    plan, folder = repriced(plan, explained_by(plan, out)), out / plan.name
    cells = tuple(
        CellPrice(
            job.id,
            plan.task.name,
            job.model.entry.name,
            job.model.seed,
            job.label,
            standing(folder, job),
            job.image_forwards,
        )
        for job in plan.cells
    )
    models = tuple(
        ModelPrice(model.entry.name, model.seed, plan.image_forwards(model), plan.preset.max_image_forwards)
        for model in plan.models
    )
    pairs = tuple(
        PairPrice(pair.id, pair.label, standing_of_pair(folder, pair), pair.image_forwards) for pair in plan.pairs
    )
    todo = [cell for cell in cells if cell.status not in ("done", "skipped")]
    rate, basis = _rate(folder)
    forwards = sum(cell.image_forwards for cell in todo)
    forwards += sum(pair.image_forwards for pair in pairs if pair.status != "done")
    seconds = forwards / rate / worker_count("auto")
    return Prices(
        plan.name, plan.comparability_key, cells, models, pairs, len(todo), seconds / 60, basis, _unpriced(plan)
    )


def _unpriced(plan: Plan) -> tuple[str, ...]:
    """Metrics of which is not known beforehand what they cost."""
    built = {job.info.label: registry.build("metrics", job.call) for cell in plan.cells for job in cell.metrics}
    return tuple(label for label, metric in built.items() if metric.cost(1, plan.preset.image_size) is None)


def explained_by(plan: Plan, out: Path) -> dict[str, int]:
    """How many images each model explains that is restricted to some rows, by the model's id: by the prepared index,
    else by the source's.
    """
    restricted = {model.id: model.entry.stages[-1].rows for model in plan.models if model.entry.stages[-1].rows}
    if not restricted or plan.task.explained.target == "each-label":  # there n_explained counts maps
        return {}
    from xraybench.data.prepared import Prepared, Statistics
    from xraybench.data.rows import among

    recipe, folder = recipe_of(plan.task, plan.preset), out / "data" / plan.data_digest
    there = Statistics.read(folder) is not None
    index = Prepared(folder).index if there else recipe.cases(plan.source.index())
    index = index.reset_index(drop=True)
    chosen = recipe.choose(index).index
    return {name: min(int(among(index, rows)[chosen].sum()), plan.n_explained) for name, rows in restricted.items()}


def repriced(plan: Plan, explained: Mapping[str, int]) -> Plan:
    """The plan with the prices of models, by id, that explain so many images and no more."""
    cells = (_repriced(plan, job, explained[job.model.id]) if job.model.id in explained else job for job in plan.cells)
    return replace(plan, cells=tuple(cells))


def _repriced(plan: Plan, job: CellJob, images: int) -> CellJob:
    built = registry.build(job.kind, job.call)
    price, shared = cell_price(built, job.metrics, plan.preset.image_size, images, offers_of(plan.task, plan.source))
    return replace(job, image_forwards=price, shared=shared)


def _rate(folder: Path) -> tuple[float, str]:
    """Image-forwards a second of one worker: as measured in this run's cells, else a nominal one."""
    forwards, seconds = 0.0, 0.0
    for _, record in iterate_records(folder / "cells", "cell.json", CellRecord):
        if record.spent is not None:
            explaining = (record.spent.forwards + 2 * record.spent.backwards) * record.n_images
            forwards += explaining + sum(info.image_forwards for info in record.scores.values())
            seconds += sum(record.seconds.values())
    if forwards and seconds:
        return forwards / seconds, f"{forwards / seconds:,.0f} image-forwards a second and worker, measured here"
    return NOMINAL_RATE, f"assuming {NOMINAL_RATE:,} image-forwards a second and worker; training not counted"
