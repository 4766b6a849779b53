"""MURA v1.1: 40,005 radiographs of the upper limb in 14,656 studies, each study normal or abnormal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from xraybench.data.sources._files import check_rows, need, read_table
from xraybench.data.sources._folder import FolderSource, Settings
from xraybench.data.sources._settings import check_choice
from xraybench.data.splits import cut_by_patient
from xraybench.spec import About

TOP = "MURA-v1.1"
PARTS = ("elbow", "finger", "forearm", "hand", "humerus", "shoulder", "wrist")
OFFICIAL = ("train", "valid")
NINE_TO_ONE = {"train": 0.9, "validation": 0.1}  # of the official train
IMAGE = (
    rf"^(?P<folder>{TOP}/(?P<official>train|valid)/XR_(?P<part>{'|'.join(PARTS).upper()})/(?P<patient>patient\d+)"
    r"/(?P<study>study\d+)_(?:positive|negative))/(?P<image>image\d+)\.png$"
)
CURE = "take the official file, unchanged"


@dataclass(frozen=True)
class MuraSettings(Settings):
    """parts: the body parts that are kept (none named: all seven)."""

    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("mura", "parts", self.parts, PARTS)


class Mura(FolderSource):
    """Upper limbs: label `abnormal` of the study; body part in `body_part` and as one label column each.

    The official valid is the test set (the real one is hidden); validation is a tenth of train, cut by patient.
    No masks: localisation cannot be measured here.
    """

    name: ClassVar[str] = "mura"
    redistributable: ClassVar[bool] = False
    Settings: ClassVar[type[Settings]] = MuraSettings
    settings: MuraSettings
    about: ClassVar[About] = About(
        title="MURA v1.1",
        licence="Stanford research use agreement; no redistribution",
        citation="Rajpurkar et al., MURA: Large Dataset for Abnormality Detection in Musculoskeletal Radiographs, "
        "MIDL (2018)",
        obtain="Stanford AIMI, stanfordaimi.azurewebsites.net (search for MURA); pass the folder MURA-v1.1",
        official={"images": 40005, "studies": 14656, "train + validation images": 36808, "test images": 3197},
    )

    def tables(self) -> list[Path]:
        """The four tables: images and labelled studies of train and valid."""
        return [self._file(f"{split}_{what}.csv") for split in OFFICIAL for what in ("image_paths", "labeled_studies")]

    def listed(self) -> pd.DataFrame:
        """One row an image of the two tables of images, of the parts that the settings keep."""
        table = pd.concat([self._images(split) for split in OFFICIAL], ignore_index=True)
        if self.settings.parts:
            table = table[table["body_part"].isin(self.settings.parts)].reset_index(drop=True)
        train = table["split"] == "train"
        cut = cut_by_patient(
            table["patient_id"][train], table["abnormal"][train], self.settings.split_seed, NINE_TO_ONE
        )
        return table.assign(split=cut.reindex(table.index, fill_value="test"))

    def _images(self, official: str) -> pd.DataFrame:
        """One row an image of an official split; `split` is train or test."""
        path = self._file(f"{official}_image_paths.csv")
        names = read_table(path, ["path"], header=None, names=["path"], dtype=str)["path"].fillna("")
        found = names.str.extract(IMAGE)
        what = f"is not an image of {official} ({TOP}/{official}/XR_PART/patientN/studyN_SIGN/imageN.png)"
        check_rows(path, found["official"] != official, names, what, CURE, first=1)
        abnormal = found["folder"].map(self._studies(official))
        check_rows(path, abnormal.isna(), names, f"its study is not in {official}_labeled_studies.csv", CURE, first=1)
        part = found["part"].str.lower()
        study = found["patient"] + "-" + part + "-" + found["study"]
        return pd.DataFrame(
            {
                "image_id": study + "-" + found["image"],
                "patient_id": found["patient"],
                "study_id": study,
                "path": names if self._below() else names.str.removeprefix(f"{TOP}/"),
                "split": "test" if official == "valid" else "train",
                "view": "",
                "site": "",
                "abnormal": abnormal.astype(int),
                "body_part": part,
                **{name: (part == name).astype(int) for name in PARTS},
            }
        )

    def _studies(self, official: str) -> pd.Series:
        """Study path -> 1 abnormal, 0 normal; the folder's name says the same, or the table is not the official one."""
        path = self._file(f"{official}_labeled_studies.csv")
        table = read_table(path, ["study", "abnormal"], header=None, names=["study", "abnormal"], dtype=str)
        study = table["study"].fillna("").str.rstrip("/")
        agrees = study.str.endswith("_positive").where(table["abnormal"] == "1", study.str.endswith("_negative"))
        shown = table["study"].fillna("") + "," + table["abnormal"].fillna("")
        check_rows(path, ~table["abnormal"].isin(("0", "1")), shown, "the label is not 0 or 1", CURE, first=1)
        check_rows(path, ~agrees, shown, "label and folder disagree", CURE, first=1)
        check_rows(path, study.duplicated(), shown, "the study is listed twice", CURE, first=1)
        return pd.Series(table["abnormal"].astype(int).to_numpy(), study)

    def _below(self) -> bool:
        """Whether the folder given is the one above MURA-v1.1."""
        return (self.root / TOP).is_dir()

    def _file(self, name: str) -> Path:
        return need(self.root / TOP if self._below() else self.root, name, obtain=self.about.obtain)
