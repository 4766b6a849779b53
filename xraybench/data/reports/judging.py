"""How well classifiers label reports of patients they have not seen, and what their probabilities are worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from xraybench.classification import confusion, from_binary_confusion, from_confusion
from xraybench.data.reports.cases import Cases, Rows
from xraybench.data.reports.classifiers import calibrated, pipeline, probability
from xraybench.identity import seed_of

Floats = NDArray[np.float64]
Split = tuple[Rows, Rows]
THRESHOLDS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)  # of doubt; the table shows them beside the one asked for
BINS = 10  # of a probability, for its reliability
DECIMALS = 4  # of a probability, as it is written and as it decides


@dataclass(frozen=True)
class Judged:
    """A classifier on the held-out reports of all repeats.

    accuracies: of each repeat; accuracy, spread: their mean and standard deviation (None for one repeat); confusion:
    summed over the repeats, rows true (0, 1), columns predicted; the other scores are of that sum, None where 0/0;
    brier: the mean squared error of its own probability, not yet calibrated.
    """

    name: str
    accuracies: tuple[float, ...]
    accuracy: float
    spread: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    kappa: float | None
    brier: float
    confusion: tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Bin:
    """Held-out reports whose probability lies between low and high: their mean probability, and the share that is 1."""

    low: float
    high: float
    reports: int
    predicted: float
    observed: float


@dataclass(frozen=True)
class Coverage:
    """What abstaining above a doubt leaves: held-out reports that are labelled, their share, and how many are right."""

    abstain: float
    labelled: int
    share: float
    wrong: int
    accuracy: float | None


@dataclass(frozen=True)
class HeldOut:
    """Calibrated probabilities [M] of held-out reports, of all repeats, and their labels [M]."""

    labels: Floats
    probability: Floats

    @property
    def brier(self) -> float:
        """Mean squared error of the probability (Brier 1950); 0.25 is what "one half" for every report gives."""
        return float(((self.probability - self.labels) ** 2).mean())

    def reliability(self) -> tuple[Bin, ...]:
        """Bins of equal width that hold a report."""
        place = np.minimum((self.probability * BINS).astype(int), BINS - 1)
        return tuple(self._bin(number, place == number) for number in range(BINS) if (place == number).any())

    def _bin(self, number: int, mine: NDArray[np.bool_]) -> Bin:
        predicted, observed = float(self.probability[mine].mean()), float(self.labels[mine].mean())
        return Bin(number / BINS, (number + 1) / BINS, int(mine.sum()), predicted, observed)

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: |predicted - observed|, averaged over the reports' bins (Naeini et al. 2015)."""
        bins = self.reliability()
        return sum(one.reports * abs(one.predicted - one.observed) for one in bins) / len(self.labels)

    def coverage(self, abstain: float) -> Coverage:
        """Labels where the doubt is at most `abstain`."""
        sure = doubt(self.probability) <= abstain
        wrong = int(((self.probability >= 0.5) != (self.labels == 1))[sure].sum())
        labelled = int(sure.sum())
        right = 1 - wrong / labelled if labelled else None
        return Coverage(abstain, labelled, labelled / len(sure), wrong, right)


def doubt(positive: Floats) -> Floats:
    """[N]: the probability that the likelier label is wrong, min(p, 1 - p), from 0 to 0.5."""
    likelier_wrong: Floats = np.minimum(positive, 1 - positive).round(DECIMALS)  # 1 - 0.98 is a little more than 0.02
    return likelier_wrong


def judge(name: str, cases: Cases, splits: Sequence[Split], seed: int, tick: Callable[[], None]) -> Judged:
    """Train and judge one classifier on every split; 1 is predicted from probability 0.5 on."""
    matrices, errors = [], []
    for number, (train, test) in enumerate(splits):
        model = pipeline(name, seed_of("judged", seed, number)).fit(cases.texts[train], cases.labels[train].astype(int))
        positive, labels = probability(model, cases.texts[test]), cases.labels[test]
        matrices.append(confusion(labels, (positive >= 0.5).astype(float), 2, np.ones((1, len(labels)))))
        errors.append((positive - labels) ** 2)
        tick()
    return _judged(name, np.concatenate(matrices), float(np.concatenate(errors).mean()))


def _judged(name: str, matrices: Floats, brier: float) -> Judged:
    """From the confusion matrices [R,2,2] of the repeats."""
    accuracies = from_confusion(matrices)["accuracy"]
    summed = matrices.sum(0, keepdims=True)
    scores = from_confusion(summed) | from_binary_confusion(summed)
    (tn, fp), (fn, tp) = summed[0].astype(int).tolist()
    return Judged(
        name=name,
        accuracies=tuple(accuracies.tolist()),
        accuracy=float(accuracies.mean()),
        spread=float(accuracies.std(ddof=1)) if len(accuracies) > 1 else None,
        precision=_finite(scores["precision"]),
        recall=_finite(scores["sensitivity"]),
        f1=_finite(scores["f1"]),
        kappa=_finite(scores["kappa"]),
        brier=brier,
        confusion=((tn, fp), (fn, tp)),
    )


def _finite(score: Floats) -> float | None:
    return float(score[0]) if isfinite(score[0]) else None


def best_of(judged: Sequence[Judged]) -> str:
    """The highest kappa (unlike accuracy, it is not flattered by a rare finding); of equal ones, the first."""
    return max(judged, key=lambda one: one.kappa or 0.0).name


def hold_out(name: str, cases: Cases, splits: Sequence[Split], seed: int, tick: Callable[[], None]) -> HeldOut:
    """The calibrated probabilities of every split's held-out reports; rounded as they are written into a table."""
    labels, positives = [], []
    for number, (train, test) in enumerate(splits):
        model = calibrated(name, cases.take(train), seed_of("held out", seed, number))
        positives.append(probability(model, cases.texts[test]).round(DECIMALS))
        labels.append(cases.labels[test])
        tick()
    return HeldOut(np.concatenate(labels), np.concatenate(positives))
