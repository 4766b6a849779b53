"""The source `phantom-wrist`: wrist radiographs in PA view, computed on demand from a seed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.phantom.cases import GRADE_SHARES, SPLITS, Case, Population, draw
from xraybench.data.phantom.findings import GRADES
from xraybench.data.phantom.wrist import PHANTOM_VERSION, Wrist
from xraybench.errors import DataError, UsageError
from xraybench.spec import About, MetricNeeds, opens

SMALLEST, LARGEST = 64, 512


@dataclass(frozen=True)
class Settings:
    """The plain settings of a task file.

    size: pixels a side; train, validation, test: numbers of images; displaced, moderate, hairline: shares of the
    grades among fractures; the others are those of `Population`.
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

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> Settings:
        """Settings from plain keys; UsageError for an unknown key or a value out of range."""
        known = [item.name for item in fields(cls)]
        for key in settings:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it takes: {', '.join(known)}"
                raise UsageError(f"phantom-wrist has no setting {key!r}", hint)
        made = cls(**settings)
        made._check()
        return made

    def _check(self) -> None:
        for name in ("size", *SPLITS, "seed"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise UsageError(f"phantom-wrist: {name} = {value!r}", f"{name} is a whole number from 0")
        if not SMALLEST <= self.size <= LARGEST:
            raise UsageError(f"phantom-wrist: size = {self.size}", f"sizes go from {SMALLEST} to {LARGEST} pixels")
        shares = (self.prevalence, *(getattr(self, grade) for grade in GRADES), self.shortcut or 0)
        if not all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares):
            raise UsageError("phantom-wrist: a share is not between 0 and 1", "shares are numbers from 0 to 1")
        if not any(getattr(self, grade) for grade in GRADES):
            raise UsageError("phantom-wrist: no grade has a share", f"give one of {', '.join(GRADES)} more than 0")

    @property
    def population(self) -> Population:
        """What the cases are drawn from."""
        grades: dict[str, float] = {grade: getattr(self, grade) for grade in GRADES}
        return Population(self.seed, self.prevalence, grades, self.shortcut)


@dataclass(frozen=True)
class PhantomWrist:
    """Wrist phantoms, one patient with one study of one PA image each."""

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
        """All parameters, and the version of what they mean."""
        return {"source": self.name, "phantom_version": PHANTOM_VERSION} | asdict(self.settings)

    def index(self) -> pd.DataFrame:
        """One row an image, the splits in order; nothing is rendered."""
        population = self.settings.population
        counts = ((split, getattr(self.settings, split)) for split in SPLITS)
        return pd.DataFrame([_row(draw(population, split, n)) for split, count in counts for n in range(count)])

    def image(self, row: Mapping[str, Any]) -> np.ndarray:
        """The radiograph, float32 [size,size] of k/255."""
        return self._wrist(row).image()

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """Masks bool [size,size]: finding, difference, box, text, frame (see `Wrist.regions`)."""
        return self._wrist(row).regions()

    def twin(self, row: Mapping[str, Any]) -> np.ndarray | None:
        """The same radiograph without its fracture; None for a normal wrist."""
        return self._wrist(row).twin()

    def _wrist(self, row: Mapping[str, Any]) -> Wrist:
        try:
            family, split, number = str(row["image_id"]).rsplit("-", 2)
            known = family == "wrist" and split in SPLITS and number.isdigit()
        except (KeyError, ValueError):
            known = False
        if not known:
            raise DataError(f"not a row of phantom-wrist: {dict(row)!r}", "pass a row of this source's index()")
        return _drawn(self.settings, split, int(number))


@lru_cache(maxsize=1)
def _drawn(settings: Settings, split: str, number: int) -> Wrist:
    """A wrist is drawn once for its image, regions and twin."""
    return Wrist(draw(settings.population, split, number), settings.size)


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
