"""The wrist in PA view: outlines in mm for the wrist of a girl of 14 (scale 1), and how they grow.

Origin: the middle of the radiocarpal joint; +x to the thumb, +y to the fingers. Ages at which bones ossify and growth
plates close follow Greulich & Pyle, Radiographic Atlas of Skeletal Development of the Hand and Wrist (1959), rounded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import radians

import numpy as np

from xraybench.data.phantom.anatomy import Bone, Flesh
from xraybench.data.phantom.cases import closure
from xraybench.data.phantom.shapes import Outline, Points, Shaft, ellipse

Parabola = tuple[float, float, float]

# fmt: off
RADIUS_LEAN, ULNA_LEAN, ULNA_AT = radians(-3.5), radians(-5.5), (-22.3, -3.4)
RADIUS_PLATE: Parabola = (-3.4, -0.10, -0.018)  # the growth plate as a parabola of x, in the bone's own coordinates
ULNA_PLATE: Parabola = (0.4, -0.02, -0.020)
RADIUS_WIDTHS: Points = (
    (-125, 6.6), (-80, 6.1), (-58, 5.8), (-44, 6.2), (-34, 7.1), (-26, 8.3), (-19, 9.8), (-12, 11.6), (-7, 12.6),
    (0, 12.7),
)
RADIUS_BOW: Points = ((-125, 1.5), (-70, 1.4), (-40, 0.2), (-20, 0.6), (0, 0))
ULNA_WIDTHS: Points = ((-125, 6.2), (-60, 5.2), (-35, 4.7), (-22, 4.9), (-14, 5.6), (-8, 6.5), (-4, 7.2), (3, 7.6))
RADIUS_EPIPHYSIS: Points = (
    (-13, -6), (-13.4, 0.4), (-9.6, 1.6), (-4, 2.2), (1, 3), (5, 4.6), (9.2, 7), (12.6, 9), (14.4, 6), (14.2, 0.5),
    (12.8, -6), (6, -7), (-1.5, -6), (-7, -6.5),
)
ULNA_EPIPHYSIS: Points = (
    (-7.6, -1.5), (-8, 3), (-7.4, 7.2), (-5.6, 9.4), (-3.4, 8.4), (-1.4, 5.6), (2, 4.9), (5.6, 4.2), (7.8, 1.8),
    (7.5, -2), (2, -3), (-3, -3),
)
CARPALS: dict[str, tuple[tuple[float, float], float, Points]] = {  # name: place, age of the first bone, outline
    "scaphoid": ((7.0, 11.4), 5.0, (
        (-8.8, -4.8), (-9.4, -1.6), (-6.4, 0.6), (-2.2, 1.8), (0.8, 5), (4.2, 7.2), (8.4, 6), (9.2, 2), (6, -1.8),
        (2.8, -5.2), (-2.6, -7.2))),
    "lunate": ((-8.2, 7.6), 4.0, (
        (-7.8, 0.8), (-6.8, 4.4), (-3.2, 4.8), (0.6, 3.2), (4.4, 2.8), (7.8, 0), (6.8, -3.8), (2, -5.2), (-3.2, -4.2))),
    "triquetrum": ((-20.0, 15.2), 2.5, (
        (-6.4, -1), (-5.8, 3.8), (-1.8, 5.8), (2.6, 3.8), (6.4, -0.4), (5.6, -4.2), (1.2, -6.2), (-3.4, -5.8))),
    "pisiform": ((-21.6, 12.6), 9.5, ellipse(4.4, 5.2)),
    "hamate": ((-13.6, 25.2), 0.4, (
        (-9.4, 4.2), (-5, 7), (0.6, 7.2), (5, 5.8), (5.6, -1), (4.6, -7.8), (2.2, -10), (-1.6, -6.4), (-6.4, -1.2))),
    "hamate hook": ((-16.0, 26.6), 10.5, ellipse(2.7, 3.5)),
    "capitate": ((-2.2, 21.4), 0.3, (
        (-6.4, 8.8), (-2, 10.2), (3.2, 9.8), (6.2, 7), (5.8, 1), (6.2, -5.4), (3.6, -9.6), (-1, -10.8), (-5.4, -8.8),
        (-6.4, -3), (-5.6, 2))),
    "trapezoid": ((9.0, 26.4), 6.0, (
        (-5.4, 1.6), (-3.8, 5.2), (1, 5.6), (5, 3.8), (5.6, -1), (3, -4.6), (-1.4, -5), (-4.6, -2.6))),
    "trapezium": ((17.2, 23.6), 5.5, (
        (-5.8, -1), (-5, 3.8), (-1.2, 6.6), (3.4, 5), (7.4, 1.8), (7, -3), (3, -6), (-2.2, -6.2))),
}
METACARPAL_WIDTHS: Points = (
    (-3, 4.6), (1, 5.5), (4, 5.3), (9, 4.2), (15, 3.45), (22, 3.1), (32, 3.1), (42, 3.6), (50, 4.3), (57, 5.2),
    (62, 5.4), (66, 5.0),
)
METACARPALS: dict[int, tuple[tuple[float, float], float, float, float]] = {  # base, tilt in degrees, length, breadth
    1: ((24.4, 27.8), -42, 0.72, 1.12),
    2: ((9.6, 31.2), -7, 1.04, 1.16),
    3: ((-1.6, 31.4), 1, 1.0, 1.02),
    4: ((-11.8, 31.8), 9, 0.89, 0.86),
    5: ((-20.6, 30.6), 19, 0.82, 0.96),
}
PALM_WIDTHS: Points = (
    (-140, 41), (-100, 39), (-70, 35), (-45, 32), (-25, 30), (-8, 28.5), (6, 28.5), (20, 30.5), (34, 34.5), (48, 38),
    (70, 39), (92, 37), (100, 32),
)
PALM_AXIS: Points = ((-140, -13), (-70, -9.5), (-25, -5), (0, -2.5), (30, -1), (60, 1), (100, 1))
THENAR_WIDTHS: Points = ((-40, 4), (-25, 10), (-8, 14.5), (6, 16), (22, 13), (36, 6))
THUMB_WIDTHS: Points = ((-30, 9), (0, 12.5), (20, 12), (45, 10.5), (60, 9))
# fmt: on


@dataclass(frozen=True)
class Build:
    """What a person's wrist is like: draws that are the same at every image size.

    age: years; size: mm per mm of the tables; stout: breadth of the soft tissue, dense: of bone, both about 1;
    jitter: [20, 4] standard-normal draws for the bones' places (2), turns and sizes, in the order of `bones`.
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
        return 0.0 if self.age >= closure(self.male) else 0.6 + 0.9 * max(0.0, (13 - self.age) / 10)


