"""The two tuberculosis sets of the National Library of Medicine, Montgomery and Shenzhen (Jaeger et al. 2014).

Both have CXR_png/<stem>.png, whose last digit is the label, and ClinicalReadings/<stem>.txt. Montgomery adds masks of
the lungs, which say nothing of lesions; Shenzhen adds masks of the findings and a table of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.masks import read_mask
from xraybench.data.radiograph import read_shape
from xraybench.data.sources._files import check_rows, read_table
from xraybench.data.sources._folder import FolderSource
from xraybench.data.splits import cut_by_patient
from xraybench.errors import DataError

CITATION = (
    "Jaeger et al., Two public chest X-ray datasets for computer-aided screening of pulmonary diseases, "
    "Quantitative Imaging in Medicine and Surgery 4:475 (2014)"
)
SITES = {"MCUCXR": "Montgomery", "CHNCXR": "Shenzhen"}  # prefix of the stems -> site
SEVENTY_TWENTY_TEN = {"train": 0.7, "validation": 0.2, "test": 0.1}
IMAGES, READINGS, LUNGS = "CXR_png", "ClinicalReadings", ("ManualMask/leftMask", "ManualMask/rightMask")
FINDINGS, STATISTICS = "Annotations-2/masks", "Annotations-2/Statistics_ShenzhenDataset_US.csv"
STEM = re.compile(r"(MCUCXR|CHNCXR)_\d{4}_[01]")
SAME_PATIENT = re.compile(r"same (?:pt|patient) as ((?:MCUCXR|CHNCXR)_\d{4}_[01])", re.IGNORECASE)
SEX = re.compile(r"sex\s*:\s*(\w)|(?<![a-z])(fe?mal|mal)", re.IGNORECASE)  # "femal32yrs" is in the files, too
AGE = re.compile(r"(\d+)\s*(y|m|d)", re.IGNORECASE)
YEARS = {"y": 1.0, "m": 1 / 12, "d": 1 / 365.25}


@dataclass(frozen=True)
class Reading:
    """What a clinical reading says: sex (F, M, O or blank), age in years (NaN where it has no unit), text."""

    sex: str
    age: float
    text: str


class TuberculosisSource(FolderSource):
    """Radiographs of one or both sites: label `tb`; split 70/20/10 by patient, stratified by site and label."""

    prefixes: ClassVar[tuple[str, ...]]

    def tables(self) -> list[Path]:
        """The readings, and the tables of findings."""
        folders = self._folders().values()
        readings = [path for folder in folders for path in sorted((folder / READINGS).glob("*.txt"))]
        return [*readings, *(folder / STATISTICS for folder in folders if (folder / STATISTICS).is_file())]

    def annotated(self) -> bool:
        """Whether Shenzhen's masks of findings are there."""
        return any(any(self.root.glob(f"{depth}{FINDINGS}")) for depth in ("", "*/", "*/*/"))

    def listed(self) -> pd.DataFrame:
        """One row an image that is there (the sets have no list), with the reading's sex, age and text."""
        index = pd.concat([self._site(prefix, folder) for prefix, folder in self._folders().items()], ignore_index=True)
        stratum = index["tb"] + 2 * (index["site"] == "Shenzhen")
        index["split"] = cut_by_patient(index["patient_id"], stratum, self.settings.split_seed, SEVENTY_TWENTY_TEN)
        return index

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """`lung`, the union of both lungs' masks; `finding:<name>` and `finding` where findings were outlined."""
        image = self.path(row)
        folder, stem, shape = image.parent.parent, image.stem, read_shape(image)
        sides = [path for side in LUNGS if (path := folder / side / image.name).is_file()]
        regions = {"lung": _union(sides, shape)} if len(sides) == len(LUNGS) else {}
        outlined: dict[str, list[Path]] = {}
        for path in _findings(folder / FINDINGS).get(stem, ()):
            outlined.setdefault(path.stem.removeprefix(f"{stem}_").rstrip("0123456789").rstrip("_"), []).append(path)
        found = {f"finding:{name}": _union(paths, shape) for name, paths in outlined.items()}
        return {**regions, **({"finding": np.logical_or.reduce(list(found.values()))} if found else {}), **found}

    def _folders(self) -> dict[str, Path]:
        """Prefix -> the folder of its site, which is the one that was passed or lies up to two levels in it."""
        return {prefix: self._folder(prefix) for prefix in self.prefixes}

    def _folder(self, prefix: str) -> Path:
        for depth in ("", "*/", "*/*/"):
            for folder in sorted(self.root.glob(f"{depth}{IMAGES}")):
                if any(folder.glob(f"{prefix}_*.png")):
                    return folder.parent
        raise DataError(
            f"{self.root}: holds no {IMAGES}/{prefix}_*.png ({SITES[prefix]})",
            f"pass the folder as the download unpacks to it; to obtain it: {self.about.obtain}",
        )

    def _site(self, prefix: str, folder: Path) -> pd.DataFrame:
        paths = sorted((folder / IMAGES).glob(f"{prefix}_*.png"))
        wrong = [path for path in paths if not STEM.fullmatch(path.stem)]
        if wrong:
            raise DataError(
                f"{wrong[0]}: is not named {prefix}_NNNN_0 or _1", "the last digit is the label: take the set"
            )
        stems = [path.stem for path in paths]
        readings = [read_reading(folder / READINGS / f"{stem}.txt") for stem in stems]
        patients = _patients(stems, readings)
        table = pd.DataFrame(
            {
                "image_id": stems,
                "patient_id": patients,
                "study_id": stems,
                "path": [path.relative_to(self.root).as_posix() for path in paths],
                "split": "",
                "view": "PA",
                "site": SITES[prefix],
                "tb": [int(stem[-1]) for stem in stems],
                "age": [reading.age for reading in readings],
                "sex": [reading.sex for reading in readings],
                "report": [reading.text for reading in readings],
            }
        )
        statistics = folder / STATISTICS
        return table.merge(_statistics(statistics), "left", "image_id") if statistics.is_file() else table


