"""From a build to thickness maps: the trunk, the lungs with heart, vessels and airways, what lies below them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xraybench.data.phantom.chest_anatomy import (
    CHEST_WALL,
    DIAPHRAGM,
    HILUM,
    LUNG_DEPTH,
    MEDIASTINUM,
    TORSO,
    TORSO_DEPTH,
    Build,
)
from xraybench.data.phantom.chest_bones import skeleton
from xraybench.data.phantom.chest_maps import AERATED, Maps, ellipse
from xraybench.data.phantom.chest_textures import cloud, turned, vessels
from xraybench.data.phantom.shapes import Array, along, chord, smooth_max, smooth_min
from xraybench.data.phantom.view import View

HEART_BOX = (-75.0, -165.0, 130.0, 60.0)  # left, bottom, right, top in mm: no heart without findings reaches out of it
VESSELS_BOX = (-52.0, -330.0, 64.0, 126.0)
AIRWAYS_BOX = (-48.0, -4.0, 56.0, 330.0)


def body(build: Build, view: View) -> Maps:
    """The thickness maps of a chest without findings, at the samples of a view in mm of the tables."""
    x, y = view.body
    side = np.abs(x)
    left = x > 0
    wall = _wall(build, side, y)
    above = y - dome(build, side, left)
    medial = side - along(MEDIASTINUM, y)
    beating = np.zeros_like(x)
    _within(view, beating, HEART_BOX, lambda x, y: heart(build, x, y, build.heart))
    solid = beating.copy()
    _within(view, solid, VESSELS_BOX, lambda x, y: _great_vessels(build, x, y))
    lung = np.maximum(_lung(wall, medial, above) - solid, 0)
    soft = _trunk(build, x, y)
    soft = np.maximum(soft + np.float32(build.slant) * x * (soft > 0), 0)
    if build.bust:
        soft += _breasts(build, side, y)
    blank = np.zeros_like(soft)
    maps = Maps(
        build, view, x, y, soft, lung, lung * np.float32(AERATED), blank, blank.copy(), wall, medial, above, beating
    )  # fmt: skip
    _vascular(maps)
    _airways(maps)
    skeleton(maps)
    return maps


def _within(view: View, layer: Array, box: tuple[float, float, float, float], part: Callable[..., Array]) -> None:
    """Add what `part` gives at coordinates x, y, in a box (left, bottom, right, top) alone; in place."""
    left, bottom, right, top = box
    window = view.window([(x, y) for x in (left, right) for y in (bottom, top)])
    if window is not None:
        layer[window] += part(*(axis[window] for axis in view.body))


def _wall(build: Build, side: Array, y: Array) -> Array:
    """Distance [H,W] inside the rib cage: first order in the slope of the wall."""
    half = along(CHEST_WALL, y)
    top = np.float32(121) - y - side * side * np.float32(0.006)
    slant = along(WALL_SLANT, y)
    value: Array = smooth_min((half - side) * slant, top, 14.0)
    return value


WALL_SLANT = tuple(
    (y, float(1 / np.hypot(1, (w1 - w0) / (y1 - y0))))
    for (y0, w0), (y1, w1), y in zip(CHEST_WALL, CHEST_WALL[1:], (p[0] for p in CHEST_WALL), strict=False)
)  # the cosine of the wall's slope, by height


def dome(build: Build, side: Array, left: np.ndarray) -> Array:
    """Height [H,W] of the diaphragm: the left one lies lower."""
    height = along(DIAPHRAGM, side) - np.float32(build.breath)
    lower = np.where(left, np.float32(9 + 3 * build.jitter[30]), np.float32(0))
    value: Array = height - lower
    return value


def _lung(wall: Array, medial: Array, above: Array) -> Array:
    """Thickness [H,W] of the lungs along the beam: round towards the wall, behind and before the diaphragm's dome."""
    across = chord(wall, 52.0, 0.5)
    inner = chord(medial, 40.0, 0.5)
    below = 1 - 0.93 * chord(-above, 30.0, 0.5)
    behind = np.clip((above + 75) * np.float32(1 / 60), 0, 1)
    value: Array = np.float32(2 * LUNG_DEPTH) * across * inner * below * behind
    return value


