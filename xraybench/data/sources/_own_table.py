"""The table that a hospital writes for its own images: read as text, checked cell by cell; errors name the line."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from xraybench.data.sources._files import read_table
from xraybench.data.splits import SPLITS
from xraybench.errors import DataError

FLAGS = {"1": True, "0": False, "": False, "true": True, "false": False}


@dataclass(frozen=True)
class OwnTable:
    """The table's cells as text, stripped ("" where empty), and the line of the file on which each row begins."""

    path: Path
    cells: pd.DataFrame
    lines: np.ndarray

    @classmethod
    def read(cls, path: Path, needed: tuple[str, ...]) -> OwnTable:
        """DataError where a column is missing (it names the near one), or the file is no table in UTF-8."""
        raw = read_table(path, (), encoding="utf-8-sig", dtype=str, keep_default_na=False, index_col=False)
        raw.columns = raw.columns.str.strip()
        for column in needed:
            if column not in raw:
                near = difflib.get_close_matches(column, raw.columns, n=1)
                has = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(raw.columns)}"
                raise DataError(f"{path}: has no column {column!r}", f"{has}; docs/your-own-data.md lists the columns")
        if raw.empty:
            raise DataError(f"{path}: has no rows", "write one row an image")
        breaks = sum((raw[column].str.count("\n") for column in raw), pd.Series(0, raw.index)).to_numpy()
        lines = np.arange(len(raw)) + 2 + np.cumsum(breaks) - breaks
        return cls(path, raw.apply(lambda column: column.str.strip()), lines)

    def column(self, name: str) -> pd.Series:
        """A column's text; empty text where the table has no such column."""
        return self.cells[name] if name in self.cells else pd.Series("", self.cells.index)

    def refuse(self, wrong: pd.Series, shown: pd.Series, what: str, cure: str) -> None:
        """DataError with file, line and cell of the first row where `wrong`."""
        if wrong.any():
            place = int(np.flatnonzero(wrong.to_numpy())[0])
            raise DataError(f"{self.path}: line {self.lines[place]}: {what}: {str(shown.iloc[place])!r}", cure)

    def filled(self, name: str) -> pd.Series:
        """A column in which no cell may be empty."""
        self.refuse(self.column(name) == "", self.column("path"), f"{name} is empty, of the image", "fill it in")
        return self.column(name)

    def paths(self) -> pd.Series:
        """The images' paths, relative to the folder, none twice."""
        path = self.filled("path").str.replace("\\", "/")
        outside = path.str.startswith(("/", "~")) | path.str.contains(r"(?:^|/)\.\.(?:/|$)|^[A-Za-z]:", regex=True)
        self.refuse(outside, path, "the path leads out of the folder", "name files inside it, relative to it")
        self.refuse(path.duplicated(), path, "the image is listed twice", "one row an image")
        return path

    def label(self, name: str) -> pd.Series:
        """1, 0, or NaN where the cell is empty: not known is not normal."""
        text = self.column(name)
        values = pd.to_numeric(text.where(text != ""), errors="coerce")
        wrong = (text != "") & ~values.isin((0, 1))
        self.refuse(wrong, text, f"the label {name!r} is out of range", "write 1 (finding), 0 (none) or nothing")
        return values.astype(float)

    def number(self, name: str) -> pd.Series:
        """A column of numbers, NaN where empty."""
        text = self.column(name)
        values = pd.to_numeric(text.where(text != ""), errors="coerce").astype(float)
        self.refuse((text != "") & values.isna(), text, f"{name} is no number", "write a number or nothing")
        return values

    def flag(self, name: str) -> pd.Series:
        """A column of 1/0 or true/false, False where empty."""
        text = self.column(name).str.lower()
        self.refuse(~text.isin(FLAGS), text, f"{name} is neither 1 nor 0", "write 1, 0 or nothing")
        return text.map(FLAGS).astype(bool)

    def splits(self) -> pd.Series:
        """The split of each row, of the three there are."""
        split = self.filled("split")
        cure = f"write one of {', '.join(SPLITS)} in every row, or leave the column out"
        self.refuse(~split.isin(SPLITS), split, "is no split", cure)
        return split

    def one_person(self, patient: pd.Series, name: str) -> None:
        """DataError where one patient_id has two values of a column that a person has one of."""
        value = self.column(name)
        known = value[value != ""]
        first = known.groupby(patient[known.index]).transform("first")
        wrong = (known != first).reindex(value.index, fill_value=False)
        cure = f"give two people two ids, or correct {name}"
        self.refuse(wrong, patient, f"{name} differs from that of an earlier row of the same patient_id", cure)

    def boxes(self, name: str) -> pd.Series:
        """The text of boxes `x y width height; ...`, each checked."""
        text = self.column(name)
        filled = text[text != ""]
        number = r"\d+(?:\.\d+)?"
        box = rf"\s*{number}(?:\s+{number}){{3}}\s*"
        fits = re.compile(rf"{box}(?:;{box})*;?\s*")
        wrong = filled.map(lambda cell: fits.fullmatch(cell) is None).reindex(text.index, fill_value=False).astype(bool)
        self.refuse(wrong, text, f"{name} holds no boxes", "write `x y width height` in pixels, several joined by ;")
        return text


def boxes_of(text: str) -> list[tuple[float, ...]]:
    """The boxes (x, y, width, height) of a checked cell."""
    return [tuple(map(float, box.split())) for box in text.split(";") if box.strip()]
