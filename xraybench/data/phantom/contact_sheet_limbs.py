"""Contact sheets of docs/phantoms.md: `python -m xraybench.data.phantom.contact_sheet_limbs mura|anatomy OUT.png`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from xraybench.data.phantom.abnormal import KINDS
from xraybench.data.phantom.anatomy_parts import REGIONS
from xraybench.data.phantom.contact_sheet import outlined_by, save_sheet
from xraybench.data.phantom.mura import radiograph
from xraybench.data.phantom.parts import UPPER_LIMB
from xraybench.data.phantom.shapes import Array
from xraybench.data.phantom.studies import HARDWARE, Clinic, Visit, visits
from xraybench.data.phantom.whole_body import Exam, drawn, exam

SIZE = 224
CLINIC = Clinic(seed=3)
Tile = tuple[str, Array]


def find(pick: Callable[[Visit], bool], start: int = 0) -> Visit:
    """The first study, from patient `start`, that a description fits."""
    patient = start
    while True:
        for visit in visits(CLINIC, "test", patient):
            if pick(visit):
                return visit
        patient += 1


def _shows(part: str, series: int, view: int, visit: Visit) -> bool:
    """Normal and grown up, with so many views."""
    return (visit.part, visit.series) == (part, series) and visit.views > view and not visit.abnormal and visit.age > 18


def _has(part: str, grade: str, visit: Visit) -> bool:
    return (visit.part, visit.grade) == (part, grade)


def _looks(part: str, look_alike: str, visit: Visit) -> bool:
    return visit.part == part and not visit.abnormal and visit.look_alikes == (look_alike,)


def _views() -> Iterator[Tile]:
    """Every projection of every series of a part, normal and grown up."""
    for part, series in UPPER_LIMB.items():
        for number, projections in enumerate(series):
            for k, (name, _) in enumerate(projections):
                visit = find(partial(_shows, part, number, k), 60)
                yield f"{part}, {name}", _grey(radiograph(visit, k, SIZE).image())


def _findings() -> Iterator[Tile]:
    """Every grade of every kind of finding in every part, outlined as a reader would."""
    for part in UPPER_LIMB:
        for kind, grades in KINDS.items():
            for grade in grades:
                if kind == "hardware" and grade not in HARDWARE[part]:
                    continue
                visit = find(partial(_has, part, grade), 40)
                image = radiograph(visit, 0, SIZE)
                yield f"{part}: {grade}", outlined_by(image.image(), image.regions(), ("finding",))


def _look_alikes() -> Iterator[Tile]:
    """Every look-alike alone, in two parts each."""
    for name in ("growth plate", "vessel groove", "ossicle"):
        for part in ("elbow", "hand", "wrist", "shoulder"):
            visit = find(partial(_looks, part, name), 10)
            yield f"look-alike: {name}, {part}", _grey(radiograph(visit, 0, SIZE).image())


def _triples() -> Iterator[Tile]:
    """A radiograph with its regions, its twin, and their difference."""
    for grade in ("displaced", "degenerate"):
        visit = find(partial(_has, "elbow", grade), 90)
        image = radiograph(visit, 0, SIZE)
        twin = image.twin()
        assert twin is not None
        regions = image.regions()
        yield f"{grade}: regions", outlined_by(image.image(), regions, ("text", "frame", "finding"))
        yield "its twin", _grey(twin)
        yield "radiograph - twin", _grey(np.clip(0.5 + 2 * (image.image() - twin), 0, 1))
        yield "difference", outlined_by(image.image(), regions, ("difference",))


def _anatomy() -> Iterator[Tile]:
    """Every projection of every region of the anatomy family, with its landmarks."""
    for region, series in REGIONS.items():
        for number, projections in enumerate(series):
            for k, (name, _) in enumerate(projections):
                case = _exam(region, number, k)
                made = drawn(case, SIZE)
                yield f"{region}, {name}", outlined_by(made.radiograph.image(), made.regions(), ("landmark",))


def _exam(region: str, series: int, view: int) -> Exam:
    number = 0
    while True:
        case = exam((region,), 3, "test", number)
        if (case.series, case.view, case.site) == (series, view, "A"):
            return case
        number += 1


def _grey(image: Array) -> Array:
    coloured: Array = np.repeat(image[..., None], 3, axis=2)
    return coloured


SHEETS: dict[str, tuple[str, tuple[Callable[[], Iterator[Tile]], ...]]] = {
    "mura": ("Upper limb phantoms", (_views, _findings, _look_alikes, _triples)),
    "anatomy": ("Anatomy phantoms with their landmarks", (_anatomy,)),
}


if __name__ == "__main__":
    heading, parts = SHEETS[sys.argv[1]]
    save_sheet([tile for part in parts for tile in part()], f"{heading}: computed radiographs, no patients",
               Path(sys.argv[2]), columns=8)  # fmt: skip
