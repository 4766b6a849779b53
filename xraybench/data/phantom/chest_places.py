"""Where things lie in a lung, and the soft outlines that they are drawn with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xraybench.data.phantom.chest_anatomy import CHEST_WALL, DIAPHRAGM, MEDIASTINUM
from xraybench.data.phantom.chest_maps import Maps
from xraybench.data.phantom.chest_textures import waves
from xraybench.data.phantom.shapes import Array, Points
from xraybench.data.phantom.view import Window

APEX = 108.0  # height up to which findings lie


def spot(maps: Maps, left: bool, across: float, level: float) -> tuple[float, float]:
    """A point of a lung: across from mediastinum (0) to chest wall (1), level from diaphragm (0) to apex (1)."""
    build = maps.build
    low = _at(DIAPHRAGM, 80) - build.breath - 9 * left
    y = low + level * (APEX - low)
    inner = _at(MEDIASTINUM, y) + (22 if y < 10 else 4) + (22 if left and y < -20 else 0)
    outer = _at(CHEST_WALL, y) - 6
    x = inner + across * (outer - inner)
    return (x if left else -x), y


def _at(knots: Points, position: float) -> float:
    first, second = np.array(knots).T
    return float(np.interp(position, first, second))


@dataclass(frozen=True)
class Near:
    """The samples about a point: their window, and coordinates dx, dy from the point in mm."""

    window: Window
    dx: Array
    dy: Array


def near(maps: Maps, at: tuple[float, float], reach: float) -> Near | None:
    """The samples within `reach` mm of a point; None where the image shows none."""
    x, y = at
    window = maps.view.window([(x + a, y + b) for a in (-reach, reach) for b in (-reach, reach)])
    if window is None:
        return None
    return Near(window, maps.x[window] - np.float32(x), maps.y[window] - np.float32(y))


def blob(spot: Near, half: tuple[float, float], rng: np.random.Generator, rough: float = 0.12) -> Array:
    """Distance [h,w] in mm inside a wavy ellipse about the point; rough: height of the waves as a share of its size."""
    u, v = spot.dx * np.float32(1 / half[0]), spot.dy * np.float32(1 / half[1])
    radius, angle = np.sqrt(u * u + v * v), np.arctan2(v, u)
    edge = np.ones_like(radius)
    for height, order, phase in waves(rng, 4):
        edge += np.float32(rough * height) * np.sin(np.float32(order) * angle + np.float32(phase))
    value: Array = (edge - radius) * np.float32(min(half))
    return value


def ramp(value: Array, width: float) -> Array:
    """0 at and below 0, 1 from `width` on, smooth in between."""
    t = (value * np.float32(1 / width)).clip(0, 1)
    share: Array = t * t * (3 - 2 * t)
    return share
