"""Scores of a classifier on a test set, with 95 % intervals by bootstrap over patients (Efron & Tibshirani 1993).

Every score is a function of per-image weights [R,N]: the first row is ones (the score itself), the others say how often
a resample drew the image. So one vectorised formula gives the score and all its resamples.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from xraybench.results import Interval

Floats = NDArray[np.float64]

MIN_POSITIVES = 5  # an ROC AUC on fewer says nothing
MIN_PATIENTS = 30  # an interval over fewer says nothing
RESAMPLES = 1000


def patient_weights(patients: NDArray[np.str_], generator: np.random.Generator, resamples: int = RESAMPLES) -> Floats:
    """[1+resamples, N]: ones, then how often each image's patient is drawn, with replacement."""
    _, group = np.unique(patients, return_inverse=True)
    count = int(group.max()) + 1
    draws = generator.multinomial(count, np.full(count, 1 / count), size=resamples)
    weights: Floats = np.concatenate([np.ones((1, len(group))), draws[:, group]])
    return weights


def roc_auc(labels: Floats, scores: Floats, weights: Floats) -> Floats:
    """Area under the ROC curve, [R]: the probability that a positive outranks a negative, ties counting half."""
    positive, negative = _by_rank(labels, scores, weights)
    below = np.cumsum(negative, axis=1) - negative
    with np.errstate(invalid="ignore"):
        area: Floats = (positive * (below + negative / 2)).sum(1) / (positive.sum(1) * negative.sum(1))
    return area


def pr_auc(labels: Floats, scores: Floats, weights: Floats) -> Floats:
    """Average precision, [R]: sum over thresholds of the gain in recall times the precision."""
    positive, negative = (part[:, ::-1] for part in _by_rank(labels, scores, weights))
    true, false = np.cumsum(positive, axis=1), np.cumsum(negative, axis=1)
    with np.errstate(invalid="ignore"):
        precision = np.where(true + false > 0, true / (true + false), 0)
        average: Floats = (positive * precision).sum(1) / positive.sum(1)
    return average


def _by_rank(labels: Floats, scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weight of positives and of negatives at each distinct score, ascending: two [R,G]."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])
    weighted = weights[:, order]
    positive = np.add.reduceat(weighted * (labels[order] == 1), starts, axis=1)
    return positive, np.add.reduceat(weighted, starts, axis=1) - positive


def confusion(labels: Floats, predicted: Floats, classes: int, weights: Floats) -> Floats:
    """[R,K,K]: weight of images of true class i predicted as j."""
    cell = labels.astype(int) * classes + predicted.astype(int)
    matrix: Floats = (weights @ np.eye(classes * classes)[cell]).reshape(-1, classes, classes)
    return matrix


def from_confusion(matrix: Floats) -> dict[str, Floats]:
    """accuracy, balanced-accuracy and Cohen's kappa (Cohen 1960, eq. 1), each [R]."""
    total = matrix.sum((1, 2))
    true, predicted = matrix.sum(2), matrix.sum(1)
    correct = np.trace(matrix, axis1=1, axis2=2) / total
    chance = (true * predicted).sum(1) / total**2
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.diagonal(matrix, axis1=1, axis2=2) / true
        kappa = (correct - chance) / (1 - chance)
    return {"accuracy": correct, "balanced-accuracy": recall.mean(1), "kappa": kappa}


def from_binary_confusion(matrix: Floats) -> dict[str, Floats]:
    """sensitivity, specificity, precision, F1 and Matthews's correlation, each [R]; class 1 is the finding."""
    tn, fp, fn, tp = matrix.reshape(-1, 4).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "sensitivity": tp / (tp + fn),
            "specificity": tn / (tn + fp),
            "precision": tp / (tp + fp),
            "f1": 2 * tp / (2 * tp + fp + fn),
            "mcc": (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
        }


def binary_scores(labels: Floats, probability: Floats, weights: Floats) -> dict[str, Floats]:
    """All scores of a binary classifier; labels [N] of 0/1, probability [N] of the finding, threshold 0.5."""
    scores: dict[str, Floats] = {}
    if min((labels == 1).sum(), (labels == 0).sum()) >= MIN_POSITIVES:
        scores |= {"roc-auc": roc_auc(labels, probability, weights), "pr-auc": pr_auc(labels, probability, weights)}
    matrix = confusion(labels, (probability >= 0.5).astype(float), 2, weights)
    brier = weights @ (probability - labels) ** 2 / weights.sum(1)
    return scores | from_confusion(matrix) | from_binary_confusion(matrix) | {"brier": brier}


def multi_class_scores(labels: Floats, probability: Floats, weights: Floats) -> dict[str, Floats]:
    """All scores of a classifier into K exclusive classes; labels [N] in 0..K-1, probability [N,K]; AUC one-vs-rest."""
    classes = probability.shape[1]
    each = [roc_auc((labels == k).astype(float), probability[:, k], weights) for k in range(classes)]
    enough = min(np.bincount(labels.astype(int), minlength=classes)) >= MIN_POSITIVES
    matrix = confusion(labels, probability.argmax(1).astype(float), classes, weights)
    return ({"roc-auc": np.mean(each, axis=0)} if enough else {}) | from_confusion(matrix)


def intervals(resampled: Mapping[str, Floats], n_images: int, n_patients: int) -> dict[str, Interval]:
    """Each score with its 95 % percentile interval; None under 30 patients."""
    return {name: _interval(values, n_images, n_patients) for name, values in resampled.items()}


def _interval(values: Floats, n_images: int, n_patients: int) -> Interval:
    mean = float(values[0]) if np.isfinite(values[0]) else None
    if n_patients < MIN_PATIENTS or mean is None:
        return Interval(mean=mean, low=None, high=None, n=n_images)
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return Interval(mean=mean, low=float(low), high=float(high), n=n_images)
