"""A model's own scores on the test set, for its record: by image, study, label and stratum, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraybench import classification
from xraybench.identity import seed_of
from xraybench.results import Interval
from xraybench.tasks import Task

Floats = NDArray[np.float64]
Scores = dict[str, Interval]


@dataclass(frozen=True)
class Outputs:
    """labels [N,K] of 0, 1 or NaN; probability [N,K] (K = 1 for a binary task); the index rows [N] of the images."""

    task: Task
    table: pd.DataFrame
    labels: Floats
    probability: Floats

    def where(self, keep: NDArray[np.bool_]) -> Outputs:
        """Some of the images."""
        return replace(self, table=self.table[keep], labels=self.labels[keep], probability=self.probability[keep])


def outputs_of(task: Task, table: pd.DataFrame, logits: Floats) -> Outputs:
    """A sigmoid each for labels, a softmax for exclusive classes; images without any known label are left out."""
    labels = table[task.labels].to_numpy(dtype=np.float64)
    if task.kind == "multi-class":
        shifted = np.exp(logits - logits.max(1, keepdims=True))
        probability = shifted / shifted.sum(1, keepdims=True)
    else:
        probability = 0.5 * (1 + np.tanh(logits / 2))
    return Outputs(task, table, labels, probability).where(~np.isnan(labels).all(1))


def by_image(outputs: Outputs) -> Scores:
    """Every score of the test set, means over labels where there are several."""
    if outputs.task.kind != "multi-label":
        return _intervals(outputs, _resampled(outputs))
    each = _each_label(outputs)
    names = list(dict.fromkeys(name for scores in each for name in scores))
    means = {
        name: classification.mean_over_labels([scores[name] for scores in each if name in scores]) for name in names
    }
    return _intervals(outputs, means)


def by_label(outputs: Outputs) -> dict[str, Scores]:
    """Of a multi-label task: every label's scores, on the images where it is known."""
    if outputs.task.kind != "multi-label":
        return {}
    known = ~np.isnan(outputs.labels)
    return {
        label: _intervals(outputs.where(known[:, k]), scores)
        for k, (label, scores) in enumerate(zip(outputs.task.labels, _each_label(outputs), strict=True))
    }


def by_study(outputs: Outputs) -> dict[str, Scores]:
    """Studies of several images scored as one, by their mean probability and by majority vote; else nothing.

    A study has a label where one of its images has. Where as many images vote for a finding as against it, it counts
    as found.
    """
    studies = outputs.table.groupby(["patient_id", "study_id"], sort=True).ngroup().to_numpy()
    if len(np.unique(studies)) == len(studies):
        return {}
    _, first = np.unique(studies, return_index=True)
    if outputs.task.kind == "multi-class":
        votes = np.eye(outputs.probability.shape[1])[outputs.probability.argmax(1)]
    else:
        votes = (outputs.probability >= 0.5).astype(np.float64)
    order = np.argsort(studies, kind="stable")
    starts = np.searchsorted(studies[order], np.arange(len(first)))
    labels = np.fmax.reduceat(outputs.labels[order], starts)
    counts = np.bincount(studies)[:, None]
    return {
        rule: by_image(
            Outputs(outputs.task, outputs.table.iloc[first], labels, np.add.reduceat(values[order], starts) / counts)
        )
        for rule, values in (("mean-probability", outputs.probability), ("majority-vote", votes))
    }


def by_stratum(outputs: Outputs) -> dict[str, Scores]:
    """Of a binary task: the positives of each stratum against all negatives; `hidden` names absent columns."""
    if outputs.task.kind != "binary":
        return {}
    found = {}
    positive = outputs.labels[:, 0] == 1
    for column in (column for column in outputs.task.strata if column in outputs.table):
        for value in sorted(set(outputs.table[column][positive])):
            keep = (outputs.table[column] == value).to_numpy() | ~positive
            found[f"{column}={value}"] = by_image(outputs.where(keep))
    return found


def positives(outputs: Outputs) -> dict[str, int]:
    """How many test images have each label."""
    return {label: int((outputs.labels[:, k] == 1).sum()) for k, label in enumerate(outputs.task.labels)}


def hidden(outputs: Outputs) -> dict[str, str]:
    """The labels whose areas under curves are not shown, and strata that the data do not have, with the reason."""
    reasons = {label: classification.why_hidden(outputs.labels[:, k]) for k, label in enumerate(outputs.task.labels)}
    absent = {
        f"{column}=": f"the data have no column {column!r}"
        for column in outputs.task.strata
        if column not in outputs.table
    }
    return {label: reason for label, reason in reasons.items() if reason is not None} | absent


def beats_chance(task: Task, scores: Mapping[str, Interval]) -> bool:
    """The interval of the ROC AUC (of balanced accuracy, for classes) lies above what guessing gives."""
    classes = task.kind == "multi-class"
    name, chance = ("balanced-accuracy", 1 / task.num_outputs) if classes else ("roc-auc", 0.5)
    low = scores[name].low if name in scores else None
    return low is not None and low > chance


def _resampled(outputs: Outputs) -> dict[str, Floats]:
    if outputs.task.kind == "multi-class":
        truth = outputs.labels.argmax(1).astype(np.float64)
        return classification.multi_class_scores(truth, outputs.probability, _weights(outputs))
    return classification.binary_scores(outputs.labels[:, 0], outputs.probability[:, 0], _weights(outputs))


def _each_label(outputs: Outputs) -> list[dict[str, Floats]]:
    return classification.multi_label_scores(outputs.labels, outputs.probability, _weights(outputs))


def _weights(outputs: Outputs) -> Floats:
    patients = outputs.table["patient_id"].to_numpy().astype(str)
    return classification.patient_weights(patients, np.random.default_rng(seed_of("patients", outputs.task.name)))


def _intervals(outputs: Outputs, resampled: Mapping[str, Floats]) -> Scores:
    return classification.intervals(resampled, len(outputs.table), outputs.table["patient_id"].nunique())
