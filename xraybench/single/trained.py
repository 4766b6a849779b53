"""A trained model of a run folder, and what it was trained with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xraybench import registry
from xraybench.cells.place import Place
from xraybench.errors import DataError, UsageError
from xraybench.lineage import ModelJob
from xraybench.results import ModelRecord, RunRecord, read_record
from xraybench.tasks import ModelEntry, Preset, Steps, Task


@dataclass(frozen=True)
class Trained:
    """One model of a run: where it lies, its record, and the preprocessing of its images."""

    place: Place
    job: ModelJob
    run: RunRecord
    preset: Preset
    steps: Steps


def trained_model(folder: Path, model: str | None, device: str = "auto") -> Trained:
    """The model asked for, or the only one of the folder: a run's, or that of a model in it.

    Errors say what the folder lacks and what would bring it.
    """
    from xraybench.data.prepared import Statistics

    of_model = (folder / "model.json").exists()
    run_folder = folder.resolve().parents[1] if of_model else folder
    if not (run_folder / "run.json").exists():
        raise DataError(f"{run_folder}: is not a run folder", "`xraybench status` lists the runs; train one with run")
    run = read_record(run_folder / "run.json", RunRecord)
    found = [folder] if of_model else sorted(path.parent for path in run_folder.glob("models/*/model.json"))
    record = _chosen([read_record(one / "model.json", ModelRecord) for one in found], run_folder, run, model)
    data = run_folder.parent / "data" / run.data_digest
    if Statistics.read(data) is None:
        raise DataError(f"{data}: the run's prepared data are gone", f"make them again: {run.command}")
    task = Task.model_validate(run.definition)
    preset = task.preset(run.preset)
    steps = task.steps_of(preset)
    if any(step.step == "side-by-side" for step in steps):
        raise UsageError("this run's models see two views of a case at once", "explain cases with `xraybench run`")
    job = _job(record)
    return Trained(Place(run_folder, data, task, 1, device, "").for_model(job), job, run, preset, steps)


def _chosen(found: Sequence[ModelRecord], run_folder: Path, run: RunRecord, model: str | None) -> ModelRecord:
    records = {record.model: record for record in sorted(found, key=lambda record: -record.seed)}  # the first seed's
    if not records:
        raise DataError(f"{run_folder}: holds no trained model", f"train its models: {run.command}")
    if model is None and len(records) > 1:
        hint = f"choose one: --run {run_folder} --model {' or '.join(records)}"
        raise UsageError(f"{run_folder} has several models", hint)
    return registry.near(model or next(iter(records)), records, "model of this run")


def _job(record: ModelRecord) -> ModelJob:
    recipe: Mapping[str, object] = record.recipe
    return ModelJob(record.id, ModelEntry.model_validate(recipe), record.seed)
