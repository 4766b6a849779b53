"""Run a plan: prepare the data, train what is missing, compute the cells that are not there, and say what happened."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from xraybench import registry
from xraybench.cells import compare_models, compute_cell, train_earlier, train_model
from xraybench.cells.place import Place
from xraybench.errors import DataError, RecordError, XraybenchError
from xraybench.executors.local import LocalExecutor, gpu_count, worker_count
from xraybench.lineage import ModelJob, Pair
from xraybench.planning import CellJob, Plan, Request
from xraybench.preparation import data_record, prepare_data
from xraybench.results import (
    ComparisonRecord,
    ModelRecord,
    RunRecord,
    read_record,
    write_record,
    writing_to,
)
from xraybench.spec import Source
from xraybench.standing import Rerun, pending, pending_pairs
from xraybench.tasks import Task


class Narrator(Protocol):
    """Hears how a run goes on. `progress` counts one thing; `say` is a line that stays."""

    def progress(self, what: str, done: int, total: int) -> None: ...
    def say(self, line: str) -> None: ...


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


TARGETS = {"label": "the true label", "predicted": "the predicted class", "each-label": "each true label by itself"}


def _count(plan: Plan) -> str:
    maps = plan.task.explained.target == "each-label"
    return f"At most {plan.n_explained} pairs of a label and one of the" if maps else str(plan.n_explained)


def run_record(plan: Plan, command: str) -> RunRecord:
    """What all cells of the plan have in common."""
    task = plan.task
    target = f"the logit of {TARGETS[task.explained.target]}"
    which = "test images with the finding" if task.explained.images == "positive" else "test images"
    return RunRecord(
        name=plan.name,
        task=task.name,
        task_version=task.version,
        title=task.title,
        preset=plan.preset_name,
        source=plan.source.name,
        phantom=plan.source.phantom,
        redistributable=plan.source.redistributable,
        comparability_key=plan.comparability_key,
        data_digest=plan.data_digest,
        explained=f"{_count(plan)} {which}, chosen by their ids; explained is {target}.",
        notes=task.notes,
        reference_values=task.reference,
        reference_data=task.reference_data,
        label_reference_values=task.label_reference,
        command=command,
        definition=task.model_dump(),
    )


@dataclass(frozen=True)
class Engine:
    """What computes: a device ("auto", "cpu", "cuda") and a number of worker processes (None: as many as fit)."""

    device: str = "auto"
    workers: int | None = None

    @property
    def count(self) -> int:
        """The number of worker processes."""
        return self.workers or worker_count(self.device)


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
    _claim(folder, run_record(plan, command))
    todo = Todo(pending(folder, plan, rerun), pending_pairs(folder, plan, rerun))
    failures: list[str] = []
    if todo.cells or todo.pairs:
        if rerun == "all":
            _withdraw(folder, todo)
        with writing_to(out):
            failures = _execute(plan, out, folder, todo, engine, command, narrator)
    kept = len(plan.cells) - len(todo.cells)
    return Outcome(folder, len(todo.cells), kept, len(todo.pairs), tuple(failures), time.perf_counter() - start)


def _claim(folder: Path, record: RunRecord) -> None:
    """Write run.json, or check that the one there is of the same run."""
    path = folder / "run.json"
    if not path.exists():
        write_record(path, record)
    elif read_record(path, RunRecord).comparability_key != record.comparability_key:
        raise RecordError(f"{path}: belongs to another run", "choose another --out")


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
    folder = out / plan.name
    _claim(folder, run_record(plan, command))
    with writing_to(out):
        data = _ready(plan, out, folder, engine, narrator)
        place = Place(folder, data, plan.task, plan.n_explained, engine.device, command)
        with LocalExecutor(engine.count, engine.device != "cpu" and gpu_count() > 0, narrator.progress) as executor:
            untrained = _train(executor, place, plan.models, narrator)
            if untrained:
                raise XraybenchError("; ".join(untrained.values()), "what it says of the training must be mended first")
            ((_, result),) = executor.map(partial(compare_models, place), [pair])
    if isinstance(result, Exception):
        raise result
    if result.status == "failed":
        raise XraybenchError(f"comparing {pair.label}: {result.reason}", f"see {place.comparison_folder(pair)}/log.txt")
    return place.comparison_folder(pair), result


def _ready(plan: Plan, out: Path, folder: Path, engine: Engine, narrator: Narrator) -> Path:
    """The folder of the run's data, prepared unless they are there; what was read and left out goes on record."""
    reads = prepare_data(plan, out, engine.count, narrator)
    write_record(folder / "data.json", data_record(reads))
    return reads[0].prepared.folder


