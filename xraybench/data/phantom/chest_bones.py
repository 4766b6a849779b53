"""The skeleton of the chest: ribs, spine, collar bones, shoulder blades and upper arms, as mm of compact bone."""

from __future__ import annotations

from math import radians

import numpy as np

from xraybench.data.phantom.anatomy import Bone, Tissue, add_bone
from xraybench.data.phantom.chest_anatomy import RIBS, VERTEBRA, Build
from xraybench.data.phantom.chest_maps import Maps
from xraybench.data.phantom.shapes import Array, Outline, Points, Shaft, chord

COSTAL_END = 50.0  # distance from the midline at which ribs turn into cartilage, which does not show
# fmt: off
CLAVICLE: Points = ((-2, 8.5), (6, 8), (20, 6.2), (60, 5.4), (100, 5.8), (130, 7.2), (150, 6.5))
CLAVICLE_BOW: Points = ((0, 0), (30, 3.5), (60, 3), (100, -4), (130, -6), (150, -4))
HUMERUS: Points = ((-460, 11), (-60, 11.5), (-30, 14), (-12, 20), (0, 23), (12, 22), (24, 14))
SCAPULA: Points = (
    (-38, 78), (-20, 88), (2, 84), (14, 66), (26, 72), (36, 58), (30, 34), (16, 14), (0, -24), (-14, -62), (-24, -78),
    (-33, -66), (-38, -30), (-42, 20), (-44, 52),
)
# fmt: on


def skeleton(maps: Maps) -> None:
    """Add all bones to the maps in place."""
    _add_ribs(maps)
    _spine(maps)
    tissue = Tissue.empty(maps.view.size)
    for left in (False, True):
        for bone in girdle(maps.build, left):
            add_bone(tissue, maps.view, bone)
    maps.bone += np.minimum(tissue.compact + tissue.spongy, 26)
    maps.bone *= np.float32(maps.build.dense)


def _add_ribs(maps: Maps) -> None:
    """Add the ribs: loops from the spine around the chest wall and down to the cartilage in front. All in one go."""
    parts = [part for number in range(len(RIBS)) if (part := _near_rib(maps, number))]
    if parts:
        at, *geometry = (np.concatenate(values) for values in zip(*parts, strict=True))
        np.add.at(maps.bone.reshape(-1), at, _rib_bone(*geometry))


def rib_height(build: Build, number: int, left: bool) -> float:
    """Height at which a rib turns from the back to the front; a deep breath lifts the lower ones."""
    lift = 0.25 * build.breath * number / len(RIBS)
    return RIBS[number][0] + 1.5 * float(build.jitter[2 * number + left]) - lift


def _near_rib(maps: Maps, number: int) -> tuple[Array, ...] | None:
    """The samples near a pair of ribs [N]: their flat index, and what `_rib_bone` asks of them.

    The back of a rib climbs to the spine, nearly level at its inner end; the front falls, straight.
    """
    _, half, rise, fall = RIBS[number]
    heights = [rib_height(maps.build, number, left) for left in (False, True)]
    low, high = min(heights) - fall - 14, max(heights) + rise + 14
    window = maps.view.window([(a, b) for a in (-half - 8, half + 8) for b in (low, high)])
    if window is None:
        return None
    x = maps.x[window]
    side, up = np.abs(x), maps.y[window] - np.where(x > 0, np.float32(heights[1]), np.float32(heights[0]))
    back = up > 0
    droop = np.maximum(half - side, 0) * np.float32(0.45 * fall / half) * ~back
    height = np.where(back, np.float32(1 / rise), np.float32(1 / (0.75 * fall)))
    u, v = side * np.float32(1 / half), (up + droop) * height
    radius = np.sqrt(u * u + v * v)
    rows, columns = np.nonzero(np.abs(radius - 1) < 8 / min(rise, 0.75 * fall, half))
    at = (rows + window[0].start) * maps.view.size + columns + window[1].start
    across, depth = (np.full(len(at), value, np.float32) for value in (1 / half, 3.0 if number else 4.0))
    near = (part[rows, columns] for part in (side, back, height, u, v, radius))
    return at, *near, across, depth


