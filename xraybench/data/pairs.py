"""Two views of a study as one image: an index with one row a case, and the image itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xraybench.data.geometry import Pad, centred
from xraybench.data.preprocessing import View
from xraybench.data.splits import INFERRED
from xraybench.errors import DataError
from xraybench.steps import SideBySide

LEFT, RIGHT = "left_row", "right_row"  # columns: positions of the two views in the source's index


def pair_views(index: pd.DataFrame, step: SideBySide, labels: Sequence[str]) -> pd.DataFrame:
    """One row a study that has both views; DataError where none has.

    A study's view is the first of its kind, by image id. A label is 1 where either view's is, missing where both are;
    it is inferred where either is; all other columns are the left view's.
    """
    left, right = (_first_of(index, views) for views in (step.left, step.right))
    both = left.index.intersection(right.index)
    if both.empty:
        seen = ", ".join(sorted(map(str, index["view"].unique())))
        raise DataError(
            f"no study has views of both kinds: {'/'.join(step.left)} and {'/'.join(step.right)}",
            f"name views that the data have: {seen}",
        )
    numbers = {LEFT: left[both].to_numpy(), RIGHT: right[both].to_numpy()}
    cases, other = (index.iloc[rows].reset_index(drop=True) for rows in numbers.values())
    merged: dict[str, Any] = {label: np.fmax(cases[label], other[label]) for label in labels}
    if INFERRED in index:
        merged[INFERRED] = cases[INFERRED] | other[INFERRED]
    names = {name: cases[name].astype(str) + "+" + other[name].astype(str) for name in ("image_id", "view")}
    paired = cases.assign(**merged, **names, **numbers)
    return paired.sort_values(LEFT).reset_index(drop=True)


def _first_of(index: pd.DataFrame, views: Sequence[str]) -> pd.Series:
    """study -> position of its first image of the views, by (order in `views`, image id)."""
    order = {view.lower(): rank for rank, view in enumerate(views)}
    ranks = index["view"].astype(str).str.lower().map(order)
    table = pd.DataFrame({"study": index["study_id"], "rank": ranks, "id": index["image_id"].astype(str)})
    table["position"] = np.arange(len(index))
    table = table.dropna(subset="rank").sort_values(["rank", "id"])
    return table.drop_duplicates("study").set_index("study")["position"]


@dataclass(frozen=True)
class _Halves:
    """Where the two views lie on the common image."""

    left: Pad
    right: Pad


def beside(left: View, right: View) -> View:
    """Both views as one, each at its own scale, centred in height; a twin stands beside the other's image."""
    halves = _halves(left.shape, right.shape)
    one, two = left.moved(halves.left), right.moved(halves.right)
    names = sorted({*one.regions, *two.regions})
    none = np.zeros_like(one.image)
    twin = None
    if one.twin is not None or two.twin is not None:
        twin = (one.image if one.twin is None else one.twin) + (two.image if two.twin is None else two.twin)
    regions = {name: one.regions.get(name, none) + two.regions.get(name, none) for name in names}
    return View(one.image + two.image, regions, twin, one.notes + two.notes)


def _halves(left: tuple[int, int], right: tuple[int, int]) -> _Halves:
    height = max(left[0], right[0])
    one, two = (centred(rows, columns, height, columns) for rows, columns in (left, right))
    return _Halves(
        Pad(one.top, one.bottom, 0, right[1]),
        Pad(two.top, two.bottom, left[1], 0),
    )
