"""Support devices in a chest: tubes, lines, a pacemaker, electrodes; each draws itself and returns its mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from xraybench.data.phantom.chest_findings import nothing
from xraybench.data.phantom.chest_maps import Maps
from xraybench.data.phantom.chest_places import near, ramp
from xraybench.data.phantom.shapes import segments

Point = tuple[float, float]


def wire(maps: Maps, points: Sequence[Point], radius: float, dense: float, hollow: bool = False) -> np.ndarray:
    """A smooth tube or wire through points; hollow: its wall shows more than its middle. Its mask is wider by 2 mm."""
    path = curve(points)
    pitch = maps.view.pitch
    wide = radius + max(2.0, 0.5 * pitch)
    mask = _about(maps, path, wide)
    at = np.flatnonzero(mask)
    away = segments(maps.x.take(at), maps.y.take(at), np.hstack((path[:-1], path[1:])).tolist())
    full = ((radius - away) / pitch + 0.5).clip(0, 1) * np.float32(min(1.0, 2 * radius / pitch))
    if hollow:
        full *= np.where(away < 0.6 * radius, np.float32(0.45), np.float32(1))
    maps.metal.reshape(-1)[at] += np.float32(dense) * full
    mask.reshape(-1)[at] = away < wide
    return mask


def _about(maps: Maps, path: np.ndarray, reach: float) -> np.ndarray:
    """The boxes about the pieces of a path, `reach` mm wider: bool [H,W]."""
    mask = nothing(maps)
    low, high = np.minimum(path[:-1], path[1:]) - reach, np.maximum(path[:-1], path[1:]) + reach
    for (left, bottom), (right, top) in zip(low.tolist(), high.tolist(), strict=True):
        window = maps.view.window([(x, y) for x in (left, right) for y in (bottom, top)])
        if window is not None:
            mask[window] = True
    return mask


def curve(points: Sequence[Point]) -> np.ndarray:
    """A smooth path [14,2] through points."""
    path: np.ndarray = _weights(len(points)) @ np.array(points, float)
    return path


@cache
def _weights(count: int) -> np.ndarray:
    """The cubic spline through `count` points, as the weights [14,count] of the points in 14 places along it."""
    from scipy.interpolate import CubicSpline

    weights: np.ndarray = CubicSpline(np.arange(count), np.eye(count))(np.linspace(0, count - 1, 14))
    return weights


def pacemaker(maps: Maps, rng: np.random.Generator) -> np.ndarray:
    """A generator below the left collar bone, its leads into the right atrium and ventricle."""
    x, y, turn = 98 + rng.normal(0, 6), 52 + rng.normal(0, 6), maps.build.turn
    tip = 18 + turn + rng.normal(0, 5), -84 + rng.normal(0, 5) - 0.6 * maps.build.breath
    mask = wire(maps, ((x - 6, y + 14), (62, 72), (12, 58), (-20, 30), (-24, -30), (-4, -72), tip), 0.8, 0.8)
    mask |= wire(maps, ((x, y + 14), (60, 75), (10, 60), (-18, 34), (-26, -8), (-20, -30)), 0.8, 0.8)
    at = near(maps, (x, y), 30)
    if at:
        box = np.maximum(np.abs(at.dx) / 22, np.abs(at.dy) / 18)
        round_ = 20 - np.hypot(np.maximum(np.abs(at.dx) - 6, 0), np.abs(at.dy))
        inside = np.minimum(round_, 20 * (1.05 - box))
        inner = ramp(9 - np.maximum(np.abs(at.dx), np.abs(at.dy + 3) * np.float32(1.4)), 2)
        maps.metal[at.window] += np.float32(1.5) * ramp(inside, 2) + np.float32(0.8) * inner
        mask[at.window] |= inside > -1.5
    return mask


def central_line(maps: Maps, rng: np.random.Generator) -> np.ndarray:
    """A catheter from the neck or below the collar bone into the upper caval vein."""
    start = (-52.0, 150.0) if rng.uniform() < 0.5 else (-120.0, 88.0)
    tip = -22 + 0.6 * maps.build.turn + rng.normal(0, 2), rng.uniform(-18, 22)
    return wire(maps, (start, (-42, 98), (-25, 66), tip), 1.1, 0.5)


def airway_tube(maps: Maps, rng: np.random.Generator) -> np.ndarray:
    """A tube in the trachea that ends above the carina."""
    x, tip = -2 + 0.3 * maps.build.turn, rng.uniform(58, 84)
    return wire(maps, ((x + rng.normal(0, 4), 210), (x, 130), (x + rng.normal(0, 1.5), tip)), 4.2, 0.4, hollow=True)


def stomach_tube(maps: Maps, rng: np.random.Generator) -> np.ndarray:
    """A tube through the gullet into the stomach."""
    end = 66 + rng.normal(0, 10), -158 + rng.normal(0, 8)
    return wire(maps, ((4, 210), (3, 90), (5, -20), (14, -104), (40, -140), end), 1.9, 0.5)


def drain(maps: Maps, rng: np.random.Generator) -> np.ndarray:
    """A drain through the chest wall into the pleural space."""
    side = 1 if rng.uniform() < 0.5 else -1
    return wire(maps, ((side * 190, -96), (side * 138, -62), (side * 112, 0), (side * 84, 62)), 3.4, 0.5, hollow=True)


def electrodes(maps: Maps, rng: np.random.Generator) -> np.ndarray:
    """Electrodes on the skin and their wires."""
    mask = nothing(maps)
    for x, y in ((-112, 66), (110, 62), (118, -92)):
        px, py = x + rng.normal(0, 12), y + rng.normal(0, 12)
        mask |= wire(maps, ((px, py), (0.6 * px + rng.normal(0, 20), py - 60), (rng.normal(0, 30), -230)), 0.9, 0.6)
        at = near(maps, (px, py), 11)
        if at:
            away = np.hypot(at.dx, at.dy)
            maps.metal[at.window] += np.float32(1.1) * ramp(6 - np.abs(away - 1), 2)
            mask[at.window] |= away < 8.5
    return mask


DEVICES: tuple[Callable[[Maps, np.random.Generator], np.ndarray], ...] = (
    pacemaker, central_line, airway_tube, stomach_tube, drain, electrodes,
)  # fmt: skip


def devices(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """One to three devices; a hard grade has but one thin line."""
    count = {"obvious": 3, "moderate": 2, "subtle": 1}[grade]
    choice = rng.permutation(len(DEVICES))[:count] if grade != "subtle" else [int(rng.choice((1, 2, 3)))]
    mask = nothing(maps)
    for number in choice:
        mask |= DEVICES[int(number)](maps, rng)
    return mask
