"""Splits by patient, and the choice of the images that are explained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from xraybench.errors import DataError
from xraybench.identity import digest, seed_of

SPLITS = ("train", "validation", "test")
INFERRED = "inferred"  # a boolean column that an index may have: the row's label was inferred, as from a report
EIGHTY_TEN_TEN = {"train": 0.8, "validation": 0.1, "test": 0.1}


def cut_by_patient(
    patients: pd.Series, strata: pd.Series, seed: int, shares: Mapping[str, float] = EIGHTY_TEN_TEN
) -> pd.Series:
    """A split for every image: each patient's images in one, each stratum of patients shared out alike.

    A patient's stratum is the largest among its images'. Which patients go where depends on their ids and the seed
    alone, not on the order of the rows. A split of which a stratum gives less than half a patient gets none of it.
    """
    strata_of = strata.fillna(-1).groupby(patients, sort=False).max()
    table = pd.DataFrame({"stratum": strata_of})
    table["draw"] = [seed_of("split", seed, patient) for patient in table.index]
    table = table.sort_values(["stratum", "draw"])
    groups = table.groupby("stratum")
    place = (groups.cumcount() + 0.5) / groups["draw"].transform("size")
    bounds = np.cumsum(list(shares.values())) / sum(shares.values())
    names = np.array(list(shares))
    table["split"] = names[np.minimum(np.searchsorted(bounds, place, side="right"), len(names) - 1)]
    return patients.map(table["split"])


def cap(index: pd.DataFrame, split: str, count: int | None) -> pd.DataFrame:
    """At most `count` images of a split, whole patients first; fewer are a subset of more. Row order is kept."""
    mine = index[index["split"] == split]
    if count is None or len(mine) <= count:
        return index
    draw = {patient: seed_of("cap", patient) for patient in mine["patient_id"].unique()}
    kept = mine.assign(_draw=mine["patient_id"].map(draw)).sort_values(["_draw", "image_id"]).head(count)
    return index[(index["split"] != split) | index.index.isin(kept.index)]


def check_split(index: pd.DataFrame) -> None:
    """DataError where a split is empty, a patient stands in two, or an inferred label in validation or test."""
    for split in SPLITS:
        if not (index["split"] == split).any():
            raise DataError(f"the {split} split has no image", "give more images, or another split")
    shared = index.groupby("patient_id")["split"].nunique()
    if (shared > 1).any():
        first = shared.index[shared > 1][0]
        raise DataError(f"patient {first!r} stands in more than one split", "cut the split by patient")
    if INFERRED in index:
        _check_inferred(index)


def _check_inferred(index: pd.DataFrame) -> None:
    """A model is chosen and judged by labels that people gave. Moving such a row instead could split its patient."""
    if index[INFERRED].dtype != bool:
        raise DataError(
            f"the index's column {INFERRED!r} is not boolean", "True where a label was inferred, else False, no gaps"
        )
    wrong = index[index[INFERRED] & (index["split"] != "train")]
    if len(wrong):
        first = wrong.iloc[0]
        raise DataError(
            f"{len(wrong)} images outside the train split have inferred labels, {first['image_id']!r} of "
            f"{first['split']} among them",
            "put all images of their patients into train, or leave these images out",
        )


def split_digest(index: pd.DataFrame) -> str:
    """Digest of which image stands in which split."""
    return digest(sorted(zip(index["image_id"].astype(str), index["split"].astype(str), strict=True)))


def choose_explained(index: pd.DataFrame, eligible: pd.Series, count: int, split: str = "test") -> pd.DataFrame:
    """`count` eligible images of a split in an order fixed by their ids; no patient twice before every patient once.

    The first k of them are the choice for k: a smaller run explains a subset of a larger one's images.
    """
    chosen = index[(index["split"] == split) & eligible].copy()
    chosen["_draw"] = [seed_of("explained", image_id) for image_id in chosen["image_id"]]
    chosen = chosen.sort_values("_draw")
    chosen["_turn"] = chosen.groupby("patient_id").cumcount()
    return chosen.sort_values(["_turn", "_draw"]).head(count).drop(columns=["_draw", "_turn"])
