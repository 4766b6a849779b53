"""The wrist in lateral view: outlines in mm for the wrist of a girl of 14 (scale 1); the bones of wrist_anatomy.

Origin: the middle of the radiocarpal joint; +x to the palm, +y to the fingers. A place along a bone is the same in
both views, so that a fracture is one fracture.
"""

from __future__ import annotations

from dataclasses import replace
from math import radians

import numpy as np

from xraybench.data.phantom.anatomy import Bone, Flesh
from xraybench.data.phantom.shapes import Outline, Points, Shaft, ellipse
from xraybench.data.phantom.wrist_anatomy import CARPALS, METACARPAL_WIDTHS, METACARPALS, Build, Parabola

# fmt: off
RADIUS_PLATE: Parabola = (-3.6, 0.10, -0.022)
ULNA_PLATE: Parabola = (0.4, 0.03, -0.024)
ULNA_AT = (-3.0, -3.4)
RADIUS_WIDTHS: Points = (
    (-125, 5.8), (-80, 5.6), (-58, 5.7), (-44, 6.0), (-34, 6.5), (-26, 7.2), (-19, 8.2), (-12, 9.1), (-7, 9.6), (0,
    9.7))
RADIUS_BOW: Points = ((-125, -1.5), (-70, -1.2), (-40, -0.6), (-20, 0.2), (0, 0.8))
ULNA_WIDTHS: Points = ((-125, 6.0), (-60, 5.2), (-35, 4.8), (-22, 4.9), (-14, 5.3), (-8, 5.9), (-4, 6.3), (3, 6.5))
RADIUS_EPIPHYSIS: Points = (
    (-9.6, -5), (-9.8, 0), (-9.0, 3.4), (-6.6, 4.4), (-2.5, 1.9), (2, 0.9), (6.5, 0.4), (9.4, -0.6), (9.8, -3.2),
    (8.5, -6),
    (2, -6.6), (-5, -6))
ULNA_EPIPHYSIS: Points = ((-6, -2), (-6.4, 2), (-5, 5.4), (-2.6, 8.6), (0, 6), (4, 4.8), (6.4, 2.4), (6.2, -2), (0, -3))
OUTLINES: dict[str, tuple[tuple[float, float], Points]] = {  # carpals: place, outline
    "scaphoid": ((4.2, 11.6), (
        (-7.2, -3.0), (-6, 1.6), (-1.6, 4), (2.6, 7.4), (6.4, 8), (8, 4.4), (5.4, -0.6), (1, -4.6), (-4, -6.2))),
    "lunate": ((0.2, 7.4), (
        (-8.2, 3.0), (-6, 5.2), (-3, 2.2), (1, 1.2), (4.6, 3), (7.4, 5.2), (8.2, 1), (5.4, -3.8), (0, -5.2),
        (-5.4, -3))),
    "triquetrum": ((-3.6, 13.4), ((-6, 0), (-4, 5.4), (1.4, 6.6), (5.4, 3), (5, -3), (1, -6), (-4, -5))),
    "pisiform": ((10.6, 11.2), ellipse(4.6, 5.6)),
    "hamate": ((-1.4, 23.6), ((-7, 4), (-5, 8), (2, 8), (6, 6), (6, -2), (2, -8), (-4, -7), (-7, -2))),
    "hamate hook": ((8.4, 24.6), ellipse(4.2, 3.0)),
    "capitate": ((-0.4, 20.4), (
        (-6.6, 8.4), (-2, 10.6), (4, 10), (6.2, 6), (5.2, 0), (6.2, -5), (3.4, -9.6), (-1.4, -10.6), (-5.6, -8),
        (-5.4, -1))),
    "trapezoid": ((-0.8, 25.8), ((-6, 1), (-4, 5), (2, 5.6), (6, 3), (6, -2), (2, -5), (-4, -4.6))),
    "trapezium": ((9.4, 22.6), ((-5, 0), (-4, 5), (0, 6.6), (5, 5), (7, 1), (6, -4), (2, -6.2), (-3, -5))),
}
METACARPAL_LINES: dict[int, tuple[tuple[float, float], float]] = {  # base, tilt in degrees
    1: ((13.0, 27.4), -34), 2: ((-0.2, 31.2), -1), 3: ((-2.0, 31.4), 1), 4: ((0.6, 31.8), -4), 5: ((2.6, 30.6), -8),
}
HAND_WIDTHS: Points = (
    (-140, 30), (-100, 29), (-70, 26), (-45, 23), (-20, 21), (0, 20), (14, 21.5), (30, 22), (50, 21), (80, 17),
    (100, 15))
HAND_AXIS: Points = ((-140, 3), (-60, 2.4), (0, 1.6), (30, 3.5), (70, 1), (100, 0))
THUMB_WIDTHS: Points = ((-24, 7), (0, 13), (20, 13), (45, 11), (62, 9.5))
# fmt: on


