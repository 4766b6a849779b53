"""GRAZPEDWRI-DX: 20,327 wrist radiographs of 6,091 children, with boxes (Nagy et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.masks import from_yolo
from xraybench.data.radiograph import read_shape
from xraybench.data.sources._files import need, read_table
from xraybench.data.sources._folder import FolderSource, Settings
from xraybench.data.sources._settings import check_choice
from xraybench.data.splits import cut_by_patient
from xraybench.errors import DataError
from xraybench.spec import About, MetricNeeds

FILESTEM = "filestem"
NUMBERS = ("cast", "diagnosis_uncertain", "osteopenia", "fracture_visible", "metal")  # blank is 0
VIEWS = {1: "PA", 2: "lateral", 3: "oblique"}
YOLO = {"finding": 3, "hardware": 4, "text": 8}  # region -> class of the YOLO files
FOLDERS = ("images_part1", "images_part2", "images_part3", "images_part4", "images")
LABELS = ("folder_structure/yolov5/labels", "yolov5/labels")


@dataclass(frozen=True)
class GrazpedwriSettings(Settings):
    """views: the projections that are kept (none named: all). A patient stays in the split it has among all."""

    views: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("grazpedwri", "views", self.views, tuple(VIEWS.values()))


class Grazpedwri(FolderSource):
    """Wrists in two projections: label `fracture` (fracture_visible); boxes of fractures, metal and burned-in text."""

    name: ClassVar[str] = "grazpedwri"
    redistributable: ClassVar[bool] = True
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    Settings: ClassVar[type[Settings]] = GrazpedwriSettings
    settings: GrazpedwriSettings
    about: ClassVar[About] = About(
        title="GRAZPEDWRI-DX",
        licence="CC BY 4.0",
        citation="Nagy et al., A pediatric wrist trauma X-ray dataset (GRAZPEDWRI-DX), Scientific Data 9:222 (2022)",
        obtain="figshare, doi 10.6084/m9.figshare.14825193",
        official={"images": 20327, "patients": 6091, "fracture=1": 13550},
    )

    def tables(self) -> list[Path]:
        """dataset.csv, and the YOLO files of the images."""
        labels = [self.root / folder for folder in LABELS]
        return [self._dataset(), *(path for folder in labels for path in sorted(folder.glob("*.txt")))]

    def listed(self) -> pd.DataFrame:
        """One row an image of dataset.csv; split 80/10/10 by patient, stratified by fracture."""
        path = self._dataset()
        columns = (FILESTEM, "patient_id", "study_number", "gender", "age", "laterality", "projection", *NUMBERS)
        table = read_table(path, columns, encoding="utf-8-sig", dtype={FILESTEM: str, "timehash": str})
        flags = table[list(NUMBERS)].fillna(0)
        fracture = flags["fracture_visible"].astype(int)
        patient = table["patient_id"].astype(int).astype(str)
        listed = pd.DataFrame(
            {
                "image_id": table[FILESTEM],
                "patient_id": patient,
                "study_id": patient + "-" + table["study_number"].astype(str),
                "path": [self._place(stem) for stem in table[FILESTEM]],
                "split": cut_by_patient(patient, fracture, self.settings.split_seed),
                "view": table["projection"].map(VIEWS).fillna(""),
                "site": table["device_manufacturer"].fillna(""),
                "fracture": fracture,
                "age": table["age"],
                "sex": table["gender"].fillna(""),
                "laterality": table["laterality"].fillna(""),
                **{name: flags[name].astype(int) for name in NUMBERS if name != "fracture_visible"},
            }
        )
        return listed[listed["view"].isin(self.settings.views)] if self.settings.views else listed

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """Boxes of the fracture (finding), of metal (hardware) and of burned-in text, from the YOLO file.

        An image without a YOLO file has no annotation: no region, rather than empty ones.
        """
        places = (self.root / folder / f"{row['image_id']}.txt" for folder in LABELS)
        path = next((path for path in places if path.is_file()), None)
        if path is None:
            return {}
        shape, lines = read_shape(self.path(row)), path.read_text("ascii").splitlines()
        try:
            return {region: from_yolo(lines, number, shape) for region, number in YOLO.items()}
        except ValueError as error:
            raise DataError(f"{path}: is not a YOLO file: {error}", "its lines are `class cx cy w h`") from error

    def _dataset(self) -> Path:
        return need(self.root, "dataset.csv", obtain=self.about.obtain)

    def _place(self, stem: str) -> str:
        """Where an image lies: in whichever of the four parts it was unpacked to."""
        return _places(self.root).get(stem, f"{FOLDERS[0]}/{stem}.png")


@cache
def _places(root: Path) -> dict[str, str]:
    """filestem -> path below root, of the images that are there."""
    return {path.stem: f"{folder}/{path.name}" for folder in FOLDERS for path in (root / folder).glob("*.png")}
