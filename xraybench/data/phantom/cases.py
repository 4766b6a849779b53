"""Who is radiographed, how, and what is found: a wrist case drawn from its seed, without rendering it.

Each part has a generator of its own, so that anatomy, pose, exposure and noise do not depend on the label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from xraybench.data.phantom.findings import GRADES
from xraybench.identity import seed_of

SPLITS = ("train", "validation", "test")
BONES = ("radius", "ulna", "metacarpal 2", "metacarpal 3", "metacarpal 4", "metacarpal 5")
BONE_SHARES = (0.6, 0.36, 0.01, 0.01, 0.01, 0.01)
GRADE_SHARES: Mapping[str, float] = MappingProxyType({"displaced": 0.4, "moderate": 0.35, "hairline": 0.25})
LEGEND_SHARE = 0.6  # radiographs with a legend, where it does not depend on the label


@dataclass(frozen=True)
class Population:
    """What cases are drawn from.

    prevalence: P(fracture); grades: the shares of the grades among fractures; shortcut: P(legend | fracture) in the
    training split, with 1 - shortcut for the others; None: the legend never depends on the label.
    """

    seed: int = 0
    prevalence: float = 0.5
    grades: Mapping[str, float] = field(default_factory=lambda: GRADE_SHARES)
    shortcut: float | None = None


@dataclass(frozen=True)
class Case:
    """One radiograph of one patient, as a row tells it; `grade` is "none" and `bone` "" without a fracture."""

    split: str
    number: int
    seed: int
    fracture: bool
    grade: str
    bone: str
    age: float
    male: bool
    left: bool
    site: str
    legend: bool
    groove: bool

    @property
    def look_alike(self) -> str:
        """What looks like a finding and is none: growth plate, vessel groove, both or none."""
        growing = self.age < closure(self.male)
        return {(0, 0): "none", (1, 0): "growth plate", (0, 1): "vessel groove", (1, 1): "both"}[growing, self.groove]

    def generator(self, part: str) -> np.random.Generator:
        """The generator of one part of the case (pose, anatomy, finding, noise ...)."""
        return np.random.default_rng(seed_of(self.seed, part))


def closure(male: bool) -> float:
    """Age at which the distal radius closes its growth plate (about 1.5 years earlier in girls)."""
    return 17.5 if male else 16.0


def _pick(names: tuple[str, ...], shares: tuple[float, ...], u: float) -> str:
    total = sum(shares)
    for name, share in zip(names, shares, strict=True):
        u -= share / total
        if u < 0:
            return name
    return names[-1]


def draw(population: Population, split: str, number: int) -> Case:
    """The case of a split's image number; the same whatever else is drawn."""
    seed = seed_of("wrist phantom", population.seed, split, number)
    u = np.random.default_rng(seed).random(12).tolist()
    fractured = u[0] < population.prevalence
    shares = tuple(population.grades.get(grade, 0.0) for grade in GRADES)
    legend = LEGEND_SHARE
    if population.shortcut is not None and split == "train":
        legend = population.shortcut if fractured else 1 - population.shortcut
    return Case(
        split=split,
        number=number,
        seed=seed,
        fracture=fractured,
        grade=_pick(GRADES, shares, u[1]) if fractured else "none",
        bone=_pick(BONES, BONE_SHARES, u[2]) if fractured else "",
        age=round(4 + 15 * u[3], 1),
        male=u[4] < 0.55,
        left=u[5] < 0.5,
        site="A" if u[6] < 0.6 else "B",
        legend=u[7] < legend,
        groove=u[8] < 0.35,
    )