def _execute(
    plan: Plan, out: Path, folder: Path, todo: Todo, engine: Engine, command: str, narrator: Narrator
) -> list[str]:
    data = _ready(plan, out, folder, engine, narrator)
    with LocalExecutor(engine.count, engine.device != "cpu" and gpu_count() > 0, narrator.progress) as executor:
        place = Place(folder, data, plan.task, plan.n_explained, engine.device, command)
        untrained = _train(executor, place, todo.models, narrator)
        ready = [job for job in todo.cells if job.model not in untrained]
        pairs = [pair for pair in todo.pairs if not {pair.first, pair.second} & set(untrained)]
        lost = [f"{job.model.label} {job.label}: its model did not train" for job in todo.cells if job not in ready]
        lost += [f"comparing {pair.label}: a model did not train" for pair in todo.pairs if pair not in pairs]
        failures = _compute(executor, place, ready, narrator)
        return list(untrained.values()) + lost + failures + _compare(executor, place, pairs, narrator)


def _train_earlier(
    executor: LocalExecutor, place: Place, models: Sequence[ModelJob], narrator: Narrator
) -> dict[str, str]:
    """Train the stages that models go on from, each once, those that come first before the others; what failed."""
    failed: dict[str, str] = {}
    for number in range(max((len(model.links) for model in models), default=1) - 1):
        stages = {model.links[number].id: (model, number) for model in models if number < len(model.links) - 1}
        ready = [
            (model, number)
            for model, _ in stages.values()
            if not any(link.id in failed for link in model.links[:number])
            and not (place.stage_folder(model.links[number]) / "stage.json").exists()
        ]
        for (model, _), result in executor.map(partial(train_earlier, place), ready):
            link = model.links[number]
            if isinstance(result, Exception):
                failed[link.id] = _reason(result)
            else:
                narrator.say(f"trained a stage of {model.label} on {link.task.name} in {result.seconds:.0f} s")
    return failed


def _train(
    executor: LocalExecutor, place: Place, models: Sequence[ModelJob], narrator: Narrator
) -> dict[ModelJob, str]:
    """Train what is not there of the models; returns those that did not train, with the reason."""
    missing = [model for model in models if not (place.model_folder(model) / "model.json").exists()]
    failed = _train_earlier(executor, place, missing, narrator)
    reasons = {model: next((failed[link.id] for link in model.links if link.id in failed), None) for model in missing}
    untrained = {model: f"training {model.label}: {reason}" for model, reason in reasons.items() if reason}
    ready = [model for model in missing if model not in untrained]
    for model, result in executor.map(partial(train_model, place), ready):
        if isinstance(result, Exception):
            untrained[model] = f"training {model.label}: {_reason(result)}"
        else:
            start = f" from {result.start}" if len(model.links) > 1 or result.start != "random weights" else ""
            narrator.say(f"trained {model.label}{start} in {result.seconds:.0f} s: {_headline(result)}")
    return untrained


def _headline(record: ModelRecord) -> str:
    """A model's test score in one phrase."""
    name = next(name for name in ("roc-auc", "accuracy") if name in record.scores)
    score = record.scores[name]
    interval = f" [{score.low:.3f}, {score.high:.3f}]" if score.low is not None else ""
    return f"test {name} {score.mean:.3f}{interval}" + ("" if record.beats_chance else ", no better than chance")


def _compute(executor: LocalExecutor, place: Place, jobs: Sequence[CellJob], narrator: Narrator) -> list[str]:
    """Compute the cells, the dearest first so that no worker is left waiting for one; returns the failures."""
    failures, spent = [], 0
    ordered = sorted(jobs, key=lambda job: -job.image_forwards)
    total = sum(job.image_forwards for job in jobs)
    for number, (job, result) in enumerate(executor.map(partial(compute_cell, place), ordered), start=1):
        spent += job.image_forwards
        narrator.progress(f"cells · {number} of {len(jobs)}", spent, total)
        if isinstance(result, Exception):
            failures.append(f"{job.model.label} {job.label}: {_reason(result)}")
        elif result.status == "failed":
            failures.append(f"{job.model.label} {job.label}: {result.reason}")
        else:
            failures += [
                f"{job.model.label} {job.label}: {label}: {info.reason}"
                for label, info in result.scores.items()
                if info.status == "failed"
            ]
    return failures


def _compare(executor: LocalExecutor, place: Place, pairs: Sequence[Pair], narrator: Narrator) -> list[str]:
    """Compare the pairs of models; returns the failures."""
    failures = []
    for pair, result in executor.map(partial(compare_models, place), pairs):
        if isinstance(result, Exception):
            failures.append(f"comparing {pair.label}: {_reason(result)}")
        elif result.status == "failed":
            failures.append(f"comparing {pair.label}: {result.reason}")
        else:
            narrator.say(f"compared the layers of {pair.label} in {result.seconds:.0f} s")
    return failures


def _reason(error: Exception) -> str:
    """Why a job ended; an error of the disk ends the run instead."""
    if isinstance(error, OSError):
        raise error
    return error.message if isinstance(error, XraybenchError) else repr(error)
