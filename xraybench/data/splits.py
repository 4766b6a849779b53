"""Splits by patient, and the choice of the images that are explained."""

from __future__ import annotations

import pandas as pd

from xraybench.errors import DataError
from xraybench.identity import digest, seed_of

SPLITS = ("train", "validation", "test")


def check_split(index: pd.DataFrame) -> None:
    """DataError where a split is empty or a patient stands in two of them."""
    for split in SPLITS:
        if not (index["split"] == split).any():
            raise DataError(f"the {split} split has no image", "give more images, or another split")
    shared = index.groupby("patient_id")["split"].nunique()
    if (shared > 1).any():
        first = shared.index[shared > 1][0]
        raise DataError(f"patient {first!r} stands in more than one split", "cut the split by patient")


def split_digest(index: pd.DataFrame) -> str:
    """Digest of which image stands in which split."""
    return digest(sorted(zip(index["image_id"].astype(str), index["split"].astype(str), strict=True)))


def choose_explained(index: pd.DataFrame, eligible: pd.Series, count: int) -> pd.DataFrame:
    """`count` eligible test images in an order fixed by their ids; no patient twice before every patient once.

    The first k of them are the choice for k: a smaller run explains a subset of a larger one's images.
    """
    chosen = index[(index["split"] == "test") & eligible].copy()
    chosen["_draw"] = [seed_of("explained", image_id) for image_id in chosen["image_id"]]
    chosen = chosen.sort_values("_draw")
    chosen["_turn"] = chosen.groupby("patient_id").cumcount()
    return chosen.sort_values(["_turn", "_draw"]).head(count).drop(columns=["_draw", "_turn"])
