"""Which rows of an index a stage is restricted to: those whose columns hold one of the values that it lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraybench import registry
from xraybench.data.splits import SPLITS
from xraybench.errors import DataError

Rows = Mapping[str, Sequence[object]]
SHOWN = 12  # values that an error lists


def among(index: pd.DataFrame, rows: Rows) -> NDArray[np.bool_]:
    """bool [len(index)]; every column must hold one of its values. UsageError names an
    unknown column, DataError a value that no image has.
    """
    chosen = np.ones(len(index), dtype=bool)
    for column, values in rows.items():
        registry.near(column, {str(name): name for name in index.columns}, "column of the data")
        for value in values:
            if not (index[column] == value).any():
                there = ", ".join(map(str, index[column].drop_duplicates().head(SHOWN)))
                raise DataError(f"rows: no image has {column} = {value!r}", f"{column} holds: {there}")
        chosen &= index[column].isin(list(values)).to_numpy()
    return chosen


def check_rows(index: pd.DataFrame, rows: Rows, what: str) -> None:
    """DataError where the rows leave a split without an image."""
    left = set(index.loc[among(index, rows), "split"])
    for split in SPLITS:
        if split not in left:
            raise DataError(f"{what}: its rows leave no {split} image", "name other rows, or give more images")