def heart(build: Build, x: Array, y: Array, size: float) -> Array:
    """Thickness [H,W] of a heart of `size` (1: half the thorax) that lies on the diaphragm."""
    turn, low = build.turn, build.breath
    main = ellipse(
        x, y, (20 + turn + 44 * (size - 1), -64 - 0.7 * low - 12 * (size - 1)), (78 * size, 44 * size), -0.62
    )
    right = ellipse(x, y, (-1 + turn, -58 - 0.6 * low), (37 * size, 70), 0.04)
    outflow = ellipse(x, y, (13 + 0.6 * turn, -8 - 0.3 * low), (32 * size**0.5, 42), 0.1)
    inside = smooth_max(smooth_max(main, right, 16.0), outflow, 18.0)
    return chord(inside, 44.0 * size, 47.0 * size)


def _great_vessels(build: Build, x: Array, y: Array) -> Array:
    """Thickness [H,W] of aorta, its arch and the upper caval vein."""
    turn = 0.5 * build.turn
    wide = 1 + 0.16 * max(0.0, (build.age - 40) / 40)
    knob = chord(ellipse(x, y, (24 + turn, 48), (18 * wide, 19 * wide)), 16.0, 20.0)
    descending = np.where(
        y < 47,
        chord(13.0 * wide - np.abs(x - np.float32(20 - 0.3 * turn) + (y - 47) * np.float32(0.06)), 13.0, 13.0),
        0,
    )
    caval = chord(smooth_min(12 - np.abs(x + np.float32(19 - turn)), 100 - y, 8.0), 12.0, 14.0)
    subclavian = chord(ellipse(x, y, (19 + turn, 84), (14, 38)), 14.0, 14.0)
    trunk = chord(ellipse(x, y, (31 + turn, 17), (18, 15), 0.4), 15.0, 16.0)
    value: Array = np.maximum(np.maximum(knob, trunk), np.maximum(np.maximum(caval, subclavian), descending))
    return value


def _trunk(build: Build, x: Array, y: Array) -> Array:
    """Thickness [H,W] of trunk, shoulders and neck."""
    half = along(TORSO, y) + np.float32(build.stout)
    depth = along(TORSO_DEPTH, y) + np.float32(0.8 * build.stout)
    u = np.clip((half - np.abs(x)) / (np.float32(0.55) * half), 0, 1)
    trunk = depth * 2 * np.sqrt(u * (2 - u))
    arms = _arms(build, np.abs(x), y)
    value: Array = np.maximum(trunk, arms)
    return value


def _arms(build: Build, side: Array, y: Array) -> Array:
    """The upper arms hang outwards from the shoulders."""
    lean = np.float32(0.30 + 0.06 * build.jitter[31] - 0.18 * build.portable)
    axis = np.float32(205 + 0.8 * build.stout) + (60 - y) * lean
    half = np.float32(42 + 0.5 * build.stout)
    inside = smooth_min((half - np.abs(side - axis)) * np.float32(0.95), 96 - y, 20.0)
    return chord(inside, 40.0, 46.0)


def _breasts(build: Build, side: Array, y: Array) -> Array:
    """Thickness [H,W] that breasts add: round below, flat above."""
    low = -62 - 0.35 * build.bust + 5 * build.jitter[32]
    half = 52 + 0.4 * build.bust
    up = y - np.float32(low)
    round_below = np.where(up > 0, up * np.float32(0.4), up)
    u, v = (side - np.float32(82 + 0.3 * build.bust)) / half, round_below / half
    steep = np.float32(1.3) + np.float32(2) * np.clip(v + np.float32(0.3), 0, 1)
    value: Array = np.float32(0.85 * build.bust) * np.maximum(1 - u * u - v * v, 0) ** (0.5 * steep)
    return value


