"""Contact sheets of chest phantoms: `python -m xraybench.data.phantom.contact_sheet_chest tb docs/phantoms-tb.png`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from xraybench.data.phantom.chest import Chest, Finding
from xraybench.data.phantom.chest_devices import devices
from xraybench.data.phantom.chest_findings import GRADES, TB_FINDINGS
from xraybench.data.phantom.chest_lookalikes import LOOK_ALIKES
from xraybench.data.phantom.chest_observations import OBSERVATIONS
from xraybench.data.phantom.chest_subject import Subject
from xraybench.data.phantom.chexpert_cases import draw_chexpert
from xraybench.data.phantom.contact_sheet import outlined_by, save_sheet
from xraybench.data.phantom.shapes import Array
from xraybench.data.phantom.tb_cases import TbPopulation, draw_tb

SIZE = 288
Tile = tuple[str, Array]


def _grey(image: Array) -> Array:
    coloured: Array = np.repeat(image[..., None], 3, axis=2)
    return coloured


def _tb_findings() -> Iterator[Tile]:
    """Every finding in every grade."""
    for number, finding in enumerate(TB_FINDINGS):
        for grade in GRADES:
            population = TbPopulation(seed=3, prevalence=1, grades={grade: 1}, findings={finding: 1})
            chest = draw_tb(population, "test", 3 * number + GRADES.index(grade) + 10).chest(SIZE)
            yield f"{finding}: {grade}", _grey(chest.image())
            yield "its outline", outlined_by(chest.image(), chest.regions(), ("finding",))


def _subject(seed: int, site: str = "A", text: bool = False, portable: bool = False) -> Subject:
    return Subject(seed, seed, 25 + 7 * (seed % 8), seed % 3 != 0, site, portable, text)


def _look_alikes() -> Iterator[Tile]:
    """Every look-alike in a chest without findings."""
    for number, (name, draw) in enumerate(LOOK_ALIKES.items()):
        chest = Chest(_subject(31 + number), SIZE, look_alikes=(Finding(name, draw),))
        yield f"look-alike: {name}", _grey(chest.image())


def _normal() -> Iterator[Tile]:
    """Normal chests of both sites."""
    for number, site in enumerate("AABBB"):
        yield f"normal, site {site}", _grey(Chest(_subject(50 + number, site, text=True), SIZE).image())


def _regions() -> Iterator[Tile]:
    """A radiograph with its regions, its twin, and their difference."""
    for finding in ("cavity", "effusion"):
        population = TbPopulation(seed=6, prevalence=1, grades={"obvious": 1}, findings={finding: 1})
        chest = draw_tb(population, "test", 4).chest(SIZE)
        image, twin, regions = chest.image(), chest.twin(), chest.regions()
        assert twin is not None
        yield f"{finding}: regions", outlined_by(image, regions, ("text", "frame", "finding"))
        yield "its twin", _grey(twin)
        yield "radiograph - twin", _grey(np.clip(0.5 + 2 * (image - twin), 0, 1))


def _observations() -> Iterator[Tile]:
    """Every observation: easily and hardly seen."""
    for number, (name, draw) in enumerate({**OBSERVATIONS, "Support Devices": devices}.items()):
        for grade in ("obvious", "subtle"):
            found = Finding(name, draw, grade)
            chest = Chest(_subject(110 + number, "AB"[number % 2], portable=number % 2 == 1), SIZE, (found,))
            yield f"{name}: {grade}", outlined_by(chest.image(), chest.regions(), ("finding",))


def _studies() -> Iterator[Tile]:
    """The studies of some patients as they come."""
    for number in range(10):
        case = draw_chexpert(0, "test", number)
        yield f"patient {case.patient + 1}, study {case.study}", _grey(case.chest(SIZE).image())


SHEETS: dict[str, tuple[str, int, tuple[Callable[[], Iterator[Tile]], ...]]] = {
    "tb": ("Tuberculosis phantoms", 6, (_tb_findings, _look_alikes, _normal, _regions)),
    "chexpert": ("Chest phantoms with fourteen observations", 6, (_observations, _studies)),
}


if __name__ == "__main__":
    heading, columns, parts = SHEETS[sys.argv[1]]
    tiles = [tile for part in parts for tile in part()]
    save_sheet(tiles, f"{heading}: computed radiographs, no patients", Path(sys.argv[2]), columns)
