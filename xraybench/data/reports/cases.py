"""Reports with their labels and patients, as they come from a table, and how they are cut: always by patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraybench.data.reports.table import Table
from xraybench.data.splits import cut_by_patient
from xraybench.errors import DataError

Rows = NDArray[np.int64]
HELD_OUT = 0.2  # the share of a repeat's patients that the classifier does not see (paper: 1,483 of 7,414 reports)
MIN_REPORTS = 10  # labelled reports of each class, and
MIN_PATIENTS = 5  # patients they come from: with fewer, some part of a cut may lack a class


@dataclass(frozen=True)
class Cases:
    """texts: str [N]; labels: float64 [N], 1, 0 or NaN where there is none; patients: str [N]."""

    texts: NDArray[np.object_]
    labels: NDArray[np.float64]
    patients: NDArray[np.object_]

    def take(self, rows: Rows | NDArray[np.bool_]) -> Cases:
        """Some of the cases, in the order of `rows`."""
        return Cases(self.texts[rows], self.labels[rows], self.patients[rows])

    @cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """bool [N]: has a label."""
        return ~np.isnan(self.labels)

    @cached_property
    def empty(self) -> NDArray[np.bool_]:
        """bool [N]: the report holds no letter and no digit."""
        return np.array([not any(character.isalnum() for character in text) for text in self.texts], bool)


def read_cases(table: Table, text: str, label: str, patient: str | None) -> Cases:
    """The cases of a table; without a patient column, each row is a patient of its own."""
    texts = np.array(table.cells(text), dtype=object)
    labels = np.array([_label(table, label, number, cell) for number, cell in enumerate(table.cells(label), start=1)])
    if patient is None:
        return Cases(texts, labels, np.array([f"row {number}" for number in range(len(texts))], dtype=object))
    patients = [cell.strip() for cell in table.cells(patient)]
    if "" in patients:
        raise DataError(
            f"{table.path}: row {patients.index('') + 1} has no {patient}",
            "fill it in: reports are cut by patient, so that a classifier is judged on patients it has not seen",
        )
    return Cases(texts, labels, np.array(patients, dtype=object))


def _label(table: Table, column: str, number: int, cell: str) -> float:
    """1, 0, or NaN for a blank; 1.0 and 0.0, as tables with gaps are often saved, are read too."""
    values = {"": np.nan, "0": 0.0, "0.0": 0.0, "1": 1.0, "1.0": 1.0}
    if cell.strip() not in values:
        raise DataError(
            f"{table.path}: row {number}: {column} is {cell!r}",
            "a label is 1 (finding) or 0 (none), and blank where there is none yet",
        )
    return values[cell.strip()]


def check_enough(cases: Cases) -> None:
    """DataError where labelled reports are too few, or all alike, to learn and to judge from."""
    if not len(cases.texts):
        raise DataError("no report has a label", "label some by hand: several hundred, as they come, are a good start")
    for value, name in ((1.0, "1"), (0.0, "0")):
        mine = cases.labels == value
        reports, patients = int(mine.sum()), len(set(cases.patients[mine]))
        if not reports:
            raise DataError(f"no report is labelled {name}", "a classifier learns from examples of both classes")
        if reports < MIN_REPORTS or patients < MIN_PATIENTS:
            raise DataError(
                f"only {reports} reports of {patients} patients are labelled {name}",
                f"label at least {MIN_REPORTS} of each class, of {MIN_PATIENTS} patients; several hundred are better",
            )


def _parts(cases: Cases, shares: Mapping[str, float], seed: int) -> NDArray[np.object_]:
    """Which part each case falls into: whole patients, each class shared out alike."""
    return cut_by_patient(pd.Series(cases.patients), pd.Series(cases.labels), seed, shares).to_numpy(dtype=object)


def held_out_split(cases: Cases, seed: int) -> tuple[Rows, Rows]:
    """Rows to learn from and rows to judge on, which share no patient."""
    part = _parts(cases, {"train": 1 - HELD_OUT, "test": HELD_OUT}, seed)
    split = np.flatnonzero(part == "train"), np.flatnonzero(part == "test")
    _check_classes(cases, *split)
    return split


def folds(cases: Cases, count: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Cross-validation: `count` pairs of rows to learn from and rows held out; each row is held out once."""
    part = _parts(cases, {str(number): 1.0 for number in range(count)}, seed)
    made = [(np.flatnonzero(part != str(number)), np.flatnonzero(part == str(number))) for number in range(count)]
    for learnt, _ in made:
        _check_classes(cases, learnt)
    return made


def _check_classes(cases: Cases, *parts: Rows) -> None:
    for rows in parts:
        if len(set(cases.labels[rows])) < 2:
            raise DataError(
                "cut by patient, a part of the labelled reports is all of one class",
                "label the reports of more patients: a few of them hold most of one class",
            )
