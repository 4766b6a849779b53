"""The skeleton of the chest, as mm of compact bone: ribs, spine, collar bones, shoulder blades and upper arms."""

from __future__ import annotations

from math import radians

import numpy as np

from xraybench.data.phantom.anatomy import Bone
from xraybench.data.phantom.chest_anatomy import VERTEBRA, Build
from xraybench.data.phantom.chest_maps import Maps
from xraybench.data.phantom.chest_ribs import add_ribs
from xraybench.data.phantom.shapes import Outline, Points, Shaft, chord

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
    add_ribs(maps)
    _spine(maps)
    _girdles(maps)
    maps.bone *= np.float32(maps.build.dense)


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


def _girdles(maps: Maps) -> None:
    """Add both shoulder girdles in place; worked out at the samples within a bone's outline alone."""
    compact, spongy = np.zeros_like(maps.bone), np.zeros_like(maps.bone)
    for bone in (bone for left in (False, True) for bone in girdle(maps.build, left)):
        window = bone.window(maps.view)
        if window is not None:
            inside, rounding = bone.shape.inside(*bone.local(maps.x[window], maps.y[window]))
            within = inside > 0
            dense, loose = bone.layers(inside[within], rounding[within])
            compact[window][within] += dense
            spongy[window][within] += loose
    compact += spongy
    maps.bone += np.minimum(compact, 26)


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
