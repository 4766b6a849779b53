"""Training: one readable loop over in-memory tensors."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from xraybench.errors import UsageError
from xraybench.recipe.augment import augment
from xraybench.recipe.loss import Loss, loss_of
from xraybench.recipe.optimise import head, optimizer_of, schedule_of
from xraybench.recipe.search import draws_of
from xraybench.recipe.watching import Entry, Tally, Watch, accuracy, mean_auc, watched
from xraybench.tasks import Stage

Progress = Callable[[int, int], None]
PREDICTION_BATCH = 256


@dataclass(frozen=True)
class Examples:
    """Images float32 [N,C,H,W], normalised; labels int64 [N] of classes, or float32 [N,K] of 0, 1 or NaN (unknown)."""

    images: Tensor
    labels: Tensor

    def split(self, size: int) -> Iterator[Examples]:
        """Pieces of at most so many images."""
        return map(Examples, self.images.split(size), self.labels.split(size))


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
) -> Trained:
    """Train `model` in place by the stage's recipe, or by the best of those drawn where it says to search.

    Each drawn recipe starts from the same weights and the same random numbers; the one whose model has the least plain
    validation loss is kept.
    """
    if not stage.search:
        return Trained(train_stage(model, stage, train, validation, generator, progress), {})
    draws = draws_of(stage, generator.initial_seed())
    least, best, kept = math.inf, Trained([], {}), model.state_dict()
    for number, draw in enumerate(draws, start=1):
        candidate, own = copy.deepcopy(model), torch.Generator().manual_seed(generator.initial_seed())
        history = train_stage(candidate, draw.stage, train, validation, own, lambda done, total: None)
        value = float(Loss()(predict(candidate, validation.images), validation.labels))
        if value < least:
            least, best, kept = value, Trained(history, draw.values), candidate.state_dict()
        progress(number, len(draws))
    model.load_state_dict(kept)
    model.eval()
    return best


def train_stage(
    model: nn.Module,
    stage: Stage,
    train: Examples,
    validation: Examples,
    generator: torch.Generator,
    progress: Progress,
) -> list[Entry]:
    """Train `model` in place; returns what was measured after every epoch, with the kept epoch's weights in the model.

    All randomness is `generator`'s (a CPU generator), dropout's by its initial seed. With a micro-batch, gradients are
    those of the whole batch, but BatchNorm normalises by each part.
    """
    per_epoch = -(-len(train.images) // stage.batch_size)
    steps = stage.iterations or (stage.epochs or 0) * per_epoch
    loss, optimizer = loss_of(stage, train.labels), optimizer_of(model, stage)
    schedule = schedule_of(optimizer, stage, steps)
    history: list[Entry] = []
    watch = Watch(stage)
    with _prepared(model, stage, generator):
        for epoch, first in enumerate(range(0, steps, per_epoch), start=1):
            _train_mode(model, frozen=epoch <= stage.frozen_epochs)
            tally = Tally()
            for batch in itertools.islice(_batches(train, stage, generator), steps - first):
                optimizer.zero_grad(set_to_none=True)
                _backward(model, loss, batch, stage, tally)
                optimizer.step()
                if not isinstance(schedule, ReduceLROnPlateau):
                    schedule.step()
            history.append(_measured(epoch, model, validation, loss, tally))
            watch.see(model, history[-1])
            if isinstance(schedule, ReduceLROnPlateau):
                schedule.step(watched(stage, history[-1]))
            progress(epoch, -(-steps // per_epoch))
            if watch.stop:
                break
    if watch.best is not None:
        model.load_state_dict(watch.best)
    return history


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Logits [N,K] in evaluation mode; the model is left in that mode."""
    model.eval()
    with torch.inference_mode():
        return torch.cat([model(batch) for batch in images.split(PREDICTION_BATCH)])


def _backward(model: nn.Module, loss: Loss, batch: Examples, stage: Stage, tally: Tally) -> None:
    """Add up the batch's gradients, a micro-batch at a time."""
    whole = loss.mass(batch.labels)
    for part in batch.split(stage.micro_batch or stage.batch_size):
        with torch.autocast("cuda", torch.bfloat16, enabled=stage.bf16 and part.images.is_cuda):
            logits = model(part.images)
        value = loss(logits.float(), part.labels)
        tally.add(value, logits, part.labels)
        (value if len(part.labels) == len(batch.labels) else value * (loss.mass(part.labels) / whole)).backward()


def _measured(epoch: int, model: nn.Module, validation: Examples, loss: Loss, tally: Tally) -> Entry:
    logits = predict(model, validation.images)
    return {
        "epoch": epoch,
        "train_loss": float(tally.loss) / tally.images,
        "train_accuracy": float(tally.right) / tally.images,
        "validation_loss": float(loss(logits, validation.labels)),
        "validation_accuracy": float(accuracy(logits, validation.labels)),
        "validation_auc": mean_auc(logits, validation.labels),
    }


def _batches(examples: Examples, stage: Stage, generator: torch.Generator) -> Iterator[Examples]:
    """One epoch in a fresh order, augmented as the stage says."""
    order = torch.randperm(len(examples.images), generator=generator).to(examples.images.device)
    for chosen in order.split(stage.batch_size):
        yield Examples(augment(examples.images[chosen], stage, generator), examples.labels[chosen])


def _train_mode(model: nn.Module, frozen: bool) -> None:
    """All of it learns, or its head alone: then features are as in evaluation, BatchNorm's statistics included."""
    model.train(not frozen)
    model.requires_grad_(not frozen)
    if frozen:
        model.get_submodule(head(model)).train().requires_grad_(True)


@contextmanager
def _prepared(model: nn.Module, stage: Stage, generator: torch.Generator) -> Iterator[None]:
    """Dropout at the stage's rate, drawn from the generator's seed; afterwards the model is as it was, in eval mode."""
    layers = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    if stage.dropout is not None and not layers:
        raise UsageError("dropout is set, but the architecture has no dropout layer", "leave the key out")
    before = [layer.p for layer in layers]
    for layer in layers:
        layer.p = layer.p if stage.dropout is None else stage.dropout
    try:
        with torch.random.fork_rng():
            torch.manual_seed(generator.initial_seed())
            yield
    finally:
        for layer, share in zip(layers, before, strict=True):
            layer.p = share
        model.requires_grad_(True)
        model.eval()
