"""The source `phantom-mura`: the upper limb in seven parts, studies of one to four views, computed from a seed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.phantom.abnormal import KINDS
from xraybench.data.phantom.cases import SPLITS
from xraybench.data.phantom.limb import LIMB_VERSION, Radiograph
from xraybench.data.phantom.mura import framed, legend_of, radiograph
from xraybench.data.phantom.studies import KIND_SHARES, PARTS, Clinic, Visit, images, visits
from xraybench.data.sources import _computed
from xraybench.errors import DataError, UsageError
from xraybench.spec import About, MetricNeeds, opens

NAME = "phantom-mura"
ROW = re.compile(r"mura-([a-z]+)-(\d+)-(\d+)-(\d+)")


@dataclass(frozen=True)
class Settings:
    """The plain settings of a task file.

    parts: which body parts; size: pixels a side; train, validation, test: numbers of images (the last study of a split
    may show fewer of its views); fracture, hardware, degenerate, lesion: shares of the kinds of finding; the others
    are those of `Clinic`.
    """

    parts: tuple[str, ...] = PARTS
    size: int = 64
    train: int = 4000
    validation: int = 500
    test: int = 500
    seed: int = 0
    prevalence: float = 0.5
    fracture: float = KIND_SHARES["fracture"]
    hardware: float = KIND_SHARES["hardware"]
    degenerate: float = KIND_SHARES["degenerate"]
    lesion: float = KIND_SHARES["lesion"]
    shortcut: float | None = None

    def __post_init__(self) -> None:
        _computed.check_counts(NAME, self, (*SPLITS, "seed"))
        _computed.check_parts(NAME, "parts", self.parts, PARTS)
        shares = {name: getattr(self, name) for name in ("prevalence", *KINDS)}
        _computed.check_shares(NAME, shares | ({} if self.shortcut is None else {"shortcut": self.shortcut}))
        if not any(getattr(self, kind) for kind in KINDS):
            raise UsageError(f"{NAME}: no kind of finding has a share", f"give one of {', '.join(KINDS)} more than 0")

    @property
    def clinic(self) -> Clinic:
        """What patients are drawn from."""
        kinds: dict[str, float] = {kind: getattr(self, kind) for kind in KINDS}
        return Clinic(self.parts, self.seed, self.prevalence, kinds, self.shortcut)


@dataclass(frozen=True)
class PhantomMura:
    """Phantoms of the upper limb: label `abnormal` of the study, as in MURA; every view of it shows the finding."""

    name: ClassVar[str] = NAME
    about: ClassVar[About] = About(
        title="Upper limb phantoms",
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
        return {"source": self.name, "phantom_version": LIMB_VERSION} | asdict(self.settings)

    def index(self) -> pd.DataFrame:
        """One row an image, the splits in order; nothing is rendered."""
        clinic = self.settings.clinic
        counts = ((split, getattr(self.settings, split)) for split in SPLITS)
        return pd.DataFrame([_row(*shown) for split, count in counts for shown in images(clinic, split, count)])

    def image(self, row: Mapping[str, Any]) -> np.ndarray:
        """The radiograph, float32 [size,size] of k/255."""
        return self._radiograph(row).image()

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """Masks bool [size,size]: finding, difference, box, text, frame, hardware (see `Radiograph.regions`)."""
        return self._radiograph(row).regions()

    def twin(self, row: Mapping[str, Any]) -> np.ndarray | None:
        """The same radiograph without its finding; None for a normal one."""
        return self._radiograph(row).twin()

    def _radiograph(self, row: Mapping[str, Any]) -> Radiograph:
        match = ROW.fullmatch(str(row["image_id"])) if "image_id" in row else None
        if not match or match[1] not in SPLITS:
            raise DataError(f"not a row of {NAME}: {dict(row)!r}", "pass a row of this source's index()")
        return _drawn(self.settings, match[1], *map(int, match.groups()[1:]))


@lru_cache(maxsize=1)
def _drawn(settings: Settings, split: str, patient: int, study: int, view: int) -> Radiograph:
    """A radiograph is drawn once for its image, regions and twin."""
    visit = next((one for one in visits(settings.clinic, split, patient) if one.study == study), None)
    if visit is None or not 1 <= view <= visit.views:
        raise DataError(f"{NAME} draws no view {view} of study {study} of patient {patient}", "pass a row of index()")
    return radiograph(visit, view - 1, settings.size)


def _row(visit: Visit, view: int) -> dict[str, Any]:
    patient = f"mura-patient-{visit.split}-{visit.patient:06d}"
    return {
        "image_id": f"mura-{visit.split}-{visit.patient:06d}-{visit.study}-{view + 1}",
        "patient_id": patient,
        "study_id": f"{patient}-{visit.study}",
        "path": "",
        "split": visit.split,
        "view": visit.projections[view],
        "site": visit.site,
        "abnormal": int(visit.abnormal),
        "body_part": visit.part,
        **{part: int(part == visit.part) for part in PARTS},
        "finding_kind": visit.kind,
        "grade": visit.grade,
        "age": visit.age,
        "sex": "M" if visit.male else "F",
        "laterality": "L" if visit.left else "R",
        "legend": legend_of(visit, view),
        "framed": framed(visit, view),
        "look_alike": ", ".join(visit.look_alikes) or "none",
    }


@opens(PhantomMura)
def open_source(root: Path | None, settings: Mapping[str, Any]) -> PhantomMura:
    """The source with a preset's settings; UsageError if a folder is given, for phantoms are computed."""
    if root is not None:
        raise UsageError(f"{NAME} reads no folder", "leave out --data, or name the source that reads it")
    return PhantomMura(_computed.parse(Settings, NAME, settings))