def growth(age: float, male: bool) -> float:
    """Size of the wrist at an age, relative to scale 1."""
    full = 1.1 if male else 1.0
    return full * float(np.interp(age, (3, 8, 13, 16, 18), (0.6, 0.75, 0.93, 0.99, 1.0)))


def bones(build: Build) -> list[Bone]:
    """All bones, proximal first, in mm."""
    plain = [*_forearm(build), *_epiphyses(build), *_carpals(build), *_metacarpals()]
    return [_own(bone, build, draws) for bone, draws in zip(plain, build.jitter, strict=False)]


def _own(bone: Bone, build: Build, draws: np.ndarray) -> Bone:
    """A person's own bone: shifted, turned and sized a little; the forearm's bones keep their joint."""
    loose = 0.25 if bone.name.startswith(("radius", "ulna")) else 1.0
    shift, turn, swell = 0.5 * loose * draws[:2], radians(2.5) * loose * draws[2], 1 + 0.035 * loose * draws[3]
    at = (bone.at[0] + float(shift[0])) * build.size, (bone.at[1] + float(shift[1])) * build.size
    return replace(bone, at=at, angle=bone.angle + float(turn), scale=bone.scale * build.size * float(swell))


def _raised(plate: Parabola, by: float) -> Parabola:
    return plate[0] + by, plate[1], plate[2]


