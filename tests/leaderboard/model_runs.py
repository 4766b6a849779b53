"""Run folders that hold trained models and no cells, written through the writers of records."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xraybench.identity import seed_of
from xraybench.results import (
    DataRecord,
    Interval,
    ModelRecord,
    RunRecord,
    SourceRecord,
    SplitCount,
    StageRecord,
    write_record,
)
from xraybench.tasks import ModelEntry, Task, load_task

BINARY = ("roc-auc", "pr-auc", "accuracy", "kappa", "f1", "brier")


def scores(*key: object, n: int = 600, without: tuple[str, ...] = ()) -> dict[str, Interval]:
    """Invented scores, the same for the same key."""
    rng = np.random.default_rng(seed_of(*map(str, key)))
    means = {name: float(rng.uniform(0.5, 0.9)) for name in BINARY if name not in without}
    return {name: Interval(mean=mean, low=mean - 0.03, high=mean + 0.04, n=n) for name, mean in means.items()}


def history(epochs: int) -> list[dict[str, float | None]]:
    """Losses that fall and rise again after two thirds, and an AUC that rises and falls."""
    best = 2 * epochs // 3
    return [
        {
            "epoch": float(epoch),
            "train_loss": 0.7 - 0.4 * epoch / epochs,
            "train_accuracy": 0.5 + 0.4 * epoch / epochs,
            "validation_loss": 0.4 + 0.3 * abs(epoch - best) / epochs,
            "validation_accuracy": 0.5 + 0.3 * epoch / epochs,
            "validation_auc": 0.9 - 0.4 * abs(epoch - best) / epochs,
        }
        for epoch in range(1, epochs + 1)
    ]


def write_models(
    folder: Path,
    task_name: str = "wrist",
    preset: str = "paper",
    *,
    models: tuple[str, ...] | None = None,
    seeds: tuple[int, ...] = (0,),
    source: str | None = None,
    stages: bool = True,
) -> Path:
    """A run of a task's preset in which these models (None: all of the preset) are trained; its folder is given back.

    stages: whether the records of earlier stages lie beside the run.
    """
    task = load_task(task_name)
    entries = [one for one in task.models_of(preset) if models is None or one.name in models]
    write_record(folder / "run.json", _run(folder.name, task, preset, source or task.sources[0]))
    for entry in entries:
        earlier = (
            _write_stages(folder, task, entry) if stages else [f"stage-of-{one.name}" for one in _before(task, entry)]
        )
        for seed in seeds:
            record = _model(task, entry, seed, earlier)
            write_record(folder / "models" / record.id / "model.json", record)
    return folder


def _run(name: str, task: Task, preset: str, source: str) -> RunRecord:
    return RunRecord(
        name=name,
        task=task.name,
        task_version=task.version,
        title=task.title,
        preset=preset,
        source=source,
        phantom=source.startswith("phantom"),
        redistributable=True,
        comparability_key="5e1f",
        data_digest="aa55",
        explained="Nothing is.",
        notes=task.notes,
        reference_values=task.reference,
        reference_data=task.reference_data,
        label_reference_values=task.label_reference,
        command=f"xraybench run --task {task.name} --preset {preset}",
        definition=task.model_dump(mode="json"),
    )


def _before(task: Task, entry: ModelEntry) -> list[ModelEntry]:
    return task.chain(entry)[:-1]


def _write_stages(folder: Path, task: Task, entry: ModelEntry) -> list[str]:
    ids = []
    for one in _before(task, entry):
        stage = one.stages[0]
        record = StageRecord(
            id=f"stage-of-{one.name}",
            task=stage.task or task.name,
            source="phantom-mura",
            architecture=entry.architecture,
            recipe=stage.model_dump(),
            start="random weights",
            weights_digest="77",
            seconds=500.0,
            history=history(9),
            drawn={},
        )
        write_record(folder.parent / "stages" / record.id / "stage.json", record)
        ids.append(record.id)
    return ids


def _model(task: Task, entry: ModelEntry, seed: int, earlier: list[str]) -> ModelRecord:
    several = task.kind == "multi-label"
    rare = {"Fracture", "Pleural Other"} & set(task.labels)
    areas = ("roc-auc", "pr-auc")
    return ModelRecord(
        id=f"{entry.name}-s{seed}",
        model=entry.name,
        architecture=entry.architecture,
        seed=seed,
        recipe=entry.model_dump(),
        weights_digest=f"{seed_of(entry.name, seed):016x}"[:16],
        split_digest="0123456789abcdef",
        parameters=12_484_353,
        seconds=41.0,
        history=history(30),
        scores=scores(entry.name, seed),
        labels={
            one: scores(entry.name, seed, one, without=areas if one in rare else ()) for one in task.labels if several
        },
        studies={}
        if several
        else {rule: scores(entry.name, seed, rule, n=250) for rule in ("mean-probability", "majority-vote")},
        positives={label: 3 if label in rare else 120 for label in task.labels},
        hidden={label: "3 positives, fewer than 5" for label in task.labels if label in rare},
        start="ImageNet weights; drawn anew: classifier.5" if entry.init == "imagenet" else "random weights",
        earlier=earlier,
        strata={"grade=hairline": scores(entry.name, seed, "hairline", n=310)},
        beats_chance=True,
    )


def write_data(folder: Path, source: str, train: int, test: int) -> None:
    """What the run read."""
    counts = {name: SplitCount(images=n, patients=n, positives={}) for name, n in (("train", train), ("test", test))}
    write_record(folder / "data.json", DataRecord(sources=[SourceRecord(source=source, task="any", splits=counts)]))
