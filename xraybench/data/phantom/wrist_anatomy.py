"""The wrist in PA view: outlines in mm for a grown-up's small hand (scale 1), and how they grow.

Origin: the middle of the radiocarpal joint; +x to the thumb, +y to the fingers. Ages at which bones ossify and growth
plates close follow Greulich & Pyle, Radiographic Atlas of Skeletal Development of the Hand and Wrist (1959), rounded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import radians

import numpy as np

from xraybench.data.phantom.anatomy import Bone, Flesh
from xraybench.data.phantom.cases import closure
from xraybench.data.phantom.shapes import Outline, Points, Shaft

RADIUS_PLATE = (-3.2, -0.10, -0.020)  # the growth plate as a parabola of x, in the bone's own coordinates
ULNA_PLATE = (0.4, -0.02, -0.024)
RADIUS_WIDTHS: Points = (
    (-125, 6.6), (-80, 6.1), (-58, 5.8), (-44, 6.2), (-34, 7.1), (-26, 8.3), (-19, 9.8), (-12, 11.5), (-7, 12.5), (0, 12.6),
)  # fmt: skip
RADIUS_BOW: Points = ((-125, 1.5), (-70, 1.4), (-40, 0.2), (-20, 0.6), (0, 0))
ULNA_WIDTHS: Points = ((-125, 6.2), (-60, 5.2), (-35, 4.7), (-22, 4.9), (-14, 5.6), (-8, 6.5), (-4, 7.2), (3, 7.6))
RADIUS_EPIPHYSIS: Points = (
    (-13, -6), (-12.8, -1.5), (-9, -0.6), (-4, 0.6), (1, 1.6), (5, 3.6), (9.5, 6.6), (12.8, 8.6), (14.2, 5.5), (13.6, 0),
    (12.6, -5.5), (6, -6), (-1.5, -5), (-7, -5.5),
)  # fmt: skip
ULNA_EPIPHYSIS: Points = (
    (-7.6, -1.5), (-7.8, 3), (-7, 7.2), (-5.2, 9.8), (-3, 8.6), (-1.6, 5.6), (2, 4.6), (5.6, 3.8), (7.7, 1.6), (7.4, -1.6),
    (2, -2.5), (-3, -2.5),
)  # fmt: skip
CARPALS: dict[str, tuple[tuple[float, float], float, Points]] = {  # name: place, age of first bone, outline
    "scaphoid": (
        (7.2, 12.0), 5.0,
        ((-8.6, -5.2), (-9.2, -2.2), (-6.4, 0.2), (-2.2, 1.6), (0.8, 4.8), (4.2, 6.8), (8.2, 5.4), (8.8, 1.8), (5.6, -1.6), (2.6, -5.2), (-2.4, -7.2)),
    ),
    "lunate": (
        (-8.2, 7.8), 4.0,
        ((-7.6, 0.8), (-6.6, 4.0), (-3.2, 4.6), (0.6, 3.0), (4.4, 2.4), (7.6, -0.4), (6.4, -3.8), (2, -5.0), (-3, -4.2)),
    ),
    "triquetrum": ((-20.2, 15.0), 2.5, ((-6, -1), (-5.6, 3.6), (-1.8, 5.6), (2.6, 3.6), (5.8, 0), (5.2, -3.8), (1.2, -6), (-3.2, -5.4))),
    "pisiform": ((-21.6, 13.0), 9.5, ellipse_points := ((4.4, 0), (3.4, 3.4), (0, 5), (-3.6, 3.4), (-4.6, 0), (-3.2, -3.6), (0, -4.8), (3.4, -3.4))),
    "hamate": (
        (-13.6, 25.6), 0.4,
        ((-8.6, 4.0), (-5, 6.6), (0.6, 6.8), (4.8, 5.4), (5.2, -1), (4.4, -7.6), (2.2, -9.8), (-1.4, -6.2), (-5.8, -1.4)),
    ),
    "capitate": (
        (-2.4, 21.6), 0.3,
        ((-6.2, 8.6), (-2, 10), (3.2, 9.6), (6, 7), (5.6, 1), (6, -5.4), (3.6, -9.4), (-1, -10.6), (-5.2, -8.6), (-6.2, -3), (-5.4, 2)),
    ),
    "trapezoid": ((9.0, 26.6), 6.0, ((-5.2, 1.6), (-3.6, 5), (1, 5.4), (4.8, 3.6), (5.4, -1), (3, -4.4), (-1.4, -4.8), (-4.4, -2.4))),
    "trapezium": (
        (17.0, 24.0), 5.5,
        ((-5.4, -1), (-4.8, 3.6), (-1.2, 6.4), (3.2, 4.6), (7, 1.8), (6.6, -3), (3, -5.8), (-2, -6)),
    ),
}  # fmt: skip
METACARPAL_WIDTHS: Points = (
    (-2, 5.0), (1.5, 5.3), (6, 4.6), (12, 3.7), (20, 3.15), (30, 3.1), (40, 3.5), (50, 4.3), (57, 5.2), (62, 5.4), (66, 5.0),
)  # fmt: skip
METACARPALS: dict[int, tuple[tuple[float, float], float, float, float]] = {  # base, tilt in degrees, length, breadth
    1: ((24.0, 27.5), -42, 0.72, 1.12),
    2: ((9.8, 32.4), -7, 1.04, 1.12),
    3: ((-2.2, 33.0), 1, 1.0, 1.0),
    4: ((-12.6, 33.4), 9, 0.89, 0.84),
    5: ((-21.6, 32.2), 19, 0.82, 0.92),
}
PALM: Points = (
    (-140, 41), (-100, 39), (-70, 35), (-45, 32), (-25, 30), (-8, 28.5), (6, 28.5), (20, 30.5), (34, 34.5), (48, 38), (70, 39), (92, 37), (100, 32),
)  # fmt: skip
PALM_AXIS: Points = ((-140, -13), (-70, -9.5), (-25, -5), (0, -2.5), (30, -1), (60, 1), (100, 1))


@dataclass(frozen=True)
class Build:
    """What a person's wrist is like, beside its age: float draws that are the same at every size.

    size: mm per mm of the tables; stout: breadth of the soft tissue; jitter: [20, 4] standard-normal draws for the
    places, turns and sizes of the bones, in the order in which `bones` returns them.
    """

    age: float
    male: bool
    size: float
    stout: float
    dense: float
    jitter: np.ndarray

    @property
    def plate(self) -> float:
        """Width of the growth plate in table mm; 0 when closed."""
        return 0.0 if self.age >= closure(self.male) else 1.0 + 1.4 * max(0.0, (13 - self.age) / 10)


def growth(age: float, male: bool) -> float:
    """Size of the wrist at an age, relative to scale 1 (which a girl of 14 has)."""
    full = 1.1 if male else 1.0
    return full * float(np.interp(age, (3, 8, 13, 16, 18), (0.6, 0.75, 0.93, 0.99, 1.0)))


def bones(build: Build) -> list[Bone]:
    """All bones, proximal first, in mm."""
    plain = [*_forearm(build), *_carpals(build), *_metacarpals(build)]
    return [_vary(bone, build, build.jitter[row]) for row, bone in enumerate(plain)]


def _vary(bone: Bone, build: Build, draws: np.ndarray) -> Bone:
    """A person's own bone: shifted, turned and sized a little; forearm bones keep their joint."""
    loose = 0.25 if bone.shaft > 4 or bone.name.endswith("epiphysis") else 1.0
    x, y = bone.at[0] + 0.5 * loose * draws[0], bone.at[1] + 0.5 * loose * draws[1]
    return replace(
        bone,
        at=(x * build.size, y * build.size),
        angle=bone.angle + radians(2.5) * loose * draws[2],
        scale=bone.scale * build.size * (1 + 0.035 * loose * draws[3]),
    )


