"""Train one model of a run and score it on the test set."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from safetensors.torch import save_file
from torch import nn

from xraybench.cells import model_scores
from xraybench.cells.bench import Bench, bench
from xraybench.cells.place import Place
from xraybench.identity import digest_file, seed_of
from xraybench.planning import ModelJob
from xraybench.results import ModelRecord, read_record, replacing, write_record
from xraybench.training import Trained, predict, train

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

    def progress(done: int, total: int) -> None:
        report(f"training {job.label}", done, total)

    stages = [
        train(model, stage, desk.examples("train", stage.inferred_labels), validation, generator, progress)
        for stage in job.entry.stages
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "weights.safetensors") as path:
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    record = _model_record(desk, job, model, stages, time.perf_counter() - start)
    write_record(folder / "model.json", record)
    return record


def _model_record(desk: Bench, job: ModelJob, model: nn.Module, stages: list[Trained], seconds: float) -> ModelRecord:
    rows = desk.rows("test")
    logits = predict(model, desk.images(rows)).double().cpu().numpy()
    task = desk.place.task
    outputs = model_scores.outputs_of(task, desk.prepared.index.iloc[rows], logits)
    scores = model_scores.by_image(outputs)
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
        history=[{**entry} for stage in stages for entry in stage.history],
        drawn=[stage.drawn for stage in stages],
        scores=scores,
        labels=model_scores.by_label(outputs),
        studies=model_scores.by_study(outputs),
        strata=model_scores.by_stratum(outputs),
        positives=model_scores.positives(outputs),
        hidden=model_scores.hidden(outputs),
        beats_chance=model_scores.beats_chance(task, scores),
    )