def _forearm(build: Build) -> list[Bone]:
    """Shafts and metaphyses, up to the growth plates."""
    gap = build.plate / 2
    radius = Shaft(RADIUS_WIDTHS, top=_raised(RADIUS_PLATE, -gap), bow=RADIUS_BOW)
    ulna = Shaft(ULNA_WIDTHS, top=_raised(ULNA_PLATE, -gap))
    return [
        Bone(name="radius", shape=radius, angle=RADIUS_LEAN, shaft=5.9, cortex=(1.9, 0.6), fill=(0.07, 0.30)),
        Bone(name="ulna", shape=ulna, at=ULNA_AT, angle=ULNA_LEAN, shaft=5.0, cortex=(1.8, 0.6), fill=(0.07, 0.30)),
    ]


def _epiphyses(build: Build) -> list[Bone]:
    """The ends beyond the growth plates; fused, they reach into the metaphysis and leave a dense scar."""
    gap = build.plate / 2 if build.plate else -0.5
    wide = float(np.interp(build.age, (1, 4, 8, 12), (0.2, 0.62, 0.88, 1)))
    ulnar = float(np.interp(build.age, (5, 6, 9, 13), (0, 0.35, 0.75, 1)))
    made = [_epiphysis("radius epiphysis", RADIUS_EPIPHYSIS, wide, _raised(RADIUS_PLATE, gap), RADIUS_LEAN, (0, 0))]
    if ulnar:
        cut = _raised(ULNA_PLATE, gap)
        made.append(_epiphysis("ulna epiphysis", ULNA_EPIPHYSIS, ulnar, cut, ULNA_LEAN, ULNA_AT))
    return made


def _epiphysis(name: str, points: Points, scale: float, cut: Parabola, angle: float, at: tuple[float, float]) -> Bone:
    outline = Outline(tuple((x * scale, y * scale) for x, y in points), rounding=5.5 * scale, cut=cut)
    return Bone(name=name, shape=outline, at=at, angle=angle, flatness=3.2, cortex=(0.6, 0.6), fill=(0.05, 0.27))


def _carpals(build: Build) -> list[Bone]:
    """The carpal bones that have begun to ossify, at the size that they have reached."""
    made = []
    for name, (at, first, points) in CARPALS.items():
        if build.age > first:
            grown = min(1.0, (build.age - first) / max(13 - first, 2))
            shape = Outline(points, rounding=1.6 if name == "hamate hook" else 4.2)
            scale = 0.25 + 0.75 * grown**0.6
            made.append(
                Bone(name=name, shape=shape, at=at, scale=scale, flatness=2.9, cortex=(0.6, 0.6), fill=(0.05, 0.27))
            )
    return made


def _metacarpals() -> list[Bone]:
    made = []
    for number, (at, tilt, length, breadth) in METACARPALS.items():
        widths = tuple((y * length, width * breadth) for y, width in METACARPAL_WIDTHS)
        shape = Shaft(widths, top=(65 * length, 0, -0.11), bottom=(-0.6, 0.05, 0.05), blend=4)
        name, angle, shaft = f"metacarpal {number}", radians(tilt), 3.2 * breadth
        made.append(Bone(name=name, shape=shape, at=at, angle=angle, shaft=shaft, cortex=(1.4, 0.5), fill=(0.07, 0.28)))
    return made


def flesh(build: Build) -> list[Flesh]:
    """The soft tissue of forearm, palm and thumb, in mm."""
    palm = Shaft(tuple((y, width * build.stout) for y, width in PALM_WIDTHS), bow=PALM_AXIS)
    thumb = Shaft(THUMB_WIDTHS, top=(60, 0, -0.1))
    thenar = Shaft(THENAR_WIDTHS, top=(36, 0, -0.06), bottom=(-38, 0, 0.06))
    (x, y), tilt, *_ = METACARPALS[1]
    at = x * build.size, y * build.size
    return [
        Flesh(shape=palm, scale=build.size, depth=16.5),
        Flesh(shape=thenar, at=(17 * build.size, 27 * build.size), angle=radians(-24), scale=build.size, depth=15.5),
        Flesh(shape=thumb, at=at, angle=radians(tilt), scale=build.size, depth=11.5),
    ]
