"""Training: one readable loop. It reads batches, takes steps, measures after each epoch, and may be interrupted."""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from xraybench.errors import UsageError
from xraybench.identity import seed_of
from xraybench.recipe.ahead import ahead
from xraybench.recipe.augment import augment
from xraybench.recipe.checkpoint import Checkpoints
from xraybench.recipe.compiled import compiled
from xraybench.recipe.course import Course
from xraybench.recipe.loss import Loss, loss_of
from xraybench.recipe.optimise import head
from xraybench.recipe.search import draws_of
from xraybench.recipe.team import Batch, Team
from xraybench.recipe.watching import Entry, accuracy, mean_auc
from xraybench.tasks import Stage

Progress = Callable[[str, int, int], None]  # what it is at, steps done, steps in all
PREDICTION_BATCH = 256
TELL = 0.5  # seconds between reports


class Images(Protocol):
    """Images float32 [N,C,H,W], normalised; a tensor is one, and so is anything that reads them when asked."""

    def __len__(self) -> int: ...
    def __getitem__(self, chosen: Tensor | slice, /) -> Tensor: ...


@dataclass(frozen=True)
class Examples:
    """Images with labels: int64 [N] of classes, or float32 [N,K] of 0, 1 or NaN (unknown)."""

    images: Images
    labels: Tensor


@dataclass(frozen=True)
class Terms:
    """What a stage is trained by that does not change on the way; `network` is the model as steps call it."""

    train: Examples
    validation: Examples
    loss: Loss
    generator: torch.Generator
    progress: Progress
    checkpoints: Checkpoints | None
    team: Team
    network: nn.Module

    def keep(self, course: Course) -> None:
        """Write a checkpoint where one is due."""
        if self.checkpoints is not None and self.checkpoints.due:
            self.checkpoints.write(course.state())


@dataclass(frozen=True)
class Trained:
    """How a stage went: what was measured after every epoch, and the values that a search settled on (else none)."""

    history: list[Entry]
    drawn: dict[str, Any]


def train(
    model: nn.Module,
    stage: Stage,
    train: Examples,
    validation: Examples,
    generator: torch.Generator,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
) -> Trained:
    """Train `model` in place by the stage's recipe, or by the best of those drawn where it says to search.

    Each drawn recipe starts from the same weights and the same random numbers; the one whose model has the least plain
    validation loss is kept. With checkpoints, what was interrupted goes on from the last one, to the same end.
    """
    if not stage.search:
        return Trained(train_stage(model, stage, train, validation, generator, progress, checkpoints), {})
    draws = draws_of(stage, generator.initial_seed())
    state = (checkpoints and checkpoints.read()) or {"draws": 0, "loss": math.inf, "history": [], "drawn": {}}
    for number, draw in enumerate(draws[state["draws"] :], start=state["draws"] + 1):
        candidate, own = copy.deepcopy(model), torch.Generator().manual_seed(generator.initial_seed())
        history = train_stage(candidate, draw.stage, train, validation, own, lambda what, done, total: None)
        loss = _plain_loss(candidate, validation)
        state["draws"] = number
        if loss < state["loss"]:
            state |= {"loss": loss, "history": history, "drawn": draw.values, "model": dict(candidate.state_dict())}
        if checkpoints is not None and Team.here().leads:
            checkpoints.write(state)
        progress(f"recipe {number} of {len(draws)}", number, len(draws))
    model.load_state_dict(state.get("model", model.state_dict()))
    model.eval()
    return Trained(state["history"], state["drawn"])


def _plain_loss(model: nn.Module, validation: Examples) -> float:
    loss = float(Loss()(predict(model, validation.images), validation.labels))
    return Team.here().told({"loss": loss}, validation.labels.device)["loss"]


def train_stage(
    model: nn.Module,
    stage: Stage,
    train: Examples,
    validation: Examples,
    generator: torch.Generator,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
) -> list[Entry]:
    """Train `model` in place; returns what was measured after every epoch, with the kept epoch's weights in the model.

    All randomness is `generator`'s (a CPU generator), dropout's by its initial seed. With a micro-batch, gradients are
    those of the whole batch, but BatchNorm normalises by each part; several processes (`Team`) train alike.
    """
    team, loss = Team.here(), loss_of(stage, train.labels)
    course = Course.begin(model, stage, len(train.images), generator)
    with _prepared(model, stage, generator), compiled(model, stage, team) as network:
        terms = Terms(train, validation, loss, generator, progress, checkpoints, team, network)
        if checkpoints is not None and (state := checkpoints.read()) is not None:
            course.resume(state)
        while not course.done:
            _train_epoch(course, terms)
            course.end_epoch(_measured(course, terms), generator)
            if terms.team.leads:
                terms.keep(course)
    progress("trained", course.steps, course.steps)
    if course.watch.best is not None:
        model.load_state_dict(course.watch.best)
    return course.history


def predict(model: nn.Module, images: Images) -> Tensor:
    """Logits [N,K] in evaluation mode; the model is left in that mode."""
    model.eval()
    starts = range(0, len(images), PREDICTION_BATCH)
    with torch.inference_mode():
        return torch.cat([model(images[start : start + PREDICTION_BATCH]) for start in starts])