def _forearm(build: Build) -> list[Bone]:
    gap = build.plate / 2
    lift = lambda plate, by: (plate[0] + by, plate[1], plate[2])
    lean, ulna_at = radians(-3.5), (-22.3, -3.4)
    made = [
        _shaft("radius", RADIUS_WIDTHS, lift(RADIUS_PLATE, -gap), RADIUS_BOW, lean, (0, 0)),
        _shaft("ulna", ULNA_WIDTHS, lift(ULNA_PLATE, -gap), None, radians(-5.5), ulna_at),
    ]
    wide = float(np.interp(build.age, (1, 4, 8, 12), (0.2, 0.62, 0.88, 1)))
    ends = (
        ("radius epiphysis", RADIUS_EPIPHYSIS, RADIUS_PLATE, lean, (0, 0), wide),
        ("ulna epiphysis", ULNA_EPIPHYSIS, ULNA_PLATE, radians(-5.5), ulna_at, wide if build.age > 6 else 0.3),
    )
    for name, points, plate, angle, at, scale in ends:
        cut = lift(plate, gap) if gap else lift(plate, -1.2)
        outline = tuple((x * scale, y * scale) for x, y in points)
        made.append(
            Bone(
                name=name,
                shape=Outline(outline, rounding=5.5, cut=cut),
                at=at,
                angle=angle,
                flatness=3.2,
                fill=(0.04, 0.2),
            )
        )
    return made


def _shaft(name: str, widths: Points, top, bow, angle: float, at) -> Bone:
    return Bone(
        name=name,
        shape=Shaft(widths, top=top, bow=bow),
        at=at,
        angle=angle,
        shaft=5.9 if name == "radius" else 5.0,
        cortex=(1.9, 0.6),
    )


def _carpals(build: Build) -> list[Bone]:
    made = []
    for name, (at, first, outline) in CARPALS.items():
        grown = float(np.clip((build.age - first) / (13 - first), 0, 1))
        scale = 0.25 + 0.75 * grown**0.6
        if build.age > first:
            made.append(
                Bone(
                    name=name,
                    shape=Outline(outline, rounding=4.2),
                    at=at,
                    scale=scale,
                    flatness=2.9,
                    fill=(0.04, 0.2),
                    cortex=(0.6, 0.6),
                )
            )
    return made


def _metacarpals(build: Build) -> list[Bone]:
    made = []
    for number, (at, tilt, length, breadth) in METACARPALS.items():
        widths = tuple((y * length, w * breadth) for y, w in METACARPAL_WIDTHS)
        shape = Shaft(widths, top=(65 * length, 0, -0.11), bottom=(0, 0.05, 0.035), blend=3)
        made.append(
            Bone(
                name=f"metacarpal {number}",
                shape=shape,
                at=at,
                angle=radians(tilt),
                shaft=3.2 * breadth,
                flatness=2.7,
                cortex=(1.4, 0.5),
                fill=(0.05, 0.2),
            )
        )
    return made


def flesh(build: Build) -> list[Flesh]:
    """The soft tissue of forearm, palm and thumb, in mm."""
    palm = Shaft(tuple((y, w * build.stout) for y, w in PALM), bow=PALM_AXIS)
    thumb = Shaft(((-30, 9), (0, 12.5), (20, 12), (45, 10.5), (60, 9)), top=(60, 0, -0.1))
    (x, y), tilt, *_ = METACARPALS[1]
    return [
        Flesh(shape=palm, scale=build.size, depth=16.5),
        Flesh(shape=thumb, at=(x * build.size, y * build.size), angle=radians(tilt), scale=build.size, depth=11.5),
    ]
