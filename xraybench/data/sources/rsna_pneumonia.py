"""RSNA pneumonia challenge: 26,684 of NIH's chest radiographs, with radiologists' boxes (Shih et al. 2019)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.masks import from_boxes
from xraybench.data.radiograph import read_shape
from xraybench.data.sources._files import check_rows, need, read_table
from xraybench.data.sources._folder import FolderSource
from xraybench.data.splits import cut_by_patient
from xraybench.errors import DataError
from xraybench.spec import About, MetricNeeds

TABLE, IMAGES = "stage_2_train_labels.csv", "stage_2_train_images"
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"  # which image of NIH's each is; a download of its own
BOX = ["x", "y", "width", "height"]
DRAWN_IN = (1024, 1024)
CURE = "take the official file, unchanged"


class RsnaPneumonia(FolderSource):
    """Chest radiographs as DICOM: label `pneumonia` (Target, a lung opacity suspect of pneumonia), and its boxes.

    The images are NIH ChestX-ray14's: never train on one and test on the other. Each id counts as a patient, unless
    the official mapping to NIH's images lies in the folder: then `nih_patient` is known, and the split is cut by it.
    """

    name: ClassVar[str] = "rsna-pneumonia"
    redistributable: ClassVar[bool] = False
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    about: ClassVar[About] = About(
        title="RSNA Pneumonia Detection Challenge",
        licence="terms of the challenge: academic use; the images are NIH ChestX-ray14's",
        citation="Shih et al., Augmenting the NIH Chest Radiograph Dataset, Radiology: AI 1:e180041 (2019)",
        obtain="kaggle.com/c/rsna-pneumonia-detection-challenge, or RSNA's page of the challenge",
        official={"images": 26684, "pneumonia=1": 6012},
    )

    def tables(self) -> list[Path]:
        """The labels, and the mapping where it is there."""
        return [self._table(), *(path for path in (self.root / MAPPING,) if path.is_file())]

    def listed(self) -> pd.DataFrame:
        """One row an image of the labels; the challenge's test images have none and are left out."""
        table = _rows(self._table()).groupby("patientId", sort=False)["Target"].max().reset_index()
        image = table["patientId"]
        mapping = self.root / MAPPING
        nih = image.map(_nih_patients(mapping)).fillna("") if mapping.is_file() else pd.Series("", image.index)
        patient = nih.where(nih != "", image)
        return pd.DataFrame(
            {
                "image_id": image,
                "patient_id": patient,
                "study_id": image,
                "path": IMAGES + "/" + image + ".dcm",
                "split": cut_by_patient(patient, table["Target"], self.settings.split_seed),
                "view": "",
                "site": "NIH Clinical Center",
                "pneumonia": table["Target"],
                "nih_patient": nih,
            }
        )

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """`finding`: the boxes, at the image's own size. Radiologists looked at every image: none means none."""
        return {
            "finding": from_boxes(_boxes(self._table()).get(row["image_id"], ()), read_shape(self.path(row)), DRAWN_IN)
        }

    def _table(self) -> Path:
        return need(self.root, TABLE, obtain=self.about.obtain)


@lru_cache(maxsize=2)
def _rows(path: Path) -> pd.DataFrame:
    """One row a box, or an image without any."""
    table = read_table(path, ("patientId", *BOX, "Target"), dtype={"patientId": str})
    check_rows(path, ~table["patientId"].str.fullmatch(r"[\w-]+").eq(True), table["patientId"], "is no patientId", CURE)
    check_rows(path, ~table["Target"].isin((0, 1)), table["Target"], "Target is not 0 or 1", CURE)
    numbers = table[BOX].apply(pd.to_numeric, errors="coerce")
    whole = numbers.notna().all(axis=1) & (numbers[["width", "height"]] > 0).all(axis=1)
    wrong = np.where(table["Target"] == 1, ~whole, table[BOX].notna().any(axis=1))
    check_rows(path, pd.Series(wrong), table["patientId"], "Target is 1 exactly where there is a box", CURE)
    mixed = table.groupby("patientId")["Target"].transform("nunique") > 1
    check_rows(path, mixed, table["patientId"], "has rows with Target 0 and 1", CURE)
    return table.assign(**numbers)


@lru_cache(maxsize=2)
def _boxes(path: Path) -> dict[str, list[tuple[float, ...]]]:
    boxes: dict[str, list[tuple[float, ...]]] = {}
    table = _rows(path)
    positive = table[table["Target"] == 1]
    for image, box in zip(positive["patientId"], positive[BOX].itertuples(index=False, name=None), strict=True):
        boxes.setdefault(image, []).append(box)
    return boxes


def _nih_patients(path: Path) -> dict[str, str]:
    """Image of the challenge -> patient of NIH ChestX-ray14, as its reader names patients (no leading zeros)."""
    try:
        listed = json.loads(path.read_text("utf-8"))
        return {one["subset_img_id"]: str(int(one["img_id"].partition("_")[0])) for one in listed}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: is not the mapping it should be: {error!r}", CURE) from error
