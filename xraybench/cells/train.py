"""Train one model of a run, through all stages of its chain, and score it on the test set.

Earlier stages lie in a folder that all runs share, by the digest of what goes into them: each is trained once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from xraybench.cells import model_scores
from xraybench.cells.bench import WEIGHTS, Bench, bench, trained_state
from xraybench.cells.flips import flips
from xraybench.cells.place import Place
from xraybench.cells.stored import stored_images
from xraybench.identity import digest_file
from xraybench.lineage import ModelJob
from xraybench.models.weights import carry_over, read_imagenet, read_weights
from xraybench.recipe.checkpoint import Checkpoints
from xraybench.recipe.team import Team
from xraybench.results import ModelRecord, Record, StageRecord, read_record, replacing, write_record
from xraybench.training import Trained, predict, train

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Made:
    """A model that has gone through a stage: how it started, how it went, and how long it took."""

    model: nn.Module
    start: str
    trained: Trained
    seconds: float


def train_model(place: Place, job: ModelJob, report: Report) -> ModelRecord:
    """Train one model and score it on the test set, unless its record is there."""
    folder = place.model_folder(job)
    if (folder / "model.json").exists():
        return read_record(folder / "model.json", ModelRecord)
    checkpoints = Checkpoints(folder / "checkpoint")
    made = _kept(place, job, len(job.links) - 1) or _made(place, job, len(job.links) - 1, checkpoints, report)
    _save(made.model, folder)
    record = _model_record(bench(place.for_model(job)), job, made)
    _commit(folder / "model.json", record, checkpoints)
    return record


def train_earlier(place: Place, job: ModelJob, number: int, report: Report) -> StageRecord:
    """Train stage `number` of a model's chain, unless its record is there; those before it must be."""
    link = job.links[number]
    folder = place.stage_folder(link)
    if (folder / "stage.json").exists():
        return read_record(folder / "stage.json", StageRecord)
    checkpoints = Checkpoints(folder / "checkpoint")
    made = _made(place, job, number, checkpoints, report)
    _save(made.model, folder)
    record = StageRecord(
        id=link.id,
        task=link.task.name,
        source=link.source,
        architecture=job.entry.architecture,
        recipe=link.stage.model_dump(),
        start=made.start,
        weights_digest=digest_file(folder / WEIGHTS),
        seconds=made.seconds,
        history=[{**entry} for entry in made.trained.history],
        drawn=made.trained.drawn,
    )
    _commit(folder / "stage.json", record, checkpoints)
    return record


def _commit(path: Path, record: Record, checkpoints: Checkpoints) -> None:
    """The record, and away with what was kept in case training were interrupted."""
    team = Team.here()
    if team.leads:
        write_record(path, record)
        checkpoints.clear()
    team.wait()


def _save(model: nn.Module, folder: Path) -> None:
    """The weights; of several processes the first writes them, and the others wait."""
    team = Team.here()
    if team.leads:
        _write(model, folder)
    team.wait()


def _write(model: nn.Module, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / WEIGHTS) as path:
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)


def _kept(place: Place, job: ModelJob, number: int) -> Made | None:
    """A stage that was trained because another model goes on from it, from its folder."""
    folder = place.stage_folder(job.links[number])
    if not (folder / "stage.json").exists():
        return None
    record = read_record(folder / "stage.json", StageRecord)
    desk = bench(place.of(job.links[number]))
    model = desk.build(job)
    model.load_state_dict(trained_state(folder, record.weights_digest))
    history = [{name: float("nan") if value is None else value for name, value in e.items()} for e in record.history]
    return Made(model.eval(), record.start, Trained(history, record.drawn), record.seconds)


def _made(place: Place, job: ModelJob, number: int, checkpoints: Checkpoints, report: Report) -> Made:
    """Train stage `number` from where the one before it ended, or from where it was interrupted."""
    link = job.links[number]
    desk = bench(place.of(link))
    with torch.random.fork_rng():
        torch.manual_seed(link.seed)
        model = desk.build(job)
    started = _begin(place, job, number, model)
    generator = torch.Generator().manual_seed(link.seed)
    what = f"training {job.label}" + (f" on {link.task.name}" if link.task.name != place.task.name else "")
    trained = train(
        model,
        link.stage,
        desk.examples("train", link.stage.inferred_labels),
        desk.examples("validation"),
        generator,
        lambda at, done, total: report(f"{what} · {at}", done, total),
        checkpoints,
    )
    return Made(model, started, trained, checkpoints.seconds)


def _state_of(folder: Path) -> dict[str, Tensor]:
    """Of an earlier stage."""
    return trained_state(folder, read_record(folder / "stage.json", StageRecord).weights_digest)


def _begin(place: Place, job: ModelJob, number: int, model: nn.Module) -> str:
    """Give a fresh model the weights that its stage starts from; returns what was done, as a phrase."""
    entry = job.start or job.entry
    if number > 0:
        before, link = job.links[number - 1], job.links[number]
        same = (before.task.name, before.task.labels, before.task.kind) == (
            link.task.name, link.task.labels, link.task.kind
        )  # fmt: skip
        state, origin = _state_of(place.stage_folder(before)), f"the stage on {before.task.name}"
        anew = carry_over(model, state, fresh_output=not same)
    elif entry.weights is not None:
        state, origin = read_weights(Path(entry.weights)), Path(entry.weights).name
        anew = carry_over(model, state, fresh_output=False)
    elif entry.init == "imagenet":
        state, origin = read_imagenet(entry.architecture), "ImageNet weights"
        anew = carry_over(model, state, fresh_output=True)
    else:
        return "random weights"
    return origin + (f"; drawn anew: {', '.join(anew)}" if anew else "")


def _model_record(desk: Bench, job: ModelJob, made: Made) -> ModelRecord:
    rows = desk.rows("test")
    logits = predict(made.model, stored_images(desk.prepared, rows, desk.device)).double().cpu().numpy()
    task = desk.place.task
    outputs = model_scores.outputs_of(task, desk.prepared.index.iloc[rows], logits)
    scores = model_scores.by_image(outputs)
    return ModelRecord(
        id=job.id,
        model=job.entry.name,
        architecture=job.entry.architecture,
        seed=job.seed,
        recipe=job.entry.model_dump(),
        start=made.start,
        earlier=[link.id for link in job.links[:-1]],
        weights_digest=digest_file(desk.place.model_folder(job) / WEIGHTS),
        split_digest=desk.prepared.statistics.split_digest,
        parameters=sum(parameter.numel() for parameter in made.model.parameters()),
        seconds=made.seconds,
        history=[{**entry} for entry in made.trained.history],
        drawn=made.trained.drawn,
        scores=scores,
        labels=model_scores.by_label(outputs),
        studies=model_scores.by_study(outputs),
        strata=model_scores.by_stratum(outputs),
        positives=model_scores.positives(outputs),
        hidden=model_scores.hidden(outputs),
        beats_chance=model_scores.beats_chance(task, scores),
        flips=flips(desk, made.model),
    )
