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
from xraybench.data.phantom.view import View, Window

Box = tuple[float, float, float, float]  # left, bottom, right, top in mm
Part = Callable[[Array, Array], Array]  # thickness [h,w] at the coordinates x, y of the samples within a box
Parts = tuple[tuple[Box, Part], ...]
ARM_BOXES: tuple[Box, ...] = ((-400, -400, -110, 98), (110, -400, 400, 98))
HEART_BOX: Box = (-75.0, -165.0, 130.0, 60.0)  # no heart without findings reaches out of it


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
    lung = np.maximum(_lung(wall, medial, above) - (beating + _thickest(view, great_vessels(build))), 0)
    soft = _trunk(build, x, y)
    for box in ARM_BOXES:
        _within(view, soft, box, lambda x, y: arms(build, x, y), np.maximum)
    soft = np.maximum(soft + np.float32(build.slant) * x * (soft > 0), 0)
    if build.bust:
        _breasts(build, view, soft)
    blank = np.zeros_like(soft)
    maps = Maps(
        build, view, x, y, soft, lung, lung * np.float32(AERATED), blank, blank.copy(), wall, medial, above, beating
    )  # fmt: skip
    _vascular(maps)
    _airways(maps)
    skeleton(maps)
    return maps


def _within(view: View, layer: Array, box: Box, part: Part, join: np.ufunc = np.add) -> None:
    """Join what `part` gives in a box alone to a layer [H,W], in place."""
    left, bottom, right, top = box
    window = view.window([(x, y) for x in (left, right) for y in (bottom, top)])
    if window is not None:
        join(layer[window], part(*(axis[window] for axis in view.body)), out=layer[window])


def _thickest(view: View, parts: Parts) -> Array:
    """The thickness [H,W] of parts that do not add up where they overlap."""
    layer = np.zeros_like(view.body[0])
    for box, part in parts:
        _within(view, layer, box, part, np.maximum)
    return layer


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


def great_vessels(build: Build) -> Parts:
    """The aorta's knob and descending part, the pulmonary trunk, the upper caval vein, the left subclavian vessels.

    The boxes leave room for 12 mm of turn to either side.
    """
    turn, wide = 0.5 * build.turn, 1 + 0.16 * max(0.0, (build.age - 40) / 40)
    return (
        ((-10, 24, 58, 72), lambda x, y: chord(ellipse(x, y, (24 + turn, 48), (18 * wide, 19 * wide)), 16.0, 20.0)),
        ((0, 0, 62, 34), lambda x, y: chord(ellipse(x, y, (31 + turn, 17), (18, 15), 0.4), 15.0, 16.0)),
        ((-44, -330, 6, 102), lambda x, y: _caval(x, y, turn - 19)),
        ((-8, 45, 46, 123), lambda x, y: chord(ellipse(x, y, (19 + turn, 84), (14, 38)), 14.0, 14.0)),
        ((-4, -330, 66, 48), lambda x, y: _descending(x, y, 20 - 0.3 * turn, 13.0 * wide)),
    )


def _caval(x: Array, y: Array, middle: float) -> Array:
    """Thickness [H,W] of the upper caval vein."""
    return chord(smooth_min(12 - np.abs(x - np.float32(middle)), 100 - y, 8.0), 12.0, 14.0)


def _descending(x: Array, y: Array, middle: float, radius: float) -> Array:
    """Thickness [H,W] of the aorta below its arch."""
    inside = radius - np.abs(x - np.float32(middle) + (y - 47) * np.float32(0.06))
    value: Array = np.where(y < 47, chord(inside, 13.0, 13.0), 0)
    return value


def _trunk(build: Build, x: Array, y: Array) -> Array:
    """Thickness [H,W] of trunk, neck and what joins the shoulders."""
    half = along(TORSO, y) + np.float32(build.stout)
    depth = along(TORSO_DEPTH, y) + np.float32(0.8 * build.stout)
    u = np.clip((half - np.abs(x)) / (np.float32(0.55) * half), 0, 1)
    value: Array = depth * 2 * np.sqrt(u * (2 - u))
    return value


def arms(build: Build, x: Array, y: Array) -> Array:
    """Thickness [H,W] of the upper arms, which hang outwards from the shoulders."""
    lean = np.float32(0.30 + 0.06 * build.jitter[31] - 0.18 * build.portable)
    axis = np.float32(205 + 0.8 * build.stout) + (60 - y) * lean
    half = np.float32(42 + 0.5 * build.stout)
    inside = smooth_min((half - np.abs(np.abs(x) - axis)) * np.float32(0.95), 96 - y, 20.0)
    return chord(inside, 40.0, 46.0)