def read_reading(path: Path) -> Reading:
    """A clinical reading in any of its forms; blank where there is none. Bytes that are not UTF-8 are replaced."""
    text = path.read_text("utf-8", errors="replace").strip() if path.is_file() else ""
    head = "\n".join(text.splitlines()[:2]) if "sex" in text.lower() else text.partition("\n")[0]
    sex, age = SEX.search(head), AGE.search(head)
    letter = (sex[1] or sex[2][0]).upper() if sex else ""
    return Reading(letter, int(age[1]) * YEARS[age[2].lower()] if age else np.nan, text[len(head) :].strip())


def _patients(stems: list[str], readings: list[Reading]) -> list[str]:
    """The stem without its label, or the patient that a reading says the image shares with another."""
    same = {stem: note[1] for stem, reading in zip(stems, readings, strict=True)
            if (note := SAME_PATIENT.search(reading.text))}  # fmt: skip
    patients = []
    for stem in stems:
        seen = {stem}
        while (other := same.get(stem)) and other not in seen:
            seen.add(other)
            stem = other
        patients.append(stem[:-2])
    return patients


def _statistics(path: Path) -> pd.DataFrame:
    """Image -> one column a finding: 1 or 0. Images that are not in the table are not annotated."""
    table = read_table(path, ())
    stems = table.iloc[:, 0].astype(str).str.removesuffix(".png")
    cure = "its first column names the images, CHNCXR_NNNN_1.png; the others are numbers, one a finding"
    check_rows(path, ~stems.str.fullmatch(STEM.pattern), stems, "names no image", cure)
    findings = table.iloc[:, 1:].apply(pd.to_numeric, errors="coerce")
    check_rows(path, findings.isna().any(axis=1), stems, "has a finding that is no number", cure)
    flags: pd.DataFrame = (findings > 0).astype(int)
    return flags.assign(image_id=stems)


@lru_cache(maxsize=4)
def _findings(folder: Path) -> dict[str, list[Path]]:
    """Stem -> mask files."""
    masks: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.png")):
        if stem := STEM.match(path.stem):
            masks.setdefault(stem[0], []).append(path)
    return masks


def _union(paths: list[Path], shape: tuple[int, int]) -> np.ndarray:
    return np.asarray(np.logical_or.reduce([read_mask(path, shape) for path in paths]))
