"""Contact sheet of wrists in two views: `python -m xraybench.data.phantom.contact_sheet_views OUT.png`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from xraybench.data.phantom.cases import Population, draw
from xraybench.data.phantom.contact_sheet import Pick, outlined, save_sheet
from xraybench.data.phantom.shapes import Array
from xraybench.data.phantom.wrist_views import ClinicalWrist, Worn

SIZE = 280
COLUMNS = 6


def _aged(low: float, high: float, grade: str = "none", bone: str = "radius") -> Pick:
    """A case of an age, with a fracture of a grade in a bone, or none."""
    return lambda case: (
        low <= case.age < high and case.grade == grade and (grade == "none" or case.bone.startswith(bone))
    )


SHOWN: tuple[tuple[str, Pick, Worn], ...] = (
    ("normal, 5 years", _aged(4.5, 6), Worn()),
    ("normal, 9 years", _aged(8, 10), Worn()),
    ("normal, grown up", _aged(17.5, 20), Worn()),
    ("displaced, radius", _aged(10, 14, "displaced"), Worn()),
    ("moderate, radius", _aged(10, 15, "moderate"), Worn()),
    ("hairline, radius", _aged(11, 19, "hairline"), Worn()),
    ("displaced, ulna", _aged(8, 19, "displaced", "ulna"), Worn()),
    ("cast, moderate", _aged(8, 16, "moderate"), Worn(cast=True)),
    ("cast, normal", _aged(8, 16), Worn(cast=True)),
    ("metal, displaced", _aged(10, 18, "displaced"), Worn(metal=True)),
    ("metal, normal", _aged(10, 18), Worn(metal=True)),
    ("a parent's hand", _aged(5, 8), Worn(parent=True)),
)


def tiles() -> list[tuple[str, Array]]:
    """Each case from in front and from the side, with what a reader would outline."""
    made = []
    for number, (title, pick, worn) in enumerate(SHOWN):
        place = 100 * number
        while not pick(case := draw(Population(seed=11), "test", place)):
            place += 1
        for lateral in (False, True):
            wrist = ClinicalWrist(case, SIZE, lateral, worn)
            shown = outlined(wrist, ("finding",)) if case.fracture else np.repeat(wrist.image()[..., None], 3, axis=2)
            made.append((f"{title}, {'lateral' if lateral else 'PA'}", shown))
    return made


if __name__ == "__main__":
    save_sheet(tiles(), "Wrist phantoms in two views: computed radiographs, no patients", Path(sys.argv[1]), COLUMNS)
