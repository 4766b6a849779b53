"""Who is radiographed for tuberculosis, where, and what is found: a case drawn from its seed, without rendering it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from xraybench.data.phantom.chest import Chest, Finding
from xraybench.data.phantom.chest_findings import GRADES, TB_FINDINGS
from xraybench.data.phantom.chest_lookalikes import LOOK_ALIKES
from xraybench.data.phantom.chest_subject import Subject
from xraybench.identity import seed_of

FINDING_SHARES: Mapping[str, float] = MappingProxyType(
    {"infiltrate": 0.36, "cavity": 0.26, "effusion": 0.14, "nodules": 0.24}
)
GRADE_SHARES: Mapping[str, float] = MappingProxyType({"obvious": 0.42, "moderate": 0.36, "subtle": 0.22})
TEXT_SHARE = 0.6  # radiographs with letters, where they do not depend on the label
LOOK_ALIKE_SHARE = 0.65
SITE_B = 0.6  # of the radiographs, where the site does not depend on the label


@dataclass(frozen=True)
class TbPopulation:
    """What cases are drawn from.

    prevalence: P(TB); grades, findings: shares among those with TB; shortcut: P(text | TB) in the training split, with
    1 - shortcut for the others; confounding: P(site B | TB) in the training split, with 1 - confounding for the others;
    None: text and site never depend on the label.
    """

    seed: int = 0
    prevalence: float = 0.5
    grades: Mapping[str, float] = field(default_factory=lambda: GRADE_SHARES)
    findings: Mapping[str, float] = field(default_factory=lambda: FINDING_SHARES)
    shortcut: float | None = None
    confounding: float | None = None


@dataclass(frozen=True)
class TbCase:
    """One radiograph of one patient, as a row tells it; `finding` and `grade` are "none" without tuberculosis."""

    split: str
    number: int
    seed: int
    tb: bool
    finding: str
    grade: str
    age: int
    male: bool
    site: str
    text: bool
    look_alike: str

    def chest(self, size: int) -> Chest:
        """The radiograph at `size` pixels a side."""
        subject = Subject(self.seed, self.seed, self.age, self.male, self.site, portable=False, text=self.text)
        found = (Finding(self.finding, TB_FINDINGS[self.finding], self.grade),) if self.tb else ()
        alike = (Finding(self.look_alike, LOOK_ALIKES[self.look_alike]),) if self.look_alike != "none" else ()
        return Chest(subject, size, found, alike)


def pick(shares: Mapping[str, float], u: float) -> str:
    """The name at which the running sum of the shares passes u (0 to 1)."""
    names = list(shares)
    u *= sum(shares.values())
    for name in names:
        u -= shares[name]
        if u < 0:
            return name
    return names[-1]


def draw_tb(population: TbPopulation, split: str, number: int) -> TbCase:
    """The case of a split's image number; the same whatever else is drawn."""
    seed = seed_of("tb phantom", population.seed, split, number)
    u = np.random.default_rng(seed).random(12).tolist()
    tb, training = u[0] < population.prevalence, split == "train"
    grades: dict[str, float] = {grade: population.grades.get(grade, 0.0) for grade in GRADES}
    return TbCase(
        split=split,
        number=number,
        seed=seed,
        tb=tb,
        finding=pick(population.findings, u[1]) if tb else "none",
        grade=pick(grades, u[2]) if tb else "none",
        age=int(16 + 64 * u[3] ** 1.3),
        male=u[4] < 0.6,
        site="B" if u[5] < _rate(population.confounding if training else None, tb, SITE_B) else "A",
        text=u[6] < _rate(population.shortcut if training else None, tb, TEXT_SHARE),
        look_alike=pick(dict.fromkeys(LOOK_ALIKES, 1.0), u[8]) if u[7] < LOOK_ALIKE_SHARE else "none",
    )


def _rate(given_tb: float | None, tb: bool, free: float) -> float:
    """The probability of something that may be made to go with the label."""
    if given_tb is None:
        return free
    return given_tb if tb else 1 - given_tb
