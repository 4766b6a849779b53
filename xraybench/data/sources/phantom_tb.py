"""The source `phantom-tb`: frontal chest radiographs with and without tuberculosis, computed on demand from a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.phantom.chest import PHANTOM_VERSION, Chest
from xraybench.data.phantom.chest_findings import GRADES
from xraybench.data.phantom.tb_cases import FINDING_SHARES, GRADE_SHARES, TbCase, TbPopulation, draw_tb
from xraybench.data.sources._chest import SPLITS, about, case_of, image_id, refuse_folder
from xraybench.data.sources._computed import check_counts, check_shares, parse
from xraybench.errors import UsageError
from xraybench.spec import About, MetricNeeds, opens

NAME = "phantom-tb"


@dataclass(frozen=True)
class Settings:
    """The plain settings of a task file.

    size: pixels a side; train, validation, test: numbers of images; obvious, moderate, subtle, and infiltrate, cavity,
    effusion, nodules: shares of grades and findings among images with tuberculosis; the others are those of
    `TbPopulation`.
    """

    size: int = 64
    train: int = 4000
    validation: int = 500
    test: int = 500
    seed: int = 0
    prevalence: float = 0.5
    obvious: float = GRADE_SHARES["obvious"]
    moderate: float = GRADE_SHARES["moderate"]
    subtle: float = GRADE_SHARES["subtle"]
    infiltrate: float = FINDING_SHARES["infiltrate"]
    cavity: float = FINDING_SHARES["cavity"]
    effusion: float = FINDING_SHARES["effusion"]
    nodules: float = FINDING_SHARES["nodules"]
    shortcut: float | None = None
    confounding: float | None = None

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> Settings:
        """Settings from plain keys; UsageError for an unknown key or a value out of range."""
        made = parse(cls, NAME, settings)
        check_counts(NAME, made, (*SPLITS, "seed"))
        grades, findings = made.shares(GRADES), made.shares(tuple(FINDING_SHARES))
        check_shares(NAME, {"prevalence": made.prevalence, **grades, **findings})
        optional = {"shortcut": made.shortcut, "confounding": made.confounding}
        check_shares(NAME, {name: share for name, share in optional.items() if share is not None})
        for shares in (grades, findings):
            if not any(shares.values()):
                raise UsageError(f"{NAME}: every share is 0", f"give one of {', '.join(shares)} more than 0")
        return made

    def shares(self, names: Sequence[str]) -> dict[str, float]:
        """The settings of these names."""
        return {name: getattr(self, name) for name in names}

    @property
    def population(self) -> TbPopulation:
        """What the cases are drawn from."""
        grades, findings = self.shares(GRADES), self.shares(tuple(FINDING_SHARES))
        return TbPopulation(self.seed, self.prevalence, grades, findings, self.shortcut, self.confounding)


@dataclass(frozen=True)
class PhantomTb:
    """Chest phantoms of two sites, one patient with one frontal image each: tuberculosis or none."""

    name: ClassVar[str] = NAME
    about: ClassVar[About] = about("Tuberculosis phantoms")
    phantom: ClassVar[bool] = True
    redistributable: ClassVar[bool] = True
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding", "twins"})

    settings: Settings

    def identity(self) -> Mapping[str, Any]:
        """All parameters, and the version of what they mean."""
        return {"source": self.name, "phantom_version": PHANTOM_VERSION} | asdict(self.settings)

    def index(self) -> pd.DataFrame:
        """One row an image, the splits in order; nothing is rendered."""
        counts = ((split, getattr(self.settings, split)) for split in SPLITS)
        population = self.settings.population
        return pd.DataFrame([_row(draw_tb(population, split, n)) for split, count in counts for n in range(count)])

    def image(self, row: Mapping[str, Any]) -> np.ndarray:
        """The radiograph, float32 [size,size] of k/255."""
        return self._chest(row).image()

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """Masks bool [size,size]: finding, difference, box, lung, hardware, text, frame (see `Chest.regions`)."""
        return self._chest(row).regions()

    def twin(self, row: Mapping[str, Any]) -> np.ndarray | None:
        """The same radiograph without tuberculosis; None for a normal one."""
        return self._chest(row).twin()

    def _chest(self, row: Mapping[str, Any]) -> Chest:
        return _drawn(self.settings, *case_of(self.name, "tb", row))


@lru_cache(maxsize=1)
def _drawn(settings: Settings, split: str, number: int) -> Chest:
    """A chest is drawn once for its image, regions and twin."""
    return draw_tb(settings.population, split, number).chest(settings.size)


def _row(case: TbCase) -> dict[str, Any]:
    patient = f"tb-patient-{case.split}-{case.number:06d}"
    return {
        "image_id": image_id("tb", case.split, case.number),
        "patient_id": patient,
        "study_id": f"{patient}-1",
        "path": "",
        "split": case.split,
        "view": "PA",
        "site": case.site,
        "tb": int(case.tb),
        "finding": case.finding,
        "grade": case.grade,
        "age": case.age,
        "sex": "M" if case.male else "F",
        "text": case.text,
        "look_alike": case.look_alike,
    }


@opens(PhantomTb)
def open_source(root: Path | None, settings: Mapping[str, Any]) -> PhantomTb:
    """The source with a preset's settings; UsageError if a folder is given, for phantoms are computed."""
    refuse_folder(NAME, root)
    return PhantomTb(Settings.parse(settings))
