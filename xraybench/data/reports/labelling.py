"""From a table in which some reports have a label to one in which most do: judge, choose, infer, write."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xraybench.data.reports import BEST, CLASSIFIERS
from xraybench.data.reports.cases import Cases, check_enough, held_out_split, read_cases
from xraybench.data.reports.classifiers import calibrated, has_known_word, probability
from xraybench.data.reports.judging import (
    DECIMALS,
    THRESHOLDS,
    Bin,
    Coverage,
    HeldOut,
    Judged,
    best_of,
    doubt,
    hold_out,
    judge,
)
from xraybench.data.reports.table import Table, read_table, write_table
from xraybench.errors import DataError, UsageError
from xraybench.identity import seed_of

Progress = Callable[[int, int], None]
PATIENT = "patient_id"  # the column that is looked for where none is named


@dataclass(frozen=True)
class Request:
    """What was asked for: columns, classifier ("best" or one of CLASSIFIERS), and the doubt above which to abstain."""

    text: str
    label: str
    patient: str | None = None
    model: str = BEST
    repeats: int = 5
    seed: int = 0
    abstain: float = 0.1


@dataclass(frozen=True)
class Counts:
    """Rows of the table: with a label (of these 1), without one; of the latter what became of each.

    labelled_empty: reports with a label and no word, which teach nothing; empty and unknown: abstained for want of any
    word, and of any word that a labelled report holds; doubtful: abstained above the threshold.
    """

    rows: int
    patients: int | None
    labelled: int
    labelled_1: int
    labelled_empty: int
    unlabelled: int
    inferred_0: int
    inferred_1: int
    doubtful: int
    empty: int
    unknown: int


@dataclass(frozen=True)
class Labelling:
    """What was found: every classifier on held-out reports, the chosen one's probability, and what was inferred."""

    counts: Counts
    cut_by: str | None  # the patient column; None: every row counted as a patient
    repeats: int
    seed: int
    classifiers: tuple[Judged, ...]
    chosen: str
    brier: float
    calibration_error: float
    reliability: tuple[Bin, ...]
    coverage: tuple[Coverage, ...]
    abstain: float
    written: str


@dataclass(frozen=True)
class _Inferred:
    """Of all rows: probability [N], NaN where none was asked for; inferred bool [N]; why others were left out."""

    probability: NDArray[np.float64]
    inferred: NDArray[np.bool_]
    unknown: int


def label_reports(path: Path, out: Path, request: Request, progress: Progress) -> Labelling:
    """Read `path`, judge the classifiers, infer missing labels with the chosen one, and write `out`.

    UsageError: a column that is not there, or one that would be written twice. DataError: a file that cannot be read,
    an `out` that exists, labels other than 0, 1 and blank, too few labelled reports.
    """
    if out.exists():
        raise DataError(f"{out}: exists already", "choose another --out: nothing is written over")
    table = read_table(path)
    _check_new_columns(table, request.label)
    patient = request.patient or (PATIENT if PATIENT in table.columns else None)
    if patient is None:
        warnings.warn(
            f"{path} has no column {PATIENT!r}: a patient's reports may fall on both sides of a split, and held-out "
            "scores be too good; name the column with --patient-column",
            stacklevel=2,
        )
    cases = read_cases(table, request.text, request.label, patient)
    known = cases.take(cases.labelled & ~cases.empty)
    check_enough(known)
    judged, chosen, held_out = _judge_all(known, request, progress)
    made = _infer(cases, known, chosen, request)
    _write(out, table, request.label, made)
    return Labelling(
        counts=_count(cases, made, patient),
        cut_by=patient,
        repeats=request.repeats,
        seed=request.seed,
        classifiers=judged,
        chosen=chosen,
        brier=held_out.brier,
        calibration_error=held_out.calibration_error,
        reliability=held_out.reliability(),
        coverage=tuple(held_out.coverage(level) for level in sorted({*THRESHOLDS, request.abstain}, reverse=True)),
        abstain=request.abstain,
        written=str(out),
    )


def _new_columns(label: str) -> tuple[str, str]:
    return f"{label}_inferred", f"{label}_probability"


def _check_new_columns(table: Table, label: str) -> None:
    for column in _new_columns(label):
        if column in table.columns:
            raise UsageError(
                f"{table.path} has a column {column!r} already",
                "give the table as it was before labels were inferred, or rename that column",
            )


def _judge_all(known: Cases, request: Request, progress: Progress) -> tuple[tuple[Judged, ...], str, HeldOut]:
    """All classifiers on the same splits; the chosen one's calibrated probability on them."""
    splits = [held_out_split(known, seed_of("reports", request.seed, number)) for number in range(request.repeats)]
    done, total = 0, request.repeats * (len(CLASSIFIERS) + 1)

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    judged = tuple(judge(name, known, splits, request.seed, tick) for name in CLASSIFIERS)
    chosen = best_of(judged) if request.model == BEST else request.model
    return judged, chosen, hold_out(chosen, known, splits, request.seed, tick)


def _infer(cases: Cases, known: Cases, chosen: str, request: Request) -> _Inferred:
    """Train on every labelled report; label the others where the doubt is small enough."""
    wanted = np.flatnonzero(~cases.labelled & ~cases.empty)
    readable = has_known_word(cases.texts[wanted], known.texts)
    rows, positive = wanted[readable], np.full(len(cases.texts), np.nan)
    model = calibrated(chosen, known, seed_of("inferred", request.seed))
    positive[rows] = probability(model, cases.texts[rows]).round(DECIMALS)
    return _Inferred(positive, doubt(positive) <= request.abstain, int((~readable).sum()))


def _count(cases: Cases, made: _Inferred, patient: str | None) -> Counts:
    labelled, unlabelled = cases.labelled, ~cases.labelled
    likely = made.probability >= 0.5
    return Counts(
        rows=len(cases.texts),
        patients=len(set(cases.patients)) if patient else None,
        labelled=int(labelled.sum()),
        labelled_1=int((cases.labels == 1).sum()),
        labelled_empty=int((labelled & cases.empty).sum()),
        unlabelled=int(unlabelled.sum()),
        inferred_0=int((made.inferred & ~likely).sum()),
        inferred_1=int((made.inferred & likely).sum()),
        doubtful=int((np.isfinite(made.probability) & ~made.inferred).sum()),
        empty=int((unlabelled & cases.empty).sum()),
        unknown=made.unknown,
    )


def _write(out: Path, table: Table, label: str, made: _Inferred) -> None:
    """The table's rows, in its order and its words; only blanks of the label column are filled."""
    position = table.columns.index(label)
    rows = []
    for row, positive, inferred in zip(table.rows, made.probability, made.inferred, strict=True):
        cells = list(row)
        if inferred:
            cells[position] = str(int(positive >= 0.5))
        rows.append([*cells, str(int(inferred)), "" if np.isnan(positive) else f"{positive:.{DECIMALS}f}"])
    write_table(out, [*table.columns, *_new_columns(label)], rows)
