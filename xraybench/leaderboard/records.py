"""Finding runs and reading them: the only input of boards and pages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xraybench.errors import DataError, RecordError
from xraybench.results import (
    FINDINGS,
    CellRecord,
    ComparisonRecord,
    DataRecord,
    FindingsRecord,
    ModelRecord,
    RunRecord,
    StageRecord,
    iterate_records,
    read_record,
)
from xraybench.score_files import CURE, SCORES, ImageScores, read_scores

MAX_DEPTH = 4  # <folder>/<task>/records/<run>/run.json is the deepest that is looked for


@dataclass(frozen=True)
class CellData:
    """A cell's record and, by metric label, its scores."""

    folder: Path
    record: CellRecord
    scores: dict[str, ImageScores]


@dataclass(frozen=True)
class RunData:
    """A run folder, read whole (but for galleries, which pages read one at a time)."""

    folder: Path
    run: RunRecord
    data: DataRecord | None  # None: the run is of a version that kept no such record
    models: tuple[ModelRecord, ...]
    cells: tuple[CellData, ...]
    stages: Mapping[str, StageRecord]  # earlier stages of the models, by id: those whose records are there
    comparisons: tuple[ComparisonRecord, ...] = ()
    findings: Mapping[str, FindingsRecord] = field(default_factory=dict)  # by model id: those that are there


def load_run(folder: Path) -> RunData:
    """Read a run folder; RecordError names the first file that cannot be read."""
    run = read_record(folder / "run.json", RunRecord)
    models = sorted(
        (record for _, record in iterate_records(folder / "models", "model.json", ModelRecord)),
        key=lambda model: (model.model, model.seed),
    )
    cells = sorted(
        (_load_cell(path, record) for path, record in iterate_records(folder / "cells", "cell.json", CellRecord)),
        key=lambda cell: (cell.record.model, cell.record.explainer, cell.record.seed),
    )
    data = folder / "data.json"
    read = read_record(data, DataRecord) if data.exists() else None
    stages = {one: read_record(path, StageRecord) for one, path in stage_paths(folder, models).items()}
    compared = iterate_records(folder / "comparisons", "comparison.json", ComparisonRecord)
    comparisons = tuple(record for _, record in compared)
    found = {path.name: record for path, record in iterate_records(folder / "models", FINDINGS, FindingsRecord)}
    return RunData(folder, run, read, tuple(models), tuple(cells), stages, comparisons, found)


def stage_paths(folder: Path, models: Iterable[ModelRecord]) -> dict[str, Path]:
    """Records of the stages that models went through before, by id: in a published run, else beside the runs."""
    wanted = dict.fromkeys(one for model in models for one in model.earlier)
    places = {one: [root / "stages" / one / "stage.json" for root in (folder, folder.parent)] for one in wanted}
    found = {one: next((path for path in paths if path.is_file()), None) for one, paths in places.items()}
    return {one: path for one, path in found.items() if path is not None}


def _load_cell(folder: Path, record: CellRecord) -> CellData:
    measured = [label for label, info in record.scores.items() if info.status == "ok"] if record.status == "ok" else []
    scores = read_scores(folder) if measured else {}
    if missing := [label for label in measured if label not in scores]:
        raise RecordError(f"{folder / SCORES}: lacks {missing[0]}", CURE)
    return CellData(folder, record, {label: scores[label] for label in measured})


def find_runs(root: Path, task: str) -> list[Path]:
    """Folders of the task's runs at most MAX_DEPTH levels below root, in order; DataError where there is none."""
    found = [folder for folder in _run_folders(root, MAX_DEPTH) if _task_of(folder) == task]
    if not found:
        raise DataError(f"no run of the task {task!r} below {root}", f"`xraybench run --task {task}` first")
    return found


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / "run.json").is_file():
        yield folder
    elif depth and folder.is_dir():
        for child in sorted(folder.iterdir()):
            if child.is_dir() and not child.name.startswith("."):
                yield from _run_folders(child, depth - 1)


def _task_of(folder: Path) -> str:
    """The task that a run.json names, whatever its version; RecordError where it cannot be read at all."""
    try:
        return str(json.loads((folder / "run.json").read_text(encoding="utf-8"))["task"])
    except (OSError, ValueError, KeyError, TypeError):
        return read_record(folder / "run.json", RunRecord).task
