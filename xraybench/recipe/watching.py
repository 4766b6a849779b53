"""What is measured after each epoch, which epoch's weights are kept, and when training stops early."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xraybench.classification import roc_auc
from xraybench.recipe.keeping import merit
from xraybench.tasks import Stage

Entry = dict[str, float]


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of right classes, or of known labels on the right side of probability one half."""
    if not labels.is_floating_point():
        return (logits.argmax(1) == labels).double().mean()
    right = ((logits > 0) == (labels == 1))[~labels.isnan()]
    return right.double().mean()


def mean_auc(logits: Tensor, labels: Tensor) -> float:
    """ROC AUC, its mean over labels (classes: one against the rest) that have positives and negatives, else NaN."""
    scores = logits.double().cpu().numpy()
    truth = labels.double().cpu().numpy()
    if truth.ndim == 1:
        truth = np.eye(scores.shape[1])[truth.astype(int)]
    areas = []
    for score, true in zip(scores.T, truth.T, strict=True):
        known = np.isfinite(true) & np.isfinite(score)
        if 0 < true[known].sum() < known.sum():
            areas.append(float(roc_auc(true[known], score[known], np.ones((1, known.sum())))[0]))
    return float(np.mean(areas)) if areas else math.nan


def watched(stage: Stage, entry: Entry) -> float:
    """What plateaus and early stopping look at: less is better."""
    sign = 1 if stage.watch == "loss" else -1
    return sign * entry[f"validation_{stage.watch}"]


@dataclass
class Watch:
    """Follows one stage: `stop` after too long without improvement; `best` are the weights to keep (None: the last)."""

    stage: Stage
    stop: bool = False
    best: dict[str, Tensor] | None = None
    merit: float = math.inf
    least: float = math.inf
    waited: int = 0

    def see(self, model: nn.Module, entry: Entry) -> None:
        """Take note of an epoch that has ended; of equally good epochs the later one is kept."""
        if self.stage.keep != "last" and merit(self.stage, entry) <= self.merit:
            self.merit, self.best = merit(self.stage, entry), copy.deepcopy(model.state_dict())
        value = watched(self.stage, entry)
        self.waited = 0 if value < self.least or entry["epoch"] <= self.stage.frozen_epochs else self.waited + 1
        self.least = min(self.least, value)
        self.stop = self.stage.early_stopping is not None and self.waited >= self.stage.early_stopping

    def state(self) -> dict[str, Any]:
        """All that the next epoch is judged by."""
        return {name: value for name, value in vars(self).items() if name != "stage"}

    def resume(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from there, with the weights to keep on the device."""
        vars(self).update(state)
        self.best = self.best and {name: value.to(device) for name, value in self.best.items()}


@dataclass
class Tally:
    """Sums over an epoch's images: loss and accuracy, kept on the device so that no step waits for them."""

    images: int = 0
    loss: Tensor | float = 0.0
    right: Tensor | float = 0.0

    @torch.no_grad()
    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Take note of one batch; logits as the model gave them while training."""
        self.images += len(labels)
        self.loss = self.loss + loss.detach().double() * len(labels)
        self.right = self.right + accuracy(logits, labels) * len(labels)