def _rib_bone(
    side: Array, back: np.ndarray, height: Array, u: Array, v: Array, radius: Array, across: Array, depth: Array
) -> Array:
    """Compact bone [N] in mm near the ribs' lines, from the coordinates u, v of each rib's ellipse.

    across, height: 1 / half-axes in mm; depth: half the rib's thickness. Where a rib runs along the beam, near its
    turn, a ray passes more of it.
    """
    slope = np.hypot(u * across, v * height) / radius
    breadth = np.where(back, np.float32(6.0), np.float32(7.0))
    inside = breadth - np.abs(radius - 1) / slope
    bone = chord(inside, breadth, 1.35 * depth)
    bone -= np.float32(0.84) * chord(inside - 1.3, breadth - 1.3, 1.35 * depth - 1.1)
    longer = 1 + np.float32(1.3) * np.clip(u, 0, 1) ** 10
    inner = np.where(back, np.float32(12), np.float32(COSTAL_END))
    value: Array = bone * longer * np.clip((side - inner) * np.float32(1 / 8), 0, 1)
    return value * np.where(back, np.float32(1), np.float32(0.75))


def _spine(maps: Maps) -> None:
    """Vertebral bodies with their discs, pedicles, spinous and transverse processes, in place."""
    window = maps.view.window([(a, b) for a in (-36, 36) for b in (-320, 260)])
    if window is None:
        return
    y = maps.y[window]
    bend = np.float32(maps.build.bend) * np.sin(y * np.float32(0.014) + np.float32(maps.build.jitter[20]))
    x = maps.x[window] - bend + np.float32(0.25 * maps.build.turn)
    level = (y + np.float32(4 * maps.build.jitter[21])) * np.float32(1 / VERTEBRA)
    within = (level - np.floor(level) - np.float32(0.5)) * np.float32(VERTEBRA)
    half = 15.5 - y * np.float32(0.022)
    waist = half - 2.2 + np.float32(0.02) * within * within
    body = chord(np.minimum(waist - np.abs(x), 10.3 - np.abs(within)), 6.0, 15.0)
    rim = body - chord(np.minimum(waist - np.abs(x), 10.3 - np.abs(within)) - 1.2, 6.0, 14.0)
    pedicle = np.hypot((np.abs(x) - half + 5.5), (within - 3) * np.float32(0.7))
    ring = np.clip(1.3 - np.abs(pedicle - 3.6), 0, 1)
    spine = chord(4.0 - np.hypot(x * np.float32(1.3), (within + 7) * np.float32(0.55)), 4.0, 5.0)
    wing = chord(4.2 - np.abs(within - 4 + 0.12 * np.abs(x)), 4.2, 2.5) * (np.abs(x) < half + 12) * (np.abs(x) > 8)
    maps.bone[window] += 0.09 * body + 0.4 * rim + 1.6 * ring + 0.4 * spine + 0.3 * wing


def girdle(build: Build, left: bool) -> list[Bone]:
    """Collar bone, shoulder blade and upper arm of a side."""
    sign = 1 if left else -1
    draws = build.jitter[22 + 4 * left : 26 + 4 * left]
    aside = sign * 14 + 0.7 * build.turn
    lift = radians(sign * (12 + 3.5 * draws[0] + 7 * build.portable))
    bow = tuple((y, -sign * x) for y, x in CLAVICLE_BOW)
    clavicle = Shaft(CLAVICLE, bow=bow, top=(148, 0, -0.02), bottom=(-1, 0, 0.02))
    blade = Outline(tuple((sign * x, y) for x, y in SCAPULA), rounding=9.0)
    out = 160 + 5 * draws[1] - 16 * build.portable + 0.3 * build.stout
    arm = Shaft(HUMERUS, top=(22, 0, -0.035))
    lean = 0.30 + 0.06 * build.jitter[31] - 0.18 * build.portable
    at = sign * (out + 42), 82 + 3 * draws[2]
    return [
        Bone(name="clavicle", shape=clavicle, at=(aside, 64 + 2.5 * draws[0]), angle=-sign * radians(90) + lift,
             shaft=5.5, flatness=2.9, cortex=(2.4, 1.6), fill=(0.3, 0.4)),
        Bone(name="scapula", shape=blade, at=(sign * out, 14 + 4 * draws[2]), flatness=1.6, angle=sign * -0.05,
             cortex=(1.3, 1.3), fill=(0.25, 0.25)),
        Bone(name="humerus", shape=arm, at=at, angle=sign * (lean * 0.9), shaft=11.5, cortex=(3.5, 1.2),
             fill=(0.1, 0.25)),
    ]  # fmt: skip
