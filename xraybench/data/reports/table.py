"""A CSV file as the text that stands in it: cells are kept as they are, whatever they look like."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xraybench.errors import DataError
from xraybench.registry import near
from xraybench.results import replacing


@dataclass(frozen=True)
class Table:
    """The heading, and the rows below it, each with as many cells as the heading; row 1 is the first below it."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def cells(self, column: str) -> list[str]:
        """A column from top to bottom; UsageError names the near one where there is none of that name."""
        position = near(column, {name: number for number, name in enumerate(self.columns)}, f"column of {self.path}")
        return [row[position] for row in self.rows]


def read_table(path: Path) -> Table:
    """Read a CSV file (UTF-8, commas, with a heading); DataError where it is none, with the row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [tuple(line) for line in csv.reader(file, strict=True) if line]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", "give the path of a CSV file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text ({error.reason})", "save it as CSV with UTF-8 encoding") from error
    except csv.Error as error:
        raise DataError(f"{path}: is not CSV: {error}", "look for a quotation mark that is not closed") from error
    if len(lines) < 2:
        raise DataError(f"{path}: has no row below a heading", "the first line names the columns")
    columns, rows = lines[0], lines[1:]
    repeated = next((name for name in columns if columns.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{path}: two columns are called {repeated!r}", "rename one of them")
    _check_width(path, columns, rows)
    return Table(path, columns, tuple(rows))


def _check_width(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for number, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            raise DataError(
                f"{path}: row {number} has {len(row)} cells, the heading {len(columns)}",
                "a report with commas or line breaks must stand in quotation marks",
            )


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file whole or not at all; DataError where it cannot be written."""
    try:
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}", "check the folder's rights and room") from error
