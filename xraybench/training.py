"""Training: one readable loop over in-memory tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from xraybench.tasks import Stage

Progress = Callable[[int, int], None]
PREDICTION_BATCH = 256


@dataclass(frozen=True)
class Examples:
    """Images float32 [N,C,H,W], normalised; labels float32 [N,1] of 0/1 (binary) or int64 [N] (classes)."""

    images: Tensor
    labels: Tensor


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy for float labels, cross-entropy for class numbers."""
    if labels.is_floating_point():
        return functional.binary_cross_entropy_with_logits(logits, labels)
    return functional.cross_entropy(logits, labels)


def train_stage(
    model: nn.Module,
    stage: Stage,
    train: Examples,
    validation: Examples,
    generator: torch.Generator,
    progress: Progress,
) -> list[dict[str, float]]:
    """Train `model` in place; returns the losses of every epoch. All randomness is `generator`'s (a CPU generator)."""
    optimizer = _optimizer(model, stage)
    steps = -(-len(train.images) // stage.batch_size)
    schedule = _schedule(optimizer, stage, steps)
    history: list[dict[str, float]] = []
    best = copy.deepcopy(model.state_dict())
    for epoch in range(stage.epochs):
        model.train()
        total = 0.0
        for batch in _batches(train, stage, generator):
            loss = loss_of(model(batch.images), batch.labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(batch.images)
        validation_loss = float(loss_of(predict(model, validation.images), validation.labels))
        history.append(
            {"epoch": epoch + 1, "train_loss": total / len(train.images), "validation_loss": validation_loss}
        )
        if stage.keep == "last" or validation_loss == min(entry["validation_loss"] for entry in history):
            best = copy.deepcopy(model.state_dict())
        progress(epoch + 1, stage.epochs)
    model.load_state_dict(best)
    model.eval()
    return history


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Logits [N,K] in evaluation mode; the model is left in that mode."""
    model.eval()
    with torch.inference_mode():
        return torch.cat([model(batch) for batch in images.split(PREDICTION_BATCH)])


def _optimizer(model: nn.Module, stage: Stage) -> torch.optim.Optimizer:
    parameters, rate, decay = model.parameters(), stage.learning_rate, stage.weight_decay
    if stage.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=decay)
    if stage.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=rate, weight_decay=decay)
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)


def _schedule(optimizer: torch.optim.Optimizer, stage: Stage, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    if stage.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, stage.learning_rate, total_steps=stage.epochs * steps)


def _batches(examples: Examples, stage: Stage, generator: torch.Generator) -> Iterator[Examples]:
    """One epoch in a fresh order, augmented as the stage says."""
    order = torch.randperm(len(examples.images), generator=generator).to(examples.images.device)
    for chosen in order.split(stage.batch_size):
        yield Examples(_augment(examples.images[chosen], stage, generator), examples.labels[chosen])


def _augment(images: Tensor, stage: Stage, generator: torch.Generator) -> Tensor:
    """Random left-right flip and translation of each image, noise on each pixel."""
    if stage.flip:
        flipped = torch.rand(len(images), generator=generator) < 0.5
        images = torch.where(flipped.to(images.device)[:, None, None, None], images.flip(-1), images)
    if stage.shift:
        theta = torch.eye(2, 3).repeat(len(images), 1, 1)
        theta[:, :, 2] = (torch.rand(len(images), 2, generator=generator) * 2 - 1) * 2 * stage.shift
        grid = functional.affine_grid(theta.to(images.device), list(images.shape), align_corners=False)
        images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    if stage.noise:
        images = images + stage.noise * torch.randn(images.shape, generator=generator).to(images.device)
    return images