def _vascular(maps: Maps) -> None:
    """Vessels and the lung's fine texture, in place."""
    build, seen = maps.build, np.clip(maps.lung * np.float32(1 / 70), 0, 1)
    reach = np.clip(maps.wall * np.float32(1 / 22), 0, 1)
    pattern = np.zeros_like(maps.air)
    for left in (False, True):
        half = maps.x > 0 if left else maps.x <= 0
        columns = np.flatnonzero(half.any(0))
        if len(columns):
            part = slice(columns[0], columns[-1] + 1)
            lateral = (maps.x[:, part] if left else -maps.x[:, part]) - np.float32(HILUM[0])
            height = maps.y[:, part] - np.float32(HILUM[1] + 9 * left)
            angle, stretch = 0.06 * build.jitter[33 + left], 1 + 0.05 * build.jitter[35 + left]
            drawn = vessels(build.trees[left], maps.view.pitch, *turned(lateral, height, angle, stretch))
            pattern[:, part] += drawn * half[:, part]
    maps.displace(pattern * np.float32(3.2) * seen * (np.float32(0.35) + np.float32(0.65) * reach))
    grain = cloud(maps.view.pitch, maps.x + np.float32(9 * build.jitter[37]), maps.y, "fine")
    places = maps.x + np.float32(53 * build.jitter[21]), maps.y + np.float32(47 * build.jitter[37])
    uneven = cloud(maps.view.pitch, *places, "wide")
    maps.air *= np.float32(build.aeration) - np.float32(0.012) * grain - np.float32(0.045) * uneven


def _airways(maps: Maps) -> None:
    """Trachea, main bronchi and the stomach's gas: air where there was tissue, in place."""
    build = maps.build
    _within(maps.view, maps.air, AIRWAYS_BOX, lambda x, y: 0.8 * _bronchi(x, y, -2 + 0.3 * build.turn))
    if build.gas:
        x, y = 62 + 12 * build.jitter[39], -152 - build.breath + 4 * build.jitter[38]
        bubble = np.zeros_like(maps.air)
        _within(maps.view, bubble, (x - 40, y - 42, x + 40, y + 42), lambda a, b: _gas(a, b, (x, y), build.gas))
        maps.air += bubble * np.clip((-maps.above - 6) * np.float32(1 / 8), 0, 1)


def _bronchi(x: Array, y: Array, middle: float) -> Array:
    """Thickness [H,W] of the air in trachea and main bronchi."""
    trachea = smooth_min(8.5 - np.abs(x - np.float32(middle)), y - 34, 8.0)
    right = _tube(x, y, (middle, 40), (-32, 14), 6.5)
    left = _tube(x, y, (middle, 40), (44, 10), 5.5)
    value: Array = np.maximum(np.maximum(chord(trachea, 8.5, 8.5), chord(right, 6.5, 6.0)), chord(left, 5.5, 5.0))
    return value


def _gas(x: Array, y: Array, at: tuple[float, float], depth: float) -> Array:
    """Thickness [H,W] of the air in the stomach."""
    return chord(ellipse(x, y, at, (32, 17 + 0.2 * depth), -0.2), 16.0, 0.5 * depth)


def _tube(x: Array, y: Array, start: tuple[float, float], end: tuple[float, float], radius: float) -> Array:
    """Distance [H,W] inside a straight tube."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    t = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy), 0, 1).astype(np.float32)
    value: Array = radius - np.hypot(x - np.float32(start[0]) - t * dx, y - np.float32(start[1]) - t * dy)
    return value


def lungs(maps: Maps) -> np.ndarray:
    """The lungs as a reader outlines them, bool [H,W]: above the diaphragm, without heart and mediastinum."""
    clear = (maps.wall > 1) & (maps.above > 0) & (maps.medial > 4) & (maps.lung > 25)
    mask: np.ndarray = clear
    return mask