def _breasts(build: Build, view: View, soft: Array) -> None:
    """Add the thickness of breasts to the body's, in place: round below, flat above."""
    low = -62 - 0.35 * build.bust + 5 * build.jitter[32]
    half = 52 + 0.4 * build.bust
    aside = 82 + 0.3 * build.bust

    def part(x: Array, y: Array) -> Array:
        up = y - np.float32(low)
        round_below = np.where(up > 0, up * np.float32(0.4), up)
        u, v = (np.abs(x) - np.float32(aside)) / half, round_below / half
        share = 1 - u * u - v * v
        there = share > 0
        steep = np.float32(1.3) + np.float32(2) * np.clip(v[there] + np.float32(0.3), 0, 1)
        value = np.zeros_like(x)
        value[there] = np.float32(0.85 * build.bust) * share[there] ** (0.5 * steep)
        return value

    _within(view, soft, (-aside - half, low - half, aside + half, low + 2.5 * half), part)


def _vascular(maps: Maps) -> None:
    """Vessels and the lung's fine texture, in place; worked out where there is lung."""
    build, pitch, at = maps.build, maps.view.pitch, np.flatnonzero(maps.lung)
    x, y, lung, wall, air = (layer.take(at) for layer in (maps.x, maps.y, maps.lung, maps.wall, maps.air))
    seen = np.clip(lung * np.float32(1 / 70), 0, 1)
    reach = np.clip(wall * np.float32(1 / 22), 0, 1)
    pattern = np.empty_like(air)
    for left in (False, True):
        half = np.flatnonzero((x > 0) == left)
        lateral = (x[half] if left else -x[half]) - np.float32(HILUM[0])
        height = y[half] - np.float32(HILUM[1] + 9 * left)
        angle, stretch = 0.06 * build.jitter[33 + left], 1 + 0.05 * build.jitter[35 + left]
        pattern[half] = vessels(build.trees[left], pitch, *turned(lateral, height, angle, stretch))
    solid = pattern * np.float32(3.2) * seen * (np.float32(0.35) + np.float32(0.65) * reach)
    air -= np.minimum(solid * np.float32(AERATED), air)
    grain = cloud(pitch, x + np.float32(9 * build.jitter[37]), y, "fine")
    uneven = cloud(pitch, x + np.float32(53 * build.jitter[21]), y + np.float32(47 * build.jitter[37]), "wide")
    air *= np.float32(build.aeration) - np.float32(0.012) * grain - np.float32(0.045) * uneven
    maps.air.reshape(-1)[at] = air


def _airways(maps: Maps) -> None:
    """Trachea, main bronchi and the stomach's gas: air where there was tissue, in place."""
    build, view = maps.build, maps.view
    maps.air += np.float32(0.8) * _thickest(view, bronchi(-2 + 0.3 * build.turn))
    if build.gas:
        half = 17 + 0.2 * build.gas
        at = 62 + 12 * build.jitter[39], -108 - build.breath - 0.7 * half + 4 * build.jitter[38]
        window = view.window([(at[0] + a, at[1] + b) for a in (-40, 40) for b in (-42, 42)])
        if window is not None:
            maps.air[window] += _gas(maps, window, at, half)


def bronchi(middle: float) -> Parts:
    """The air in the trachea, `middle` mm to the left, and the main bronchi; the boxes leave room for 8 mm of it."""
    fork = middle, 40.0
    return (
        ((-20, 33, 18, 330), lambda x, y: chord(_trachea(x, y, middle), 8.5, 8.5)),
        ((-40, 6, 14, 48), lambda x, y: chord(_tube(x, y, fork, (-32, 14), 6.5), 6.5, 6.0)),
        ((-18, 3, 51, 47), lambda x, y: chord(_tube(x, y, fork, (44, 10), 5.5), 5.5, 5.0)),
    )


def _trachea(x: Array, y: Array, middle: float) -> Array:
    """Distance [H,W] inside the trachea, which ends at the carina."""
    return smooth_min(8.5 - np.abs(x - np.float32(middle)), y - 34, 8.0)


def _gas(maps: Maps, window: Window, at: tuple[float, float], half: float) -> Array:
    """Thickness of the air in the stomach: close beneath the dome, over a level of fluid in who stands."""
    x, y = maps.x[window], maps.y[window]
    inside = smooth_min(ellipse(x, y, at, (34, half), -0.2), -maps.above[window] - np.float32(7), 5.0)
    air = chord(inside, 16.0, 0.5 * maps.build.gas)
    level = at[1] - 0.2 * half
    return air if maps.build.portable else air * np.clip((y - np.float32(level)) * np.float32(1 / 3), 0, 1)


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
