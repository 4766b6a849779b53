"""Scores of a classifier on a test set, with 95 % intervals by bootstrap over patients (Efron & Tibshirani 1993).

Every score is a function of per-image weights [R,N]: the first row is ones (the score itself), the others say how often
a resample drew the image. So one vectorised formula gives the score and all its resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xraybench.results import Interval

Floats = NDArray[np.float64]

MIN_POSITIVES = 5  # an ROC AUC on fewer says nothing
MIN_PATIENTS = 30  # an interval over fewer says nothing
RESAMPLES = 1000
BINS = 15  # of the calibration error


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
    """accuracy, balanced-accuracy, Cohen's kappa (1960, eq. 1), Matthews's correlation (Gorodkin 2004), each [R]."""
    total = matrix.sum((1, 2))
    true, predicted = matrix.sum(2), matrix.sum(1)
    right = np.trace(matrix, axis1=1, axis2=2)
    correct, together = right / total, (true * predicted).sum(1)
    chance = together / total**2
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.diagonal(matrix, axis1=1, axis2=2) / true
        kappa = (correct - chance) / (1 - chance)
        spread = (total**2 - (true**2).sum(1)) * (total**2 - (predicted**2).sum(1))
        mcc = np.where(spread > 0, (right * total - together) / np.sqrt(spread), 0)
    return {"accuracy": correct, "balanced-accuracy": recall.mean(1), "kappa": kappa, "mcc": mcc}


def from_binary_confusion(matrix: Floats) -> dict[str, Floats]:
    """sensitivity, specificity, precision and F1, each [R]; class 1 is the finding."""
    tn, fp, fn, tp = matrix.reshape(-1, 4).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "sensitivity": tp / (tp + fn),
            "specificity": tn / (tn + fp),
            "precision": tp / (tp + fp),
            "f1": 2 * tp / (2 * tp + fp + fn),
        }


def calibration_error(right: Floats, confidence: Floats, weights: Floats) -> Floats:
    """Expected calibration error (Guo et al., ICML 2017), [R]: |confidence - right| in 15 bins of equal width."""
    bins = np.eye(BINS)[np.minimum((confidence * BINS).astype(int), BINS - 1)]
    error: Floats = np.abs((weights * (confidence - right)) @ bins).sum(1) / weights.sum(1)
    return error


def why_hidden(labels: Floats) -> str | None:
    """Why the areas under curves say nothing on these labels of 0/1: too few of either; None where they do."""
    for count, what in ((int((labels == 1).sum()), "positives"), (int((labels == 0).sum()), "negatives")):
        if count < MIN_POSITIVES:
            return f"{count} {what}, fewer than {MIN_POSITIVES}"
    return None


def binary_scores(labels: Floats, probability: Floats, weights: Floats) -> dict[str, Floats]:
    """All scores of a binary classifier; labels [N] of 0/1, probability [N] of the finding, threshold 0.5."""
    scores: dict[str, Floats] = {}
    if why_hidden(labels) is None:
        scores |= {"roc-auc": roc_auc(labels, probability, weights), "pr-auc": pr_auc(labels, probability, weights)}
    matrix = confusion(labels, (probability >= 0.5).astype(float), 2, weights)
    scores |= from_confusion(matrix) | from_binary_confusion(matrix)
    scores["brier"] = weights @ (probability - labels) ** 2 / weights.sum(1)
    return scores | {"ece": calibration_error(labels, probability, weights)}


def multi_class_scores(labels: Floats, probability: Floats, weights: Floats) -> dict[str, Floats]:
    """All scores of a classifier into K exclusive classes; labels [N] in 0..K-1, probability [N,K].

    Areas and F1 are means over classes, one against the rest; Brier sums over classes (Brier 1950), so it goes to 2;
    calibration is that of the predicted class.
    """
    classes = probability.shape[1]
    truth, predicted = np.eye(classes)[labels.astype(int)], probability.argmax(1)
    scores: dict[str, Floats] = {}
    if all(why_hidden(column) is None for column in truth.T):
        for name, area in (("roc-auc", roc_auc), ("pr-auc", pr_auc)):
            scores[name] = np.mean([area(truth[:, k], probability[:, k], weights) for k in range(classes)], axis=0)
    matrix = confusion(labels, predicted.astype(float), classes, weights)
    scores |= from_confusion(matrix) | {"f1": _macro_f1(matrix)}
    scores["brier"] = weights @ ((probability - truth) ** 2).sum(1) / weights.sum(1)
    return scores | {"ece": calibration_error((predicted == labels).astype(float), probability.max(1), weights)}


def _macro_f1(matrix: Floats) -> Floats:
    """Mean F1 over the classes that were there or predicted, [R]."""
    right = np.diagonal(matrix, axis1=1, axis2=2)
    with np.errstate(invalid="ignore"):
        each = 2 * right / (matrix.sum(1) + matrix.sum(2))
    return mean_over_labels(list(each.T))


def multi_label_scores(labels: Floats, probability: Floats, weights: Floats) -> list[dict[str, Floats]]:
    """The binary scores of each label, on the images [N] where it is known; labels and probability [N,K]."""
    known = ~np.isnan(labels)
    return [
        binary_scores(labels[known[:, k], k], probability[known[:, k], k], weights[:, known[:, k]])
        for k in range(labels.shape[1])
    ]


def mean_over_labels(values: Sequence[Floats]) -> Floats:
    """[R]: the mean of what is defined."""
    stacked = np.stack(values)
    defined = np.isfinite(stacked)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(defined, stacked, 0).sum(0) / defined.sum(0)
    return mean


def intervals(resampled: Mapping[str, Floats], n_images: int, n_patients: int) -> dict[str, Interval]:
    """Each score with its 95 % percentile interval; None under 30 patients."""
    return {name: _interval(values, n_images, n_patients) for name, values in resampled.items()}


def _interval(values: Floats, n_images: int, n_patients: int) -> Interval:
    mean = float(values[0]) if np.isfinite(values[0]) else None
    if n_patients < MIN_PATIENTS or mean is None:
        return Interval(mean=mean, low=None, high=None, n=n_images)
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return Interval(mean=mean, low=float(low), high=float(high), n=n_images)
