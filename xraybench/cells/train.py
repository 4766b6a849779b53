"""Train one model of a run and score it on the test set."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from xraybench import classification
from xraybench.cells.bench import Bench, bench
from xraybench.cells.place import Place
from xraybench.identity import digest_file, seed_of
from xraybench.planning import ModelJob
from xraybench.results import Interval, ModelRecord, read_record, replacing, write_record
from xraybench.tasks import Task
from xraybench.training import predict, train_stage

Report = Callable[[str, int, int], None]


def train_model(place: Place, job: ModelJob, report: Report) -> ModelRecord:
    """Train one model and score it on the test set, unless its record is there."""
    folder = place.model_folder(job)
    if (folder / "model.json").exists():
        return read_record(folder / "model.json", ModelRecord)
    desk, start = bench(place), time.perf_counter()
    seed = seed_of("model", job.entry.name, job.seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = desk.build(job)
    generator = torch.Generator().manual_seed(seed)
    validation = desk.examples("validation")
    history = []
    for stage in job.entry.stages:
        train = desk.examples("train", stage.inferred_labels)
        history += train_stage(
            model, stage, train, validation, generator, lambda done, total: report(f"training {job.label}", done, total)
        )
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "weights.safetensors") as path:
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    record = _model_record(desk, job, model, history, time.perf_counter() - start)
    write_record(folder / "model.json", record)
    return record


def _model_record(
    desk: Bench, job: ModelJob, model: nn.Module, history: list[dict[str, float]], seconds: float
) -> ModelRecord:
    rows = desk.rows("test")
    logits = predict(model, desk.images(rows)).double().cpu().numpy()
    labels = desk.labels(rows).cpu().numpy().astype(np.float64)
    table = desk.prepared.index.iloc[rows]
    scores = _test_scores(desk.place.task, table, labels, logits)
    return ModelRecord(
        id=job.id,
        model=job.entry.name,
        architecture=job.entry.architecture,
        seed=job.seed,
        recipe=job.entry.model_dump(),
        weights_digest=digest_file(desk.place.model_folder(job) / "weights.safetensors"),
        split_digest=desk.prepared.statistics.split_digest,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        seconds=seconds,
        history=[{**entry} for entry in history],
        scores=scores,
        strata=_strata(desk.place.task, table, labels, logits),
        beats_chance=_beats_chance(desk.place.task, scores),
    )


def _test_scores(
    task: Task, table: pd.DataFrame, labels: NDArray[np.float64], logits: NDArray[np.float64]
) -> dict[str, Interval]:
    patients = table["patient_id"].to_numpy().astype(str)
    weights = classification.patient_weights(patients, np.random.default_rng(seed_of("patients", task.name)))
    if task.kind == "binary":
        resampled = classification.binary_scores(labels[:, 0], 1 / (1 + np.exp(-logits[:, 0])), weights)
    else:
        shifted = np.exp(logits - logits.max(1, keepdims=True))
        resampled = classification.multi_class_scores(labels, shifted / shifted.sum(1, keepdims=True), weights)
    return classification.intervals(resampled, len(table), len(set(patients)))


def _strata(
    task: Task, table: pd.DataFrame, labels: NDArray[np.float64], logits: NDArray[np.float64]
) -> dict[str, dict[str, Interval]]:
    """Of a binary task: the positives of each stratum against all negatives."""
    if task.kind != "binary":
        return {}
    found = {}
    for column in task.strata:
        for value in sorted(set(table[column][labels[:, 0] == 1])):
            keep = ((table[column] == value) | (labels[:, 0] == 0)).to_numpy()
            found[f"{column}={value}"] = _test_scores(task, table[keep], labels[keep], logits[keep])
    return found


def _beats_chance(task: Task, scores: Mapping[str, Interval]) -> bool:
    """The interval of the ROC AUC (of balanced accuracy, for classes) lies above what guessing gives."""
    name, chance = ("roc-auc", 0.5) if task.kind == "binary" else ("balanced-accuracy", 1 / task.num_outputs)
    low = scores[name].low if name in scores else None
    return low is not None and low > chance
