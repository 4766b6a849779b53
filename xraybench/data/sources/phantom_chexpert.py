"""The source `phantom-chexpert`: frontal chest radiographs with CheXpert's fourteen labels, computed from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.phantom.chest import PHANTOM_VERSION, Chest
from xraybench.data.phantom.chexpert_cases import LABELS, ChexpertCase, draw_chexpert, masks
from xraybench.data.sources._chest import SPLITS, about, case_of, image_id, refuse_folder
from xraybench.data.sources._computed import check_counts, parse
from xraybench.errors import UsageError
from xraybench.spec import About, MetricNeeds, opens

NAME = "phantom-chexpert"
POLICIES = {"zeros": 0.0, "ones": 1.0, "ignore": np.nan}
BLANKS = {"zero": 0.0, "missing": np.nan}


@dataclass(frozen=True)
class Settings:
    """The plain settings of a task file.

    size: pixels a side; train, validation, test: numbers of images; uncertain: what labels become where the report
    hedges, "zeros", "ones" or "ignore" (NaN: out of the loss); blank: where it says nothing, "zero" or "missing".
    """

    size: int = 64
    train: int = 4000
    validation: int = 500
    test: int = 500
    seed: int = 0
    uncertain: str = "zeros"
    blank: str = "zero"

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> Settings:
        """Settings from plain keys; UsageError for an unknown key or a value out of range."""
        made = parse(cls, NAME, settings)
        check_counts(NAME, made, (*SPLITS, "seed"))
        for key, known in (("uncertain", POLICIES), ("blank", BLANKS)):
            if getattr(made, key) not in known:
                raise UsageError(f"{NAME}: {key} = {getattr(made, key)!r}", f"there are: {', '.join(known)}")
        return made


@dataclass(frozen=True)
class PhantomChexpert:
    """Chest phantoms, one to four frontal studies a patient: fourteen labels as reports give them."""

    name: ClassVar[str] = NAME
    about: ClassVar[About] = about("Chest phantoms with fourteen observations")
    phantom: ClassVar[bool] = True
    redistributable: ClassVar[bool] = True
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding", "twins"})

    settings: Settings

    def identity(self) -> Mapping[str, Any]:
        """All parameters, and the version of what they mean."""
        return {"source": self.name, "phantom_version": PHANTOM_VERSION} | asdict(self.settings)

    def index(self) -> pd.DataFrame:
        """One row an image; `<label> uncertain` is 1 where the report hedges, whatever the policy made of it.

        Labels of the training split are those of reports; of validation and test, what is so.
        """
        counts = ((split, getattr(self.settings, split)) for split in SPLITS)
        cases = (draw_chexpert(self.settings.seed, split, n) for split, count in counts for n in range(count))
        return pd.DataFrame([_row(case, self.settings) for case in cases])

    def image(self, row: Mapping[str, Any]) -> np.ndarray:
        """The radiograph, float32 [size,size] of k/255."""
        return self._chest(row).image()

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """Masks bool [size,size]: those of `Chest.regions`, and `finding:<label>` for each label but No Finding."""
        chest = self._chest(row)
        case = draw_chexpert(self.settings.seed, *case_of(NAME, "chexpert", row))
        return chest.regions() | {f"finding:{label}": mask for label, mask in masks(case, chest).items()}

    def twin(self, row: Mapping[str, Any]) -> np.ndarray:
        """The same radiograph without findings and devices; where there are none, that is the radiograph itself."""
        chest = self._chest(row)
        twin = chest.twin()
        return chest.image() if twin is None else twin

    def _chest(self, row: Mapping[str, Any]) -> Chest:
        return _drawn(self.settings, *case_of(NAME, "chexpert", row))


@lru_cache(maxsize=1)
def _drawn(settings: Settings, split: str, number: int) -> Chest:
    """A chest is drawn once for its image, regions and twin."""
    return draw_chexpert(settings.seed, split, number).chest(settings.size)


def _row(case: ChexpertCase, settings: Settings) -> dict[str, Any]:
    subject, patient = case.subject, f"chexpert-patient-{case.split}-{case.patient:06d}"
    return {
        "image_id": image_id("chexpert", case.split, case.number),
        "patient_id": patient,
        "study_id": f"{patient}-{case.study}",
        "path": "",
        "split": case.split,
        "view": "AP" if subject.portable else "PA",
        "site": subject.site,
        **{label: _value(case.said[label], settings) for label in LABELS},
        **{f"{label} uncertain": int(case.said[label] == -1) for label in LABELS},
        "grade": case.grade if case.findings else "none",
        "age": subject.age,
        "sex": "M" if subject.male else "F",
        "text": subject.text,
        "look_alike": case.look_alike,
    }


def _value(said: float, settings: Settings) -> float:
    """A label after the policies."""
    if np.isnan(said):
        return BLANKS[settings.blank]
    return POLICIES[settings.uncertain] if said == -1 else said


@opens(PhantomChexpert)
def open_source(root: Path | None, settings: Mapping[str, Any]) -> PhantomChexpert:
    """The source with a preset's settings; UsageError if a folder is given, for phantoms are computed."""
    refuse_folder(NAME, root)
    return PhantomChexpert(Settings.parse(settings))
