"""NIH ChestX-ray14: 112,120 frontal chest radiographs of 30,805 patients, labels from reports (Wang et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.masks import from_boxes
from xraybench.data.radiograph import read_shape
from xraybench.data.sources._files import check_rows, need, read_table
from xraybench.data.sources._folder import FolderSource
from xraybench.data.splits import cut_by_patient
from xraybench.spec import About, MetricNeeds

TABLE, BOXES = "Data_Entry_2017_v2020.csv", "BBox_List_2017.csv"
LISTS = {"train": "train_val_list.txt", "test": "test_list.txt"}
FOLDERS = ("images", *(f"images_{part:03d}/images" for part in range(1, 13)))
NOTHING = "No Finding"
LABELS = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
    "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia",
)  # fmt: skip
BOX_COLUMNS = (
    "image",
    "label",
    "x",
    "y",
    "width",
    "height",
    "blank1",
    "blank2",
    "blank3",
)  # one of its headers: [x,y,w,h]
BOXED_AS = {"Infiltrate": "Infiltration"}
DRAWN_IN = (1024, 1024)
SEVENTY_TEN_TWENTY = {"train": 0.7, "validation": 0.1, "test": 0.2}  # the authors' shares
SEVEN_TO_ONE = {"train": 0.7, "validation": 0.1}  # of the official train_val list
CURE = "take the official file, unchanged"


class NihCxr14(FolderSource):
    """Chest radiographs with 14 labels mined from reports; radiologists' boxes of 8 of them on 880 images.

    Where the official lists lie in the folder, test_list.txt is the test set and validation is an eighth of
    train_val_list.txt, cut by patient; without them all is cut 70/10/20 by patient.
    """

    name: ClassVar[str] = "nih-cxr14"
    redistributable: ClassVar[bool] = True
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    about: ClassVar[About] = About(
        title="NIH ChestX-ray14",
        licence="no restrictions on use; name the NIH Clinical Center as provider, and cite",
        citation="Wang et al., ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks, CVPR (2017)",
        obtain="NIH Clinical Center, nihcc.app.box.com/v/ChestXray-NIHCC",
        official={"images": 112120, "patients": 30805, "train + validation images": 86524, "test images": 25596},
    )

    def tables(self) -> list[Path]:
        """The data entries; the boxes and the official lists where they are there."""
        optional = (self.root / name for name in (BOXES, *LISTS.values()))
        return [self._table(), *(path for path in optional if path.is_file())]

    def annotated(self) -> bool:
        """Whether the list of boxes is there."""
        return (self.root / BOXES).is_file()

    def listed(self) -> pd.DataFrame:
        """One row an image of the data entries; `boxed` is 1 where a radiologist drew a box."""
        path = self._table()
        columns = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender")
        table = read_table(path, (*columns, "View Position"), index_col=False)
        image, patient = table["Image Index"].astype(str), table["Patient ID"].astype(str)
        named = pd.to_numeric(image.str.extract(r"^(\d{8})_\d{3}\.png$")[0], errors="coerce")
        check_rows(path, named != table["Patient ID"], image, "is no image of the patient in 'Patient ID'", CURE)
        view = table["View Position"]
        check_rows(path, ~view.isin(("PA", "AP")), view, "is not a view (PA, AP)", CURE)
        labels = self._labels(path, table["Finding Labels"].astype(str))
        boxed = set(_boxes(self.root / BOXES)) if self.annotated() else set()
        return pd.DataFrame(
            {
                "image_id": image.str.removesuffix(".png"),
                "patient_id": patient,
                "study_id": patient + "-" + table["Follow-up #"].astype(str),
                "path": [_places(self.root).get(name, f"{FOLDERS[0]}/{name}") for name in image],
                "split": self._split(image, patient, labels[NOTHING]),
                "view": view,
                "site": "NIH Clinical Center",
                **labels,
                "age": table["Patient Age"],
                "sex": table["Patient Gender"].fillna(""),
                "boxed": image.isin(boxed).astype(int),
            }
        )

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """The boxes by label (`finding:<label>`) and all together (`finding`); nothing where none was drawn.

        That a label has no box on an image does not say that the finding is not there: most images were never boxed.
        """
        boxes = _boxes(self.root / BOXES).get(f"{row['image_id']}.png", {}) if self.annotated() else {}
        if not boxes:
            return {}
        shape = read_shape(self.path(row))
        found = {f"finding:{label}": from_boxes(drawn, shape, DRAWN_IN) for label, drawn in boxes.items()}
        return {"finding": np.logical_or.reduce(list(found.values())), **found}

    def _table(self) -> Path:
        return need(self.root, TABLE, obtain=self.about.obtain)

    def _labels(self, path: Path, findings: pd.Series) -> dict[str, pd.Series]:
        """One column a label, and one for No Finding: 1 or 0."""
        flags = findings.str.get_dummies("|")
        unknown = [column for column in flags if column not in (*LABELS, NOTHING)]
        check_rows(path, flags[unknown].any(axis=1), findings, "has an unknown finding", CURE)
        return {label: flags[label] if label in flags else flags.iloc[:, 0] * 0 for label in (*LABELS, NOTHING)}

    def _split(self, image: pd.Series, patient: pd.Series, stratum: pd.Series) -> pd.Series:
        """The official lists, validation cut from train_val; without them, a cut of the whole."""
        lists = {split: self.root / name for split, name in LISTS.items()}
        if not any(path.is_file() for path in lists.values()):
            return cut_by_patient(patient, stratum, self.settings.split_seed, SEVENTY_TEN_TWENTY)
        members = {split: need(path, obtain=self.about.obtain).read_text().split() for split, path in lists.items()}
        test, train = image.isin(members["test"]), image.isin(members["train"])
        check_rows(self._table(), ~(test ^ train), image, f"is not in one of {' and '.join(LISTS.values())}", CURE)
        cut = cut_by_patient(patient[train], stratum[train], self.settings.split_seed, SEVEN_TO_ONE)
        return cut.reindex(image.index, fill_value="test")


@cache
def _places(root: Path) -> dict[str, str]:
    """File name -> path below root, of the images that are there, in one folder or in the twelve parts."""
    return {path.name: f"{folder}/{path.name}" for folder in FOLDERS for path in (root / folder).glob("*.png")}


@lru_cache(maxsize=2)
def _boxes(path: Path) -> dict[str, dict[str, list[tuple[float, ...]]]]:
    """Image -> label -> boxes (x, y, width, height), in pixels of the 1024 x 1024 images."""
    table = read_table(path, BOX_COLUMNS, names=BOX_COLUMNS, header=None, skiprows=1)
    numbers = table[["x", "y", "width", "height"]].apply(pd.to_numeric, errors="coerce")
    wrong = numbers.isna().any(axis=1) | (numbers[["width", "height"]] <= 0).any(axis=1)
    check_rows(path, wrong, table["image"], "has no box x, y, width, height", CURE)
    label = table["label"].replace(BOXED_AS)
    check_rows(path, ~label.isin(LABELS), table["label"], "is an unknown finding", CURE)
    boxes: dict[str, dict[str, list[tuple[float, ...]]]] = {}
    for image, name, box in zip(table["image"], label, numbers.itertuples(index=False, name=None), strict=True):
        boxes.setdefault(image, {}).setdefault(name, []).append(box)
    return boxes
