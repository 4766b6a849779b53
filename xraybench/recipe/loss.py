"""The losses: cross-entropy for classes, binary cross-entropy for labels of which some may be unknown."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from xraybench.errors import UsageError
from xraybench.tasks import Stage


@dataclass(frozen=True)
class Loss:
    """The mean loss of logits [N,K] against int64 labels [N] (classes) or float labels [N,K] of 0, 1 or NaN (unknown).

    weights: [K] by class, or [2,K]: of negatives and of positives of each label. Classes divide by the sum of the
    images' weights, labels by the number of known ones; an unknown label has no part in the loss. smoothing moves
    each target towards the uniform distribution by that share (Szegedy et al., CVPR 2016).
    """

    weights: Tensor | None = None
    smoothing: float = 0.0

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        if not labels.is_floating_point():
            return functional.cross_entropy(logits, labels, weight=self.weights, label_smoothing=self.smoothing)
        known = ~labels.isnan()
        if self.weights is None and not self.smoothing and bool(known.all()):
            return functional.binary_cross_entropy_with_logits(logits, labels)
        labels = labels.nan_to_num()
        weights = (
            known.to(logits) if self.weights is None else known * self.weights[1].lerp(self.weights[0], 1 - labels)
        )
        targets = labels * (1 - self.smoothing) + self.smoothing / 2
        total = functional.binary_cross_entropy_with_logits(logits, targets, weight=weights, reduction="sum")
        return total / known.sum().clamp(min=1)

    def mass(self, labels: Tensor) -> Tensor:
        """What the mean divides by: parts of a batch, weighted by it, add up to the whole batch's loss."""
        if labels.is_floating_point():
            return (~labels.isnan()).sum()
        return torch.tensor(len(labels)) if self.weights is None else self.weights[labels].sum()


def loss_of(stage: Stage, labels: Tensor) -> Loss:
    """The stage's loss, its class weights counted on the training labels where it says "balanced"."""
    if stage.class_weights is None:
        return Loss(None, stage.label_smoothing)
    weights = _balanced(labels) if stage.class_weights == "balanced" else _given(stage.class_weights, labels)
    return Loss(weights.to(labels.device), stage.label_smoothing)


def _balanced(labels: Tensor) -> Tensor:
    """n / (classes x count), as scikit-learn has it: on average 1."""
    if labels.is_floating_point():
        counts = torch.stack([(labels == 0).sum(0), (labels == 1).sum(0)]).float()
    else:
        counts = labels.bincount().float()
    return counts.sum(0) / (len(counts) * counts.clamp(min=1))


def _given(weights: list[float] | str, labels: Tensor) -> Tensor:
    """[negative, positive] for one label, one a class for classes, one a label (of its positives) for several."""
    given = torch.tensor(weights, dtype=torch.float32)
    columns = labels.shape[1] if labels.is_floating_point() else 0
    expected = {0: int(labels.max()) + 1 if not columns else 0, 1: 2}.get(columns, columns)
    if len(given) != expected:
        raise UsageError(f"class_weights holds {len(given)} numbers for {expected}", "see tasks/README.md")
    if columns == 1:
        return given[:, None]
    return torch.stack([torch.ones_like(given), given]) if columns else given
