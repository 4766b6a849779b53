"""The chest in frontal view: outlines in mm of a grown man of middle build, and how persons differ.

Origin: the midline 4 cm below the carina, at the hila; +x to the patient's left (the image's right), +y up. Sizes
follow what frontal radiographs of adults show: lungs 27 cm high and 29 cm wide, a heart of half the thorax.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xraybench.data.phantom.shapes import Points

# fmt: off
CHEST_WALL: Points = (  # inner half-width of the rib cage by height
    (-180, 146), (-150, 146), (-120, 145), (-80, 142), (-40, 137), (0, 129), (40, 118), (70, 106), (90, 93), (104, 77),
    (114, 58), (120, 36), (124, 8),
)
MEDIASTINUM: Points = ((-180, 12), (-60, 13), (10, 17), (50, 23), (85, 25), (122, 16))  # inner edge of the lungs
DIAPHRAGM: Points = (  # height of the dome by distance from the midline
    (0, -112), (15, -104), (40, -95), (70, -92), (95, -98), (118, -113), (134, -131), (145, -147), (152, -158),
)
TORSO: Points = (  # half-width of the trunk by height
    (-300, 158), (-200, 160), (-140, 164), (-80, 167), (-30, 170), (15, 182), (45, 205), (75, 214), (98, 196),
    (114, 150), (124, 105), (138, 74), (155, 60), (180, 55), (230, 55),
)
TORSO_DEPTH: Points = (  # half of the thickness along the beam, by height
    (-300, 118), (-180, 116), (-100, 110), (-20, 104), (50, 94), (90, 78), (115, 62), (150, 56), (230, 56),
)
RIBS: tuple[tuple[float, float, float, float], ...] = (  # height of the lateral turn, half-width there, rise, fall
    (86, 80, 26, 20), (62, 108, 44, 36), (31, 121, 54, 44), (0, 130, 59, 50), (-30, 138, 61, 55), (-58, 143, 62, 58),
    (-85, 146, 63, 60), (-111, 147, 63, 60), (-136, 147, 62, 58), (-160, 146, 60, 55),
)
# fmt: on
VERTEBRA = 22.5  # mm from disc to disc
LUNG_DEPTH = 78.0  # half of the lung's greatest thickness along the beam
HILUM = (36.0, 6.0)  # where vessels leave the mediastinum: distance from the midline, height


@dataclass(frozen=True)
class Build:
    """What a person's chest is like, and how it stands before the beam: the same at every image size.

    size: mm per mm of the tables; stout: mm of fat added all round; breath: mm by which the diaphragm stands lower than
    in the tables; turn: mm by which the heart is carried to the left when the person is turned; heart: size of the
    heart, bust: mm of breast, dense: of bone (all but bust about 1); bend: mm of the spine's curve; portable: taken
    in bed from the front; jitter: [40] standard-normal draws; trees: vessel trees of the two lungs; gas: mm of air in
    the stomach; aeration: of the lungs, about 0.95; slant: mm of tissue more at the left per mm from the midline, as
    in a person turned a little.
    """

    age: float
    male: bool
    size: float
    stout: float
    breath: float
    turn: float
    heart: float
    bust: float
    dense: float
    bend: float
    portable: bool
    jitter: np.ndarray
    trees: tuple[int, int]
    gas: float
    aeration: float
    slant: float
