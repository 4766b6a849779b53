"""Who has which of CheXpert's fourteen observations, what the report says of it, in which study of which patient.

Findings go together as in hospitals: three syndromes (heart failure, infection, collapse after an operation) and
what occurs by itself. A report leaves most absent findings unmentioned, and hedges about faint ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xraybench.data.phantom.chest import Chest, Finding
from xraybench.data.phantom.chest_devices import devices
from xraybench.data.phantom.chest_lookalikes import LOOK_ALIKES
from xraybench.data.phantom.chest_observations import OBSERVATIONS
from xraybench.data.phantom.chest_subject import Subject
from xraybench.data.phantom.tb_cases import GRADE_SHARES, LOOK_ALIKE_SHARE, TEXT_SHARE, pick
from xraybench.identity import seed_of

NOTHING, DEVICES, OPACITY = "No Finding", "Support Devices", "Lung Opacity"
LABELS = (
    NOTHING, "Enlarged Cardiomediastinum", "Cardiomegaly", OPACITY, "Lung Lesion", "Edema", "Consolidation",
    "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", DEVICES,
)  # fmt: skip
OPACITIES = ("Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis")  # each is a lung opacity, too
SYNDROMES: Mapping[str, tuple[float, Mapping[str, float]]] = {  # share of the studies; P(finding | syndrome)
    "heart failure": (0.24, {"Cardiomegaly": 0.75, "Edema": 0.7, "Pleural Effusion": 0.55, DEVICES: 0.5}),
    "infection": (0.2, {"Pneumonia": 0.55, "Consolidation": 0.5, "Pleural Effusion": 0.25}),
    "collapse": (0.18, {"Atelectasis": 0.75, "Pneumothorax": 0.3, "Pleural Effusion": 0.3, DEVICES: 0.75}),
}
ALONE: Mapping[str, float] = {  # P(finding) by itself, where the chest is not normal
    "Enlarged Cardiomediastinum": 0.1, "Cardiomegaly": 0.08, OPACITY: 0.1, "Lung Lesion": 0.09, "Edema": 0.02,
    "Consolidation": 0.03, "Pneumonia": 0.03, "Atelectasis": 0.06, "Pneumothorax": 0.08, "Pleural Effusion": 0.06,
    "Pleural Other": 0.07, "Fracture": 0.09, DEVICES: 0.3,
}  # fmt: skip
NORMAL, NORMAL_DEVICES = 0.22, 0.2  # share of chests without a finding, and of those with a device
HEDGED = {"obvious": 0.03, "moderate": 0.12, "subtle": 0.4}  # P(a report says "possibly" | present), by grade
RULED_OUT, FALSE_HEDGE = 0.25, 0.04  # P(a report denies, or wonders about, what is absent); the rest goes unmentioned
STUDIES = ((0, 0, 1, 2), (0, 0, 1, 1), (0, 1, 1, 1), (0, 1, 2, 3))  # patients of four images in a row
PERSISTS = 0.5  # P(a draw is the patient's, the same in all studies)


@dataclass(frozen=True)
class ChexpertCase:
    """One frontal study: who, which findings, and what the report says: 1, 0, -1 (uncertain) or NaN (unmentioned)."""

    split: str
    number: int
    patient: int
    study: int
    subject: Subject
    findings: tuple[str, ...]
    grade: str
    look_alike: str
    said: Mapping[str, float]

    @property
    def truth(self) -> dict[str, float]:
        """What is so: 1 or 0 by label."""
        present = {OPACITY, *self.findings} if set(self.findings) & set(OPACITIES) else set(self.findings)
        nothing = not present - {DEVICES}
        return {label: float(nothing if label == NOTHING else label in present) for label in LABELS}

    def chest(self, size: int) -> Chest:
        """The radiograph at `size` pixels a side."""
        found = tuple(
            Finding(name, devices if name == DEVICES else OBSERVATIONS[name], self.grade, name == DEVICES)
            for name in self.findings
        )
        alike = (Finding(self.look_alike, LOOK_ALIKES[self.look_alike]),) if self.look_alike != "none" else ()
        return Chest(self.subject, size, found, alike)


def masks(case: ChexpertCase, chest: Chest) -> dict[str, np.ndarray]:
    """A mask for every label but No Finding, bool [size,size]; that of Lung Opacity holds those of its kinds."""
    drawn = {label: chest.masks.get(label, np.zeros((chest.size, chest.size), bool)) for label in LABELS[1:]}
    for label in OPACITIES:
        drawn[OPACITY] = drawn[OPACITY] | drawn[label]
    return drawn


def draw_chexpert(seed: int, split: str, number: int) -> ChexpertCase:
    """The case of a split's image number; the same whatever else is drawn."""
    block, place = divmod(number, 4)
    people = STUDIES[seed_of("chexpert block", seed, split, block) % len(STUDIES)]
    patient, study = 4 * block + people[place], people[:place].count(people[place]) + 1
    own = seed_of("chexpert patient", seed, split, patient)
    image = seed_of("chexpert study", seed, split, number)
    person, day = np.random.default_rng(own), np.random.default_rng(image)
    u = np.where(day.random(24) < PERSISTS, person.random(24), day.random(24))
    age, male = int(person.integers(18, 91)), bool(person.random() < 0.55)
    v = day.random(6)
    findings = _findings(u)
    grade = pick(GRADE_SHARES, float(v[0]))
    subject = Subject(own, image, age, male, "A" if v[1] < 0.6 else "B", bool(v[2] < 0.5), bool(v[3] < TEXT_SHARE))
    alike = pick(dict.fromkeys(LOOK_ALIKES, 1.0), float(v[5])) if v[4] < LOOK_ALIKE_SHARE else "none"
    plain = ChexpertCase(split, number, patient, study, subject, findings, grade, alike, {})
    said = plain.truth if split != "train" else _report(plain, day)
    return ChexpertCase(split, number, patient, study, subject, findings, grade, alike, said)


def _findings(u: np.ndarray) -> tuple[str, ...]:
    """What is present, from 24 uniform draws; the order is that in which it is drawn on the chest."""
    if u[0] < NORMAL:
        return (DEVICES,) if u[1] < NORMAL_DEVICES else ()
    absent = {label: 1 - ALONE[label] for label in LABELS[1:]}
    start = 0.0
    for share, together in SYNDROMES.values():
        if start <= u[2] < start + share:
            for label, p in together.items():
                absent[label] *= 1 - p
        start += share
    present = {label for k, label in enumerate(LABELS[1:]) if u[3 + k] < 1 - absent[label]}
    if not present - {DEVICES}:
        names = [label for label in ALONE if label != DEVICES]
        present.add(names[int(u[17] * len(names))])
    if present & set(OPACITIES):
        present.discard(OPACITY)  # drawn by its kinds
    return tuple(label for label in LABELS[1:] if label in present)


def _report(case: ChexpertCase, rng: np.random.Generator) -> dict[str, float]:
    """What the report says of each label: hedges by grade; most of what is absent goes unmentioned."""
    said: dict[str, float] = {}
    hedge = HEDGED[case.grade]
    for label, present in case.truth.items():
        u = float(rng.random())
        if label == NOTHING:
            said[label] = 1.0 if present else np.nan
        elif present:
            said[label] = -1.0 if u < hedge and label != DEVICES else 1.0
        else:
            said[label] = -1.0 if u < FALSE_HEDGE else 0.0 if u < FALSE_HEDGE + RULED_OUT else np.nan
    return said