def bones(build: Build) -> list[Bone]:
    """All bones, proximal first, in mm; each as far ossified, and of the size, that its PA view shows."""
    plain = [*_forearm(build), *_epiphyses(build), *_carpals(build), *_metacarpals()]
    made = []
    for bone, draws in zip(plain, build.jitter, strict=False):
        loose = 0.25 if bone.name.startswith(("radius", "ulna")) else 1.0
        at = (bone.at[0] + 0.4 * loose * float(draws[0])) * build.size, bone.at[1] * build.size
        swell = 1 + 0.03 * loose * float(draws[3])
        turn = radians(2) * loose * float(draws[2])
        made.append(replace(bone, at=at, angle=bone.angle + turn, scale=bone.scale * build.size * swell))
    return made


def _forearm(build: Build) -> list[Bone]:
    gap = build.plate / 2
    cut, end = ((plate[0] - gap, *plate[1:]) for plate in (RADIUS_PLATE, ULNA_PLATE))
    radius = Shaft(RADIUS_WIDTHS, top=(cut[0], cut[1], cut[2]), bow=RADIUS_BOW)
    ulna = Shaft(ULNA_WIDTHS, top=(end[0], end[1], end[2]))
    return [
        Bone(name="radius", shape=radius, shaft=5.6, cortex=(1.9, 0.6), fill=(0.07, 0.3)),
        Bone(name="ulna", shape=ulna, at=ULNA_AT, shaft=5.0, cortex=(1.8, 0.6), fill=(0.07, 0.3)),
    ]


def _epiphyses(build: Build) -> list[Bone]:
    gap = build.plate / 2 if build.plate else -0.5
    wide = float(np.interp(build.age, (1, 4, 8, 12), (0.2, 0.62, 0.88, 1)))
    ulnar = float(np.interp(build.age, (5, 6, 9, 13), (0, 0.35, 0.75, 1)))
    made = [_epiphysis("radius epiphysis", RADIUS_EPIPHYSIS, wide, RADIUS_PLATE, gap, (0.8, 0.0))]
    if ulnar:
        made.append(_epiphysis("ulna epiphysis", ULNA_EPIPHYSIS, ulnar, ULNA_PLATE, gap, ULNA_AT))
    return made


def _epiphysis(name: str, points: Points, scale: float, plate: Parabola, gap: float, at: tuple[float, float]) -> Bone:
    scaled = tuple((x * scale, y * scale) for x, y in points)
    outline = Outline(scaled, rounding=5.0 * scale, cut=(plate[0] + gap, plate[1], plate[2]))
    return Bone(name=name, shape=outline, at=at, flatness=3.2, cortex=(0.6, 0.6), fill=(0.05, 0.27))


def _carpals(build: Build) -> list[Bone]:
    """The carpal bones that have begun to ossify, as in wrist_anatomy, one over the other."""
    made = []
    for name, (at, points) in OUTLINES.items():
        first = CARPALS[name][1]
        if build.age > first:
            scale = 0.25 + 0.75 * min(1.0, (build.age - first) / max(13 - first, 2)) ** 0.6
            shape = Outline(points, rounding=4.2)
            made.append(
                Bone(name=name, shape=shape, at=at, scale=scale, flatness=2.7, cortex=(0.6, 0.6), fill=(0.05, 0.2))
            )
    return made


def _metacarpals() -> list[Bone]:
    made = []
    for number, (at, tilt) in METACARPAL_LINES.items():
        _, _, length, breadth = METACARPALS[number]
        widths = tuple((y * length, width * breadth) for y, width in METACARPAL_WIDTHS)
        shape = Shaft(widths, top=(65 * length, 0, -0.11), bottom=(-0.6, 0.05, 0.05), blend=4)
        made.append(
            Bone(name=f"metacarpal {number}", shape=shape, at=at, angle=radians(tilt), shaft=3.2 * breadth,
                 cortex=(1.3, 0.5), fill=(0.07, 0.26))
        )  # fmt: skip
    return made


def flesh(build: Build) -> list[Flesh]:
    """The soft tissue of forearm and hand from the side, and the thumb, in mm."""
    hand = Shaft(tuple((y, width * build.stout) for y, width in HAND_WIDTHS), bow=HAND_AXIS)
    (x, y), tilt = METACARPAL_LINES[1]
    thumb = Shaft(THUMB_WIDTHS, top=(60, 0, -0.1), bottom=(-22, 0, 0.1))
    return [
        Flesh(shape=hand, scale=build.size, depth=26),
        Flesh(shape=thumb, at=(x * build.size, y * build.size), angle=radians(tilt), scale=build.size, depth=14),
    ]
