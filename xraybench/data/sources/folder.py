"""A hospital's own folder: DICOM, PNG, JPEG or TIFF files, and a table that says what they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.masks import from_boxes, read_mask
from xraybench.data.radiograph import read_shape
from xraybench.data.sources._files import inside, sizes
from xraybench.data.sources._folder import FolderSource, Settings
from xraybench.data.sources._own_table import OwnTable, boxes_of
from xraybench.data.splits import INFERRED, SPLITS, cut_by_patient
from xraybench.errors import DataError, UsageError
from xraybench.spec import About, MetricNeeds

PERSONAL = ("sex",)  # what two rows of one patient must agree on
STRATA = ("sex", "laterality")
HOW = "docs/your-own-data.md shows one"


@dataclass(frozen=True)
class OwnSettings(Settings):
    """csv: the table's name (by default the only .csv in the folder); labels: its columns that hold labels.

    shares: of the patients in train, validation and test, where the table has no column `split`.
    """

    csv: str | None = None
    labels: tuple[str, ...] = ("label",)
    shares: tuple[float, ...] = (0.8, 0.1, 0.1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.labels, tuple) or not self.labels or not all(isinstance(n, str) for n in self.labels):
            raise UsageError(f"source 'folder': labels = {self.labels!r}", 'labels is a list of columns: ["label"]')
        numbers = isinstance(self.shares, tuple) and all(isinstance(part, int | float) for part in self.shares)
        if not numbers or len(self.shares) != len(SPLITS) or min(self.shares) <= 0:
            raise UsageError(f"source 'folder': shares = {self.shares!r}", "shares are three numbers: [0.8, 0.1, 0.1]")


class OwnFolder(FolderSource):
    """Your own radiographs: a table with `path,patient_id,label`, and what else you know of each image.

    Without a column `split` it is cut by patient; patients with an inferred label then stand in train.
    """

    name: ClassVar[str] = "folder"
    redistributable: ClassVar[bool] = False
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    Settings: ClassVar[type[Settings]] = OwnSettings
    settings: OwnSettings
    about: ClassVar[About] = About(
        title="A folder of your own",
        licence="your own; pixels are never published",
        citation="your own",
        obtain="write a table of your images: docs/your-own-data.md",
    )

    def tables(self) -> list[Path]:
        """The table, and the mask files that it names."""
        named = self.index().get("mask", pd.Series(dtype=str))
        return [self._csv(), *(inside(self.root, name) for name in sorted(set(named[named != ""])))]

    def annotated(self) -> bool:
        """Whether the table has a column of masks or boxes."""
        return bool({"mask", "boxes"} & set(self._table().cells))

    def listed(self) -> pd.DataFrame:
        """One row an image of the table; labels, age, sex, laterality, and where findings are outlined."""
        table = self._table()
        patient = table.filled("patient_id")
        for name in PERSONAL:
            table.one_person(patient, name)
        labels = {name: table.label(name) for name in self.settings.labels}
        inferred = self._inferred(table)
        study = table.column("study_id")
        index = {
            "image_id": table.paths(),
            "patient_id": patient,
            "study_id": study.where(study != "", patient),
            "path": table.paths(),
            "split": self._split(table, patient, pd.DataFrame(labels), inferred),
            "view": table.column("view"),
            "site": table.column("site"),
            **labels,
            "age": table.number("age"),
            **{name: table.column(name) for name in STRATA},
            **({INFERRED: inferred} if inferred.any() else {}),
            **({"mask": self._masks(table)} if "mask" in table.cells else {}),
            **({"boxes": table.boxes("boxes")} if "boxes" in table.cells else {}),
        }
        return pd.DataFrame(index)

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """The finding: the mask file and the boxes together; nothing where the row has neither."""
        mask, boxes = str(row.get("mask", "")), str(row.get("boxes", ""))
        if not mask and not boxes:
            return {}
        shape = read_shape(self.path(row))
        finding = from_boxes(boxes_of(boxes), shape)
        return {"finding": finding | read_mask(inside(self.root, mask), shape) if mask else finding}

    def _csv(self) -> Path:
        if self.settings.csv is not None:
            path = inside(self.root, self.settings.csv)
            if not path.is_file():
                raise DataError(f"{path}: missing", "the setting `csv` names the table below the folder")
            return path
        found = sorted(self.root.glob("*.csv"))
        if len(found) != 1:
            what = f"has {len(found)} .csv files" if found else "has no .csv file"
            raise DataError(f"{self.root}: {what}", f'put one there ({HOW}), or name it: csv = "images.csv"')
        return found[0]

    def _table(self) -> OwnTable:
        return OwnTable.read(self._csv(), ("path", "patient_id", *self.settings.labels))

    def _inferred(self, table: OwnTable) -> pd.Series:
        """Whether a row's label was inferred: column `inferred`, or `<label>_inferred` as label-reports writes it."""
        columns = (INFERRED, *(f"{label}_inferred" for label in self.settings.labels))
        inferred = pd.Series(False, table.cells.index)
        for column in columns:
            inferred |= table.flag(column)
        return inferred

    def _split(self, table: OwnTable, patient: pd.Series, labels: pd.DataFrame, inferred: pd.Series) -> pd.Series:
        """The table's own column, or a cut by patient, stratified by the first label."""
        if "split" in table.cells:
            return table.splits()
        train_only = inferred.groupby(patient).transform("any")
        shares = dict(zip(SPLITS, self.settings.shares, strict=True))
        stratum = labels[self.settings.labels[0]]
        cut = cut_by_patient(patient[~train_only], stratum[~train_only], self.settings.split_seed, shares)
        return cut.reindex(patient.index, fill_value="train")

    def _masks(self, table: OwnTable) -> pd.Series:
        """Names of the mask files; each must be there."""
        mask = table.column("mask").str.replace("\\", "/")
        named = mask[mask != ""]
        there = pd.Series(sizes(self.root, named) >= 0, named.index).reindex(mask.index, fill_value=True)
        table.refuse(~there, mask, "the mask file is missing", "name masks relative to the folder, or leave it empty")
        return mask
