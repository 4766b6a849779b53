"""Who is radiographed in the mura family: patients with studies of one to four views, drawn without rendering them.

Each part of a case has a generator of its own, so that anatomy, pose, exposure and noise do not depend on the label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from xraybench.data.phantom.abnormal import KINDS
from xraybench.data.phantom.parts import UPPER_LIMB
from xraybench.data.phantom.skeleton import Person
from xraybench.data.phantom.wrist_anatomy import growth
from xraybench.identity import seed_of

PARTS = tuple(UPPER_LIMB)
KIND_SHARES: Mapping[str, float] = MappingProxyType(
    {"fracture": 0.42, "hardware": 0.30, "degenerate": 0.12, "lesion": 0.16}
)
GRADE_SHARES: Mapping[str, float] = MappingProxyType(
    {"displaced": 0.45, "moderate": 0.35, "hairline": 0.2, "degenerate": 1.0, "lytic": 0.55, "sclerotic": 0.45}
)
HARDWARE: Mapping[str, tuple[str, ...]] = MappingProxyType({  # what is put into which part
    "elbow": ("plate", "wires", "prosthesis"),
    "finger": ("plate", "wires", "prosthesis"),
    "forearm": ("plate", "nail", "wires"),
    "hand": ("plate", "wires", "prosthesis"),
    "humerus": ("plate", "nail"),
    "shoulder": ("plate", "nail", "prosthesis"),
    "wrist": ("plate", "wires", "prosthesis"),
})  # fmt: skip
LEGEND_SHARE = 0.7  # radiographs with a legend, where it does not depend on the label
FRAME_SHARE = 0.6  # radiographs that show the edges of the collimated field
VIEW_SHARES = (0.2, 0.35, 0.33, 0.12)  # studies of 1, 2, 3, 4 views


@dataclass(frozen=True)
class Clinic:
    """What patients are drawn from.

    parts: which body parts; prevalence: P(abnormal study); shortcut: P(legend | abnormal) in the training split, with
    1 - shortcut for the others; None: the legend never depends on the label.
    """

    parts: tuple[str, ...] = PARTS
    seed: int = 0
    prevalence: float = 0.5
    kinds: Mapping[str, float] = field(default_factory=lambda: KIND_SHARES)
    shortcut: float | None = None


@dataclass(frozen=True)
class Visit:
    """One study of one patient; `kind` and `grade` are "none" where nothing is wrong."""

    split: str
    patient: int
    study: int
    seed: int
    patient_seed: int
    part: str
    series: int
    views: int
    abnormal: bool
    kind: str
    grade: str
    age: float
    male: bool
    left: bool
    site: str
    vessel: bool
    ossicle: bool
    legend_share: float

    @property
    def projections(self) -> tuple[str, ...]:
        """The names of the study's views, in order."""
        names = [name for name, _ in UPPER_LIMB[self.part][self.series]]
        return tuple(names[k % len(names)] for k in range(self.views))

    @property
    def look_alikes(self) -> tuple[str, ...]:
        """What looks like a finding and is none, whether or not there is a finding."""
        there = {"growth plate": self.age < 16, "vessel groove": self.vessel, "ossicle": self.ossicle}
        return tuple(name for name, shown in there.items() if shown)

    @property
    def person(self) -> Person:
        """The patient's body: the same in all studies of one part of the body."""
        rng = np.random.default_rng(seed_of(self.patient_seed, "anatomy", self.part))
        return person(self.age, self.male, rng)

    def generator(self, part: str) -> np.random.Generator:
        """The generator of one part of the study (finding, vessel, exposure ...)."""
        return np.random.default_rng(seed_of(self.seed, part))


def person(age: float, male: bool, rng: np.random.Generator) -> Person:
    """A body of an age and sex."""
    return Person(
        age=age,
        male=male,
        size=growth(age, male) * float(np.exp(0.05 * rng.standard_normal())),
        stout=round(float(np.exp(0.08 * rng.standard_normal())), 2),  # few values: their curves are kept
        dense=float(np.exp(0.1 * rng.standard_normal())) * (0.8 if age > 65 else 1.0),
        jitter=rng.standard_normal((48, 4)),
        form=rng.standard_normal(8),
    )


def pick(names: tuple[str, ...], shares: tuple[float, ...], u: float) -> str:
    """The name whose share of the whole holds u, 0 to 1."""
    bounds = np.cumsum(shares) / sum(shares)
    return names[min(int(np.searchsorted(bounds, u, side="right")), len(names) - 1)]


def visits(clinic: Clinic, split: str, patient: int) -> Iterator[Visit]:
    """All studies of a split's patient; the same whatever else is drawn."""
    patient_seed = seed_of("mura phantom", clinic.seed, split, patient)
    u = np.random.default_rng(patient_seed).random(6).tolist()
    age = round(6 + 10 * u[1], 1) if u[0] < 0.25 else round(16.5 + 65 * u[1], 1)
    for study in range(1, 2 + (u[2] < 0.22) + (u[2] < 0.05)):
        yield _visit(clinic, split, (patient, study, patient_seed), (age, u[3] < 0.55, u[4] < 0.6))


def _visit(clinic: Clinic, split: str, who: tuple[int, int, int], traits: tuple[float, bool, bool]) -> Visit:
    patient, study, patient_seed = who
    age, male, here = traits
    seed = seed_of(patient_seed, "study", study)
    u = np.random.default_rng(seed).random(12).tolist()
    part = clinic.parts[int(u[0] * len(clinic.parts))]
    abnormal = u[1] < clinic.prevalence
    kind = pick(tuple(KINDS), tuple(clinic.kinds.get(name, 0.0) for name in KINDS), u[2]) if abnormal else "none"
    legend = LEGEND_SHARE
    if clinic.shortcut is not None and split == "train":
        legend = clinic.shortcut if abnormal else 1 - clinic.shortcut
    return Visit(
        split=split,
        patient=patient,
        study=study,
        seed=seed,
        patient_seed=patient_seed,
        part=part,
        series=int(u[3] * len(UPPER_LIMB[part])),
        views=1 + int(np.searchsorted(np.cumsum(VIEW_SHARES), u[4], side="right")),
        abnormal=abnormal,
        kind=kind,
        grade=_grade(part, kind, u[5]),
        age=age,
        male=male,
        left=u[6] < 0.5,
        site="A" if here else "B",
        vessel=u[7] < 0.3,
        ossicle=u[8] < 0.3,
        legend_share=legend,
    )


def _grade(part: str, kind: str, u: float) -> str:
    """The grade of a finding of a kind in a part."""
    if kind == "none":
        return "none"
    if kind == "hardware":
        return pick(HARDWARE[part], (1.0,) * len(HARDWARE[part]), u)
    return pick(KINDS[kind], tuple(GRADE_SHARES[grade] for grade in KINDS[kind]), u)


def images(clinic: Clinic, split: str, count: int) -> Iterator[tuple[Visit, int]]:
    """The first `count` images of a split: (study, number of the view from 0), patient by patient."""
    patient = left = 0
    left = count
    while left:
        for visit in visits(clinic, split, patient):
            for view in range(min(visit.views, left)):
                yield visit, view
            left -= min(visit.views, left)
        patient += 1
