"""Run a plan: prepare the data, train what is missing, compute the cells that are not there, and say what happened."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from xraybench import registry
from xraybench.cells import compare_models, compute_cell
from xraybench.errors import DataError, XraybenchError
from xraybench.executors.team import started_by_torchrun
from xraybench.lineage import ModelJob, Pair
from xraybench.planning import CellJob, Plan, Request
from xraybench.results import ComparisonRecord
from xraybench.spec import Source
from xraybench.standing import Rerun, pending, pending_pairs
from xraybench.tasks import Task
from xraybench.trainer import train_missing
from xraybench.workshop import Engine, Narrator, Workshop, claim, failure_of, run_record, team_workshop, workshop


@dataclass(frozen=True)
class Outcome:
    """What a run did: its folder, how many cells and comparisons it computed, and what failed, with the reasons."""

    folder: Path
    computed: int
    kept: int
    compared: int
    failures: tuple[str, ...]
    seconds: float


def open_source(task: Task, request: Request) -> Source:
    """The source asked for, or the task's first (its first that reads a folder, where --data is given)."""
    name = request.source or default_source(task, request)
    if name not in task.sources:
        registry.near(name, {source: source for source in task.sources}, f"source of task {task.name!r}")
    _check_folder(request.data)
    opener = registry.load(registry.find("sources", name))
    source: Source = opener(request.data, task.preset(request.preset).sources.get(name, {}))
    return source


def open_folder(name: str, data: Path | None) -> Source:
    """A source by name, whole: without a task and its settings."""
    _check_folder(data)
    opener = registry.load(registry.find("sources", name))
    source: Source = opener(data, {})
    return source


def _check_folder(data: Path | None) -> None:
    if data is not None and not data.is_dir():
        raise DataError(f"{data}: no such folder", "pass the folder that the data set was unpacked to")


def default_source(task: Task, request: Request) -> str:
    """Where --data is given without --source: the only source of the task that is not computed or bundled."""
    if request.data is None or len(task.sources) == 1:
        return task.sources[0]
    return task.sources[1]


@dataclass(frozen=True)
class Todo:
    """What is missing of a plan."""

    cells: Sequence[CellJob]
    pairs: Sequence[Pair]

    @property
    def models(self) -> list[ModelJob]:
        """The models that it takes."""
        paired = (model for pair in self.pairs for model in (pair.first, pair.second))
        return list(dict.fromkeys([*(job.model for job in self.cells), *paired]))


def execute(plan: Plan, out: Path, engine: Engine, rerun: Rerun, command: str, narrator: Narrator) -> Outcome:
    """Bring the plan's run folder under `out` up to date; what is there already is kept."""
    start, folder = time.perf_counter(), out / plan.name
    claim(folder, run_record(plan, command))
    todo = Todo(pending(folder, plan, rerun), pending_pairs(folder, plan, rerun))
    failures: list[str] = []
    if todo.cells or todo.pairs:
        if rerun == "all":
            _withdraw(folder, todo)
        with workshop(plan, out, engine, command, narrator) as shop:
            failures = _do(shop, todo)
    kept = len(plan.cells) - len(todo.cells)
    return Outcome(folder, len(todo.cells), kept, len(todo.pairs), tuple(failures), time.perf_counter() - start)


def _withdraw(folder: Path, todo: Todo) -> None:
    """Take back the commit marks of what is to be computed anew."""
    for job in todo.cells:
        (folder / "cells" / job.id / "cell.json").unlink(missing_ok=True)
    for pair in todo.pairs:
        (folder / "comparisons" / pair.id / "comparison.json").unlink(missing_ok=True)


def compare(
    plan: Plan, out: Path, engine: Engine, pair: Pair, command: str, narrator: Narrator
) -> tuple[Path, ComparisonRecord]:
    """The layer similarity of two of the plan's models, trained unless they are; and the folder of its record."""
    with workshop(plan, out, engine, command, narrator) as shop:
        if untrained := train_missing(shop, plan.models):
            raise XraybenchError("; ".join(untrained.values()), "what it says of the training must be mended first")
        ((_, result),) = shop.executor.map(partial(compare_models, shop.place), [pair])
    folder = shop.place.comparison_folder(pair)
    if isinstance(result, Exception):
        raise result
    if result.status == "failed":
        raise XraybenchError(f"comparing {pair.label}: {result.reason}", f"see {folder}/log.txt")
    return folder, result


def train(plan: Plan, out: Path, engine: Engine, command: str, narrator: Narrator) -> tuple[Path, list[str]]:
    """Train the plan's models that are not there; the run's folder, and what failed."""
    opened = team_workshop if started_by_torchrun() else workshop
    with opened(plan, out, engine, command, narrator) as shop:
        return shop.place.run, list(train_missing(shop, plan.models).values())


def _do(shop: Workshop, todo: Todo) -> list[str]:
    """Train, compute and compare; returns the failures."""
    untrained = train_missing(shop, todo.models)
    ready = [job for job in todo.cells if job.model not in untrained]
    pairs = [pair for pair in todo.pairs if not {pair.first, pair.second} & set(untrained)]
    lost = [f"{job.model.label} {job.label}: its model did not train" for job in todo.cells if job not in ready]
    lost += [f"comparing {pair.label}: a model did not train" for pair in todo.pairs if pair not in pairs]
    return list(untrained.values()) + lost + _compute(shop, ready) + _compare(shop, pairs)


def _compute(shop: Workshop, jobs: Sequence[CellJob]) -> list[str]:
    """Compute the cells, the dearest first so that no worker is left waiting for one; returns the failures."""
    failures, spent = [], 0
    ordered = sorted(jobs, key=lambda job: -job.image_forwards)
    total = sum(job.image_forwards for job in jobs)
    for number, (job, result) in enumerate(shop.executor.map(partial(compute_cell, shop.place), ordered), start=1):
        spent += job.image_forwards
        shop.narrator.progress(f"cells · {number} of {len(jobs)}", spent, total)
        if isinstance(result, Exception):
            failures.append(f"{job.model.label} {job.label}: {failure_of(result)}")
        else:
            failed = result.failures({metric.info.label for metric in job.metrics})
            failures += [f"{job.model.label} {job.label}: {failure}" for failure in failed]
    return failures


def _compare(shop: Workshop, pairs: Sequence[Pair]) -> list[str]:
    """Compare the pairs of models; returns the failures."""
    failures = []
    for pair, result in shop.executor.map(partial(compare_models, shop.place), pairs):
        if isinstance(result, Exception):
            failures.append(f"comparing {pair.label}: {failure_of(result)}")
        elif result.status == "failed":
            failures.append(f"comparing {pair.label}: {result.reason}")
        else:
            shop.narrator.say(f"compared the layers of {pair.label} in {result.seconds:.0f} s")
    return failures
