"""The ribs: loops from the spine around the chest wall and down to the cartilage in front, as mm of compact bone.

A rib's form is that of `RIBS`; a person's ribs differ in height alone. So the samples that a rib can reach are looked
up in its trace, drawn once a process, and its thickness is worked out at these alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from xraybench.data.phantom.chest_anatomy import RIBS, Build
from xraybench.data.phantom.chest_maps import Maps
from xraybench.data.phantom.shapes import Array, chord

COSTAL_END = 50.0  # distance from the midline at which ribs turn into cartilage, which does not show
WIDE, HIGH = 168, 168  # cells of a trace, of 1 mm: from the midline outwards; upwards, the rib's turn in the middle
REACH = 5, 3  # a trace is wider than its rib by half of so many cells up and across, for places are rounded


def rib_height(build: Build, number: int, left: bool) -> float:
    """Height at which a rib turns from the back to the front; a deep breath lifts the lower ones."""
    lift = 0.25 * build.breath * number / len(RIBS)
    return RIBS[number][0] + 1.5 * float(build.jitter[2 * number + left]) - lift


def add_ribs(maps: Maps) -> None:
    """Add the ribs of both sides, in place. All in one go."""
    heights = [tuple(rib_height(maps.build, number, left) for left in (False, True)) for number in range(len(RIBS))]
    near = _near(maps, heights)
    at, counts = np.concatenate(near), [len(part) for part in near]
    x, y = maps.x.take(at), maps.y.take(at)
    right, left = np.repeat(np.array(heights, np.float32).T, counts, axis=1)
    forms = np.repeat(FORMS, counts, axis=1)
    np.add.at(maps.bone.reshape(-1), at, rib_bone(forms, np.abs(x), y - np.where(x > 0, left, right)))


def _near(maps: Maps, heights: Sequence[tuple[float, ...]]) -> list[NDArray[np.intp]]:
    """The flat indices of the samples that each pair of ribs can reach; heights: of the right and the left one, mm."""
    cells = np.floor(maps.y).astype(np.intp) * WIDE
    cells += np.minimum(np.abs(maps.x), WIDE - 1).astype(np.intp)
    left, near = maps.x > 0, []
    for number, turns in enumerate(heights):
        _, half, rise, fall = RIBS[number]
        low, high = min(turns) - fall - 14, max(turns) + rise + 14
        window = maps.view.window([(a, b) for a in (-half - 8, half + 8) for b in (low, high)])
        rows = window[0] if window else slice(0, 0)
        right_one, left_one = ((round(turn) - HIGH // 2) * WIDE for turn in turns)
        places = cells[rows] - np.where(left[rows], left_one, right_one)
        shown = _trace(number).take(places, mode="clip")  # the trace is clear at its ends
        near.append(np.flatnonzero(shown) + rows.start * maps.view.size)
    return near


@cache
def _trace(number: int) -> np.ndarray:
    """Where a rib shows, or nearly: bool [HIGH * WIDE], by height above its turn and distance from the midline."""
    up, side = np.mgrid[-HIGH // 2 : HIGH // 2, :WIDE].astype(np.float32)
    shown = rib_bone(FORMS[:, number, None, None], side + np.float32(0.5), up + np.float32(0.5)) > 0
    trace: np.ndarray = maximum_filter(shown, REACH, mode="constant").reshape(-1)
    return trace


def _forms() -> Array:
    half, rise, fall = (np.array([rib[k] for rib in RIBS]) for k in (1, 2, 3))
    depth = np.where(np.arange(len(RIBS)) > 0, 3.0, 4.0)
    return np.stack((half, 1 / half, 1 / rise, 1 / (0.75 * fall), 0.45 * fall / half, depth)).astype(np.float32)


FORMS = _forms()  # [6,ribs]: half-width, 1 over it, 1 / height behind and in front, droop in front, half of the depth


def rib_bone(forms: Array, side: Array, up: Array) -> Array:
    """Compact bone [N] in mm of ribs of `forms` [6,N], `side` mm from the midline and `up` above the rib's turn.

    The back of a rib climbs to the spine, nearly level at its inner end; the front falls, straight: parts of two
    ellipses. Where a rib runs along the beam, near its turn, a ray passes more of it.
    """
    half, across, behind, before, droop, depth = forms
    back = up > 0
    height = np.where(back, behind, before)
    posterior = back.astype(np.float32)
    sag = np.maximum(half - side, 0) * droop * (1 - posterior)
    u, v = side * across, (up + sag) * height
    radius = np.sqrt(u * u + v * v)
    slope = np.hypot(u * across, v * height) / radius
    breadth = 7 - posterior
    inside = breadth - np.abs(radius - 1) / slope
    bone = chord(inside, breadth, 1.35 * depth)
    bone -= np.float32(0.84) * chord(inside - 1.3, breadth - 1.3, 1.35 * depth - 1.1)
    longer = 1 + np.float32(1.3) * u.clip(0, 1) ** 10
    inner = COSTAL_END - (COSTAL_END - 12) * posterior
    value: Array = bone * longer * ((side - inner) * np.float32(1 / 8)).clip(0, 1)
    return value * (np.float32(0.75) + np.float32(0.25) * posterior)
