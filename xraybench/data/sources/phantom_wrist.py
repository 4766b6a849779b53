"""The source `phantom-wrist`: wrist radiographs in PA view, computed on demand from a seed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.phantom.cases import GRADE_SHARES, SPLITS, Case, Population, draw
from xraybench.data.phantom.findings import GRADES
from xraybench.data.phantom.wrist import PHANTOM_VERSION, Wrist
from xraybench.data.phantom.wrist_reports import report
from xraybench.data.phantom.wrist_views import VIEWS, ClinicalWrist, Dressing
from xraybench.data.sources import _computed
from xraybench.errors import DataError, UsageError
from xraybench.spec import About, MetricNeeds, opens

ROW = re.compile(r"wrist-([a-z]+)-(\d+)(-lateral)?")
LATER = ("views", "cast", "metal", "parent", "reports")  # settings that came after wrists had been published


@dataclass(frozen=True)
class Settings:
    """The plain settings of a task file.

    size: pixels a side; train, validation, test: numbers of cases; displaced, moderate, hairline: shares of the grades
    among fractures; views: "PA", "lateral" or both, an image each of every case; cast, metal, parent: shares of the
    cases that show them (a parent's hand: of young children); reports: whether the index has a column `report`, one
    text a case; the others are those of `Population`.
    """

    size: int = 64
    train: int = 4000
    validation: int = 500
    test: int = 500
    seed: int = 0
    prevalence: float = 0.5
    displaced: float = GRADE_SHARES["displaced"]
    moderate: float = GRADE_SHARES["moderate"]
    hairline: float = GRADE_SHARES["hairline"]
    shortcut: float | None = None
    views: tuple[str, ...] = ("PA",)
    cast: float = 0.0
    metal: float = 0.0
    parent: float = 0.0
    reports: bool = False

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> Settings:
        """Settings from plain keys; UsageError for an unknown key or a value out of range."""
        made = _computed.parse(cls, "phantom-wrist", settings)
        made._check()
        return made

    def _check(self) -> None:
        _computed.check_counts("phantom-wrist", self, (*SPLITS, "seed"))
        _computed.check_parts("phantom-wrist", "views", self.views, VIEWS)
        shares = (self.prevalence, *(getattr(self, grade) for grade in GRADES), self.shortcut or 0)
        shares += (self.cast, self.metal, self.parent)
        if not all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares):
            raise UsageError("phantom-wrist: a share is not between 0 and 1", "shares are numbers from 0 to 1")
        if not any(getattr(self, grade) for grade in GRADES):
            raise UsageError("phantom-wrist: no grade has a share", f"give one of {', '.join(GRADES)} more than 0")

    @property
    def population(self) -> Population:
        """What the cases are drawn from."""
        grades: dict[str, float] = {grade: getattr(self, grade) for grade in GRADES}
        return Population(self.seed, self.prevalence, grades, self.shortcut)

    @property
    def dressing(self) -> Dressing:
        """What some wrists wear."""
        return Dressing(self.cast, self.metal, self.parent)

    @property
    def clinical(self) -> bool:
        """Whether anything but plain PA wrists is asked for."""
        return self.views != ("PA",) or self.dressing != Dressing() or self.reports


@dataclass(frozen=True)
class PhantomWrist:
    """Wrist phantoms, one patient with one study each: a PA image, or what the settings ask for."""

    name: ClassVar[str] = "phantom-wrist"
    about: ClassVar[About] = About(
        title="Wrist phantoms",
        licence="Apache-2.0, as xraybench",
        citation="computed by xraybench; no patients",
        obtain="computed where it is used",
    )
    phantom: ClassVar[bool] = True
    redistributable: ClassVar[bool] = True
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding", "twins"})

    settings: Settings

    def identity(self) -> Mapping[str, Any]:
        """All parameters, and the version of what they mean; those at their defaults that came later are left out."""
        defaults = {item.name: item.default for item in fields(Settings)}
        chosen = {
            key: value
            for key, value in asdict(self.settings).items()
            if key not in LATER or value != defaults[key]
        }  # fmt: skip
        return {"source": self.name, "phantom_version": PHANTOM_VERSION} | chosen

    def index(self) -> pd.DataFrame:
        """One row an image, the splits in order; nothing is rendered."""
        population = self.settings.population
        counts = ((split, getattr(self.settings, split)) for split in SPLITS)
        cases = (draw(population, split, n) for split, count in counts for n in range(count))
        if not self.settings.clinical:
            return pd.DataFrame([_row(case) for case in cases])
        return pd.DataFrame(
            [_clinical_row(case, view, self.settings) for case in cases for view in self.settings.views]
        )

    def image(self, row: Mapping[str, Any]) -> np.ndarray:
        """The radiograph, float32 [size,size] of k/255."""
        return self._wrist(row).image()

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """Masks bool [size,size]: finding, difference, box, text, frame (see `Wrist.regions`).

        Where more than plain PA wrists is asked for: hardware, cast, parent, too.
        """
        return self._wrist(row).regions()

    def twin(self, row: Mapping[str, Any]) -> np.ndarray | None:
        """The same radiograph without its fracture; None for a normal wrist."""
        return self._wrist(row).twin()

    def flipped(self, row: Mapping[str, Any]) -> np.ndarray:
        """The same radiograph without its legend, or with the one it might have had; float32 [size,size]."""
        wrist = self._wrist(row)
        return replace(wrist, case=replace(wrist.case, legend=not wrist.case.legend)).image()

    def _wrist(self, row: Mapping[str, Any]) -> Wrist:
        match = ROW.fullmatch(str(row["image_id"])) if "image_id" in row else None
        view = "lateral" if match and match[3] else "PA"
        if not match or match[1] not in SPLITS or view not in self.settings.views:
            raise DataError(f"not a row of phantom-wrist: {dict(row)!r}", "pass a row of this source's index()")
        return _drawn(self.settings, match[1], int(match[2]), view)


@lru_cache(maxsize=1)
def _drawn(settings: Settings, split: str, number: int, view: str) -> Wrist:
    """A wrist is drawn once for its image, regions and twin."""
    case = draw(settings.population, split, number)
    if not settings.clinical:
        return Wrist(case, settings.size)
    return ClinicalWrist(case, settings.size, view == "lateral", settings.dressing.of(case))


def _clinical_row(case: Case, view: str, settings: Settings) -> dict[str, Any]:
    """A row that says which view it is and what the wrist wears."""
    row, worn = _row(case), settings.dressing.of(case)
    if view == "lateral":
        row |= {"image_id": f"{row['image_id']}-lateral", "view": view}
    row |= {"cast": worn.cast, "metal": worn.metal, "parent": worn.parent}
    return row | ({"report": report(case, worn)} if settings.reports else {})


def _row(case: Case) -> dict[str, Any]:
    patient = f"wrist-patient-{case.split}-{case.number:06d}"
    return {
        "image_id": f"wrist-{case.split}-{case.number:06d}",
        "patient_id": patient,
        "study_id": f"{patient}-1",
        "path": "",
        "split": case.split,
        "view": "PA",
        "site": case.site,
        "fracture": int(case.fracture),
        "grade": case.grade,
        "bone": case.bone,
        "age": case.age,
        "sex": "M" if case.male else "F",
        "laterality": "L" if case.left else "R",
        "legend": case.legend,
        "look_alike": case.look_alike,
    }


@opens(PhantomWrist)
def open_source(root: Path | None, settings: Mapping[str, Any]) -> PhantomWrist:
    """The source with a preset's settings; UsageError if a folder is given, for phantoms are computed."""
    if root is not None:
        raise UsageError("phantom-wrist reads no folder", "leave out --data, or name the source that reads it")
    return PhantomWrist(Settings.parse(settings))
