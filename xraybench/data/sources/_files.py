"""Reading what lies in a data set's folder: paths that stay inside it, tables with the columns they should have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraybench.errors import DataError
from xraybench.identity import digest, digest_file


def need(root: Path, *names: str, obtain: str) -> Path:
    """`root/names[0]/names[1]/...`; DataError, saying where to obtain the data, where it is not there."""
    path = root.joinpath(*names)
    if not path.exists():
        raise DataError(f"{path}: missing", f"pass the folder as the download unpacks to it; to obtain it: {obtain}")
    return path


def inside(root: Path, name: str) -> Path:
    """`root/name` for a relative name from a table; DataError where it leads out of the root (.., absolute, a link)."""
    parts = PurePosixPath(str(name).replace("\\", "/"))
    path = root / parts
    if parts.is_absolute() or ".." in parts.parts or not path.resolve().is_relative_to(root.resolve()):
        raise DataError(f"{root}: the path {name!r} leads out of the folder", "tables may name files inside it only")
    return path


def read_table(path: Path, columns: Sequence[str], **options: Any) -> pd.DataFrame:
    """A CSV file that must hold these columns; options are pandas.read_csv's. DataError names file and column."""
    try:
        table: pd.DataFrame = pd.read_csv(path, **options)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}", "check the path and its permissions") from error
    except (ValueError, pd.errors.ParserError) as error:  # UnicodeDecodeError and EmptyDataError are ValueErrors
        raise DataError(
            f"{path}: is not the table it should be: {str(error).strip()}", "take the official file, unchanged"
        ) from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise DataError(
            f"{path}: has no column {missing[0]!r}; it has: {', '.join(map(str, table.columns))}",
            "take the official file, unchanged",
        )
    return table


def check_rows(path: Path, wrong: pd.Series, shown: pd.Series, what: str, cure: str, first: int = 2) -> None:
    """DataError with the line, and what `shown` says there, of a table's first row where `wrong`.

    first: the line of the first row: 2 after a header, 1 without.
    """
    if wrong.any():
        place = int(np.flatnonzero(wrong.to_numpy())[0])
        raise DataError(f"{path}: line {place + first}: {what}: {str(shown.iloc[place])!r}", cure)


def read_flags(path: Path, column: pd.Series, cure: str) -> pd.Series:
    """A label's column as float: 1, 0, and NaN where it is blank (not 0); DataError names the line of others."""
    text = column.astype("string").str.strip()
    blank = text.isna() | (text == "")
    numbers = pd.to_numeric(text.where(~blank), errors="coerce").astype(float)
    check_rows(path, ~blank & ~numbers.isin((0, 1)), column, f"{column.name!r} is not 1, 0 or blank", cure)
    return numbers


def sizes(root: Path, paths: Iterable[str]) -> NDArray[np.int64]:
    """Bytes of each file below root, -1 where it is not there."""
    return np.array([_size(os.path.join(root, path)) for path in paths], np.int64)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def manifest(root: Path, tables: Iterable[Path], paths: Sequence[str]) -> str:
    """Digest of a data set: the bytes of its tables, the names and sizes of its files (not their pixels)."""
    return digest(
        {
            "tables": {_name(root, path): digest_file(path) for path in sorted(tables)},
            "files": sorted(zip(paths, sizes(root, paths).tolist(), strict=True)),
        }
    )


def _name(root: Path, path: Path) -> str:
    """A table's name wherever the data lie: its path below root; its folder and name where it lies beside."""
    return (path.relative_to(root) if path.is_relative_to(root) else Path(path.parent.name, path.name)).as_posix()
