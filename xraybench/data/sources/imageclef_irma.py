"""ImageCLEFmed 2009 / IRMA: radiographs of the whole body with a code for technique, direction, anatomy and system."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from xraybench.data.sources._files import check_rows, need, read_table
from xraybench.data.sources._folder import FolderSource
from xraybench.data.splits import cut_by_patient
from xraybench.errors import DataError
from xraybench.spec import About

FOLDER, TABLE = "ImageCLEFmed2009_train.02", "ImageCLEFmed2009_train_codes.02.csv"
CODE = r"(?P<technique>[0-9a-z]{4})-(?P<direction>[0-9a-z]{3})-(?P<anatomy>[0-9a-z]{3})-(?P<system>[0-9a-z]{3})"
NONE = r"\N"
REGIONS = {  # first character of the anatomy axis -> region
    "1": "whole-body", "2": "cranium", "3": "spine", "4": "arm", "5": "chest", "6": "breast", "7": "abdomen",
    "8": "pelvis", "9": "leg",
}  # fmt: skip
ARM = {  # second character, within the arm
    "1": "hand", "2": "wrist", "3": "forearm", "4": "elbow", "5": "upper-arm", "6": "shoulder",
}  # fmt: skip
LABELS = (*(name for name in REGIONS.values() if name != "arm"), *ARM.values(), "arm")  # "arm": no part of it named
CURE = "take the official file, unchanged"


class ImageclefIrma(FolderSource):
    """Body parts, one label each (`chest`, `hand`, ...): our own grouping of the anatomy axis of the IRMA code.

    The region is the first character of the axis; the arm is divided by the second. The 24 classes that are used in the
    literature are not published code by code: these are not they. No patient ids are published, so every image counts
    as its own patient. Split 80/10/10, stratified by body part.
    """

    name: ClassVar[str] = "imageclef-irma"
    redistributable: ClassVar[bool] = False
    about: ClassVar[About] = About(
        title="ImageCLEFmed 2009 (IRMA)",
        licence="agreement with the Department of Medical Informatics, RWTH Aachen; no redistribution",
        citation="Tommasi et al., Overview of the CLEF 2009 medical image annotation track (2009)",
        obtain="Department of Medical Informatics, RWTH Aachen University, after signing its agreement",
    )

    def tables(self) -> list[Path]:
        """The table of codes."""
        return [self._table()]

    def listed(self) -> pd.DataFrame:
        """One row an image that has a code; `irma_code` is the whole code, as text."""
        path = self._table()
        options: Mapping[str, Any] = {"sep": ";", "dtype": str, "keep_default_na": False, "index_col": False}
        table = read_table(path, ("image_id", "irma_code"), **options)
        image = table["image_id"].str.strip()
        check_rows(path, ~image.str.fullmatch(r"\w+"), image, "is no image id", CURE)
        code = table["irma_code"].str.strip().str.lower()
        axes = code.str.extract(f"^{CODE}$")
        coded = code != NONE.lower()
        check_rows(path, coded & axes["anatomy"].isna(), code, "is no code TTTT-DDD-AAA-BBB", CURE)
        part = axes["anatomy"].map(body_part, na_action="ignore")
        check_rows(path, coded & part.isna(), code, "has an anatomy that is in no region (1 to 9)", CURE)
        image, code, part = image[coded], code[coded], part[coded]
        if image.empty:
            raise DataError(f"{path}: no image has a code", CURE)
        places = _places(self.root)
        return pd.DataFrame(
            {
                "image_id": image,
                "patient_id": image,
                "study_id": image,
                "path": [places.get(one, f"{FOLDER}/{one}.png") for one in image],
                "split": cut_by_patient(image, part.map(LABELS.index), self.settings.split_seed),
                "view": axes["direction"][coded],
                "site": "RWTH Aachen",
                "body_part": part,
                **{name: (part == name).astype(int) for name in LABELS},
                "irma_code": code,
            }
        )

    def _table(self) -> Path:
        return need(self.root, TABLE, obtain=self.about.obtain)


def body_part(anatomy: str) -> str | None:
    """The label of an anatomy code AAA; None where its region is none of the nine."""
    region = REGIONS.get(anatomy[0])
    return ARM.get(anatomy[1], region) if region == "arm" else region


@cache
def _places(root: Path) -> dict[str, str]:
    """Image id -> path below root, of the images that are there."""
    return {path.stem: f"{FOLDER}/{path.name}" for path in (root / FOLDER).glob("*.png")}
