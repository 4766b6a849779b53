"""Where the jobs of a plan are done: its folder claimed, its data prepared, processes that wait for work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from xraybench.cells.place import Place
from xraybench.errors import RecordError, UsageError, reason_of
from xraybench.executors.inline import InlineExecutor
from xraybench.executors.local import LocalExecutor, Report, gpu_count, worker_count
from xraybench.executors.team import TeamExecutor, started_by_torchrun
from xraybench.planning import Plan
from xraybench.preparation import data_record, prepare_data
from xraybench.results import RunRecord, ShortcutRecord, read_record, write_record, writing_to

Job = TypeVar("Job")
Result = TypeVar("Result")


class Narrator(Protocol):
    """Hears how a run goes on. `progress` counts one thing; `say` is a line that stays."""

    def progress(self, what: str, done: int, total: int) -> None: ...
    def say(self, line: str) -> None: ...


@dataclass(frozen=True)
class Engine:
    """What computes: a device ("auto", "cpu", "cuda") and worker processes (None: as many as fit; 0: this one)."""

    device: str = "auto"
    workers: int | None = None

    @property
    def count(self) -> int:
        """How many processes compute at once."""
        return worker_count(self.device) if self.workers is None else max(self.workers, 1)

    def executor(self, on_event: Report) -> InlineExecutor | LocalExecutor:
        """What does its jobs; `on_event` hears what they report."""
        if self.workers == 0:
            return InlineExecutor(on_event)
        return LocalExecutor(self.count, self.device != "cpu" and gpu_count() > 0, on_event)


class Executor(Protocol):
    """Does jobs: each comes back with its result or with the error that ended it."""

    def map(
        self, work: Callable[[Job, Any], Result], jobs: Sequence[Job]
    ) -> Iterator[tuple[Job, Result | Exception]]: ...


@dataclass(frozen=True)
class Workshop:
    """A place, who works there, and who tells of it."""

    place: Place
    executor: Executor
    narrator: Narrator


@contextmanager
def workshop(plan: Plan, out: Path, engine: Engine, command: str, narrator: Narrator) -> Iterator[Workshop]:
    """The plan's, under `out`; a full disk or another run's folder ends it with a clear error."""
    if started_by_torchrun():
        raise UsageError(
            "torchrun starts several processes, and this command starts its own",
            "train with `torchrun ... -m xraybench train` first; then give this command without torchrun",
        )
    with writing_to(out):
        place = _place(plan, out, engine, command, narrator)
        with engine.executor(narrator.progress) as executor:
            yield Workshop(place, executor, narrator)


@contextmanager
def team_workshop(plan: Plan, out: Path, engine: Engine, command: str, narrator: Narrator) -> Iterator[Workshop]:
    """The same for one of the processes that torchrun started: all of them do every job together."""
    with writing_to(out), TeamExecutor(narrator.progress, engine.device) as executor:
        with executor.leader_first():
            place = _place(plan, out, engine, command, narrator)
        yield Workshop(place, executor, narrator)


def _place(plan: Plan, out: Path, engine: Engine, command: str, narrator: Narrator) -> Place:
    """The run's folder, claimed, with its data prepared unless they are; what was read and left out is on record."""
    folder = out / plan.name
    claim(folder, run_record(plan, command))
    reads = prepare_data(plan, out, engine.count, narrator)
    write_record(folder / "data.json", data_record(reads))
    return Place(folder, reads[0].prepared.folder, plan.task, plan.n_explained, engine.device, command)


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
        shortcuts=[
            ShortcutRecord(**pair.model_dump())
            for pair in task.shortcuts
            if pair.within(entry.name for entry in task.models_of(plan.preset_name))
        ],
        command=command,
        definition=task.model_dump(),
    )


def claim(folder: Path, record: RunRecord) -> None:
    """Write run.json, or check that the one there is of the same run."""
    path = folder / "run.json"
    if not path.exists():
        write_record(path, record)
    elif read_record(path, RunRecord).comparability_key != record.comparability_key:
        raise RecordError(f"{path}: belongs to another run", "choose another --out")


def failure_of(error: Exception) -> str:
    """Why a job ended; an error of the disk ends the run instead."""
    if isinstance(error, OSError):
        raise error
    return reason_of(error)