def _train_epoch(course: Course, terms: Terms) -> None:
    """The steps of one epoch that are not done; what they are at is told twice a second."""
    _train_mode(course.model, frozen=course.epoch <= course.stage.frozen_epochs)
    forward = terms.team.joined(terms.network)
    if terms.team.size > 1:
        torch.manual_seed(seed_of(terms.generator.initial_seed(), course.epoch, terms.team.rank))  # dropout's
    terms.generator.set_state(course.order)
    begun = told = time.monotonic()
    before, skipped = course.tally.images, course.skipped
    batches = _batches(terms.train, course.stage, terms.generator)
    batches = itertools.islice(batches, skipped, skipped + course.ahead)
    for batch in ahead(batches) if terms.train.labels.is_cuda else batches:
        course.optimizer.zero_grad(set_to_none=True)
        _backward(course, terms, forward, batch)
        course.take_step()
        if course.ahead and terms.team.size == 1:  # several processes agree on one state only where an epoch ends
            terms.keep(course)
        if (now := time.monotonic()) - told >= TELL:
            told = now
            terms.progress(_at(course, (course.tally.images - before) / (now - begun)), course.step, course.steps)


def _at(course: Course, rate: float) -> str:
    """`epoch 3 of 12, loss 0.412, validation AUC 0.871, 1,830 images/s`; the AUC is that of the epoch before."""
    loss = float(course.tally.loss) / max(course.tally.images, 1)  # of several processes one may have had none yet
    area = f", validation AUC {course.history[-1]['validation_auc']:.3f}" if course.history else ""
    return (
        f"epoch {course.epoch} of {-(-course.steps // course.per_epoch)}, loss {loss:.3f}{area}, {rate:,.0f} images/s"
    )


def _backward(course: Course, terms: Terms, forward: nn.Module, batch: Batch) -> None:
    """Add up the batch's gradients, a micro-batch at a time; of several processes each does its part."""
    stage, team, whole = course.stage, terms.team, terms.loss.mass(batch[1])
    (images, labels), counts = team.part(batch)
    parts = list(zip(*(part.split(stage.micro_batch or stage.batch_size) for part in (images, labels)), strict=True))
    for number, (part, known) in enumerate(parts, start=1):
        with nullcontext() if number == len(parts) else team.apart(forward):
            half = stage.bf16 == "everywhere" or (stage.bf16 and part.is_cuda)
            with torch.autocast(part.device.type, torch.bfloat16, enabled=half):
                logits = forward(part)
            value = terms.loss(logits.float(), known)
            if counts:
                course.tally.add(value, logits, known)
            if len(known) < len(batch[1]):
                value = value * (counts * team.size * terms.loss.mass(known) / whole)
            value.backward()


def _measured(course: Course, terms: Terms) -> Entry:
    tally, validation = course.tally, terms.validation
    terms.team.settle(course.model, tally)
    entry = {
        "epoch": course.epoch,
        "train_loss": float(tally.loss) / tally.images,
        "train_accuracy": float(tally.right) / tally.images,
        **dict.fromkeys(("validation_loss", "validation_accuracy", "validation_auc"), math.nan),
    }
    if terms.team.leads:
        logits = predict(course.model, validation.images)
        entry["validation_loss"] = float(terms.loss(logits, validation.labels))
        entry["validation_accuracy"] = float(accuracy(logits, validation.labels))
        entry["validation_auc"] = mean_auc(logits, validation.labels)
    return terms.team.told(entry, validation.labels.device) | {"epoch": course.epoch}


def _batches(examples: Examples, stage: Stage, generator: torch.Generator) -> Iterator[Batch]:
    """One epoch in a fresh order, augmented as the stage says."""
    for chosen in torch.randperm(len(examples.images), generator=generator).split(stage.batch_size):
        yield augment(examples.images[chosen], stage, generator), examples.labels[chosen]


def _train_mode(model: nn.Module, frozen: bool) -> None:
    """All of it learns, or its head alone: then features are as in evaluation, BatchNorm's statistics included."""
    model.train(not frozen)
    model.requires_grad_(not frozen)
    if frozen:
        model.get_submodule(head(model)).train().requires_grad_(True)


@contextmanager
def _prepared(model: nn.Module, stage: Stage, generator: torch.Generator) -> Iterator[None]:
    """Dropout at the stage's rate, drawn from the generator's seed; a GPU's convolutions in TF32, as torch has them.

    Afterwards all is as it was, and the model in eval mode.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    if stage.dropout is not None and not layers:
        raise UsageError("dropout is set, but the architecture has no dropout layer", "leave the key out")
    before, cudnn = [layer.p for layer in layers], torch.backends.cudnn
    tf32, cudnn.allow_tf32 = cudnn.allow_tf32, True
    for layer in layers:
        layer.p = layer.p if stage.dropout is None else stage.dropout
    try:
        with torch.random.fork_rng():
            torch.manual_seed(generator.initial_seed())
            yield
    finally:
        cudnn.allow_tf32 = tf32
        for layer, share in zip(layers, before, strict=True):
            layer.p = share
        model.requires_grad_(True)
        model.eval()
