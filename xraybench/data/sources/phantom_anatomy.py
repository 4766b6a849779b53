"""The source `phantom-anatomy`: sixteen regions of the body, computed from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.phantom.cases import SPLITS
from xraybench.data.phantom.limb import LIMB_VERSION
from xraybench.data.phantom.whole_body import CLASSES, Anatomy, Exam, drawn, exam
from xraybench.data.sources import _computed
from xraybench.errors import DataError, UsageError
from xraybench.spec import About, MetricNeeds, opens

NAME = "phantom-anatomy"


@dataclass(frozen=True)
class Settings:
    """The plain settings of a task file.

    parts: which regions; size: pixels a side; train, validation, test: numbers of images, each of a patient of its own.
    """

    parts: tuple[str, ...] = CLASSES
    size: int = 64
    train: int = 2400
    validation: int = 300
    test: int = 600
    seed: int = 0

    def __post_init__(self) -> None:
        _computed.check_counts(NAME, self, (*SPLITS, "seed"))
        _computed.check_parts(NAME, "parts", self.parts, CLASSES)


@dataclass(frozen=True)
class PhantomAnatomy:
    """Phantoms of the whole body: one label column a region."""

    name: ClassVar[str] = NAME
    about: ClassVar[About] = About(
        title="Anatomy phantoms",
        licence="Apache-2.0, as xraybench",
        citation="computed by xraybench; no patients",
        obtain="computed where it is used",
    )
    phantom: ClassVar[bool] = True
    redistributable: ClassVar[bool] = True
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})

    settings: Settings

    def identity(self) -> Mapping[str, Any]:
        """All parameters, and the version of what they mean."""
        return {"source": self.name, "phantom_version": LIMB_VERSION} | asdict(self.settings)

    def index(self) -> pd.DataFrame:
        """One row an image, the splits in order; nothing is rendered."""
        counts = ((split, getattr(self.settings, split)) for split in SPLITS)
        return pd.DataFrame([_row(self._exam(split, n)) for split, count in counts for n in range(count)])

    def image(self, row: Mapping[str, Any]) -> np.ndarray:
        """The radiograph, float32 [size,size] of k/255."""
        return self._drawn(row).radiograph.image()

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """Masks bool [size,size]: landmark, finding (the same), text, frame (see `Anatomy.regions`)."""
        return self._drawn(row).regions()

    def twin(self, row: Mapping[str, Any]) -> np.ndarray | None:
        """None: there is no radiograph without its region."""
        return None

    def _exam(self, split: str, number: int) -> Exam:
        return exam(self.settings.parts, self.settings.seed, split, number)

    def _drawn(self, row: Mapping[str, Any]) -> Anatomy:
        family, split, number = (*str(row.get("image_id", "")).split("-"), "", "")[:3]
        if family != "anatomy" or split not in SPLITS or not number.isdigit():
            raise DataError(f"not a row of {NAME}: {dict(row)!r}", "pass a row of this source's index()")
        return _cached(self.settings, split, int(number))


@lru_cache(maxsize=1)
def _cached(settings: Settings, split: str, number: int) -> Anatomy:
    """A radiograph is drawn once for its image and regions."""
    return drawn(exam(settings.parts, settings.seed, split, number), settings.size)


def _row(case: Exam) -> dict[str, Any]:
    patient = f"anatomy-patient-{case.split}-{case.number:06d}"
    return {
        "image_id": f"anatomy-{case.split}-{case.number:06d}",
        "patient_id": patient,
        "study_id": f"{patient}-1",
        "path": "",
        "split": case.split,
        "view": case.projection,
        "site": case.site,
        **{region: int(case.region == region) for region in CLASSES},
        "body_part": case.region,
        "age": case.age,
        "sex": "M" if case.male else "F",
        "laterality": "L" if case.left else "R",
        "legend": case.legend,
        "framed": case.framed,
    }


@opens(PhantomAnatomy)
def open_source(root: Path | None, settings: Mapping[str, Any]) -> PhantomAnatomy:
    """The source with a preset's settings; UsageError if a folder is given, for phantoms are computed."""
    if root is not None:
        raise UsageError(f"{NAME} reads no folder", "leave out --data, or name the source that reads it")
    return PhantomAnatomy(_computed.parse(Settings, NAME, settings))
