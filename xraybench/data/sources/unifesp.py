"""UNIFESP: DICOM radiographs of all body parts, several of them on some images (competition of 2022)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from xraybench.data.sources._files import check_rows, need, read_table
from xraybench.data.sources._folder import FolderSource
from xraybench.data.splits import cut_by_patient
from xraybench.spec import About

PARTS = (  # by the number in column Target
    "abdomen", "ankle", "cervical-spine", "chest", "clavicles", "elbow", "feet", "finger", "forearm", "hand", "hip",
    "knee", "lower-leg", "lumbar-spine", "others", "pelvis", "shoulder", "sinus", "skull", "thigh", "thoracic-spine",
    "wrist",
)  # fmt: skip
FOLDER, SUFFIX = "train", "-c"  # the files of some copies are called <SOPInstanceUID>-c.dcm
CURE = "take the official file, unchanged"


class Unifesp(FolderSource):
    """Body parts, one label each (`chest`, `hand`, ...); an image may show several.

    The published test images have no labels: the training images are cut 80/10/10. The table names no patients, so the
    study in the DICOM header stands for the patient: two studies of one patient may stand in two splits.
    """

    name: ClassVar[str] = "unifesp"
    redistributable: ClassVar[bool] = False
    about: ClassVar[About] = About(
        title="UNIFESP X-ray body part",
        licence="rules of the competition; no redistribution",
        citation="Farina et al., UNIFESP X-ray Body Part Classifier Competition, Kaggle (2022)",
        obtain="kaggle.com/competitions/unifesp-x-ray-body-part-classifier",
    )

    def tables(self) -> list[Path]:
        """train.csv."""
        return [self._table()]

    def listed(self) -> pd.DataFrame:
        """One row an image of train.csv."""
        path = self._table()
        table = read_table(path, ("SOPInstanceUID", "Target"), dtype=str, keep_default_na=False)
        image, target = table["SOPInstanceUID"].str.strip(), table["Target"].str.split()
        check_rows(path, ~image.str.fullmatch(r"[0-9.]+"), image, "is no SOPInstanceUID", CURE)
        known = {str(number) for number in range(len(PARTS))}
        wrong = target.map(lambda numbers: not numbers or not known.issuperset(numbers)).astype(bool)
        check_rows(path, wrong, table["Target"], f"is no list of numbers from 0 to {len(PARTS) - 1}", CURE)
        labels = {
            name: target.map(lambda numbers, one=str(number): one in numbers).astype(int)
            for number, name in enumerate(PARTS)
        }
        first = target.str[0].astype(int)
        study = image.map(_studies(self.root)).fillna(image)
        return pd.DataFrame(
            {
                "image_id": image,
                "patient_id": study,
                "study_id": study,
                "path": image.map(_places(self.root)).fillna(FOLDER + "/" + image + SUFFIX + ".dcm"),
                "split": cut_by_patient(study, first, self.settings.split_seed),
                "view": "",
                "site": "UNIFESP",
                **labels,
            }
        )

    def _table(self) -> Path:
        return need(self.root, "train.csv", obtain=self.about.obtain)


@cache
def _places(root: Path) -> dict[str, str]:
    """SOPInstanceUID, the file's name -> path below root, of the images that are there, however deep."""
    found = sorted((root / FOLDER).rglob("*.dcm"))
    return {path.stem.removesuffix(SUFFIX): path.relative_to(root).as_posix() for path in found}


@cache
def _studies(root: Path) -> dict[str, str]:
    """SOPInstanceUID -> StudyInstanceUID of its header; files that are no DICOM are left to decoding."""
    read = {image: _study(root / path) for image, path in _places(root).items()}
    return {image: study for image, study in read.items() if study}


def _study(path: Path) -> str:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        header: Any = dcmread(path, stop_before_pixels=True, specific_tags=["StudyInstanceUID"])
    except (InvalidDicomError, OSError):
        return ""
    return str(header.get("StudyInstanceUID", ""))
