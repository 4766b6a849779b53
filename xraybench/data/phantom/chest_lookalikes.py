"""What looks like a finding in a chest and is none; drawn in normal and abnormal radiographs alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from xraybench.data.phantom.chest_findings import Draw, nothing, solid
from xraybench.data.phantom.chest_maps import Maps
from xraybench.data.phantom.chest_places import near, ramp, spot
from xraybench.data.phantom.shapes import chord


def nipples(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """Two small soft discs at one height over the lower lungs: on the skin, so that lung is not displaced."""
    aside, height = rng.uniform(84, 100), rng.uniform(-74, -50)
    radius, thick = rng.uniform(4.2, 5.6), rng.uniform(8, 13)
    for sign in (-1, 1):
        at = near(maps, (sign * aside + rng.normal(0, 4), height + rng.normal(0, 4)), radius + 3)
        if at:
            inside = np.float32(radius) - np.hypot(at.dx, at.dy)
            maps.soft[at.window] += np.float32(thick) * ramp(inside, 2.0)
    return nothing(maps)


def granuloma(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """An old calcified granuloma: far smaller and denser than a nodule, sharply cut."""
    for _ in range(int(rng.integers(1, 4))):
        radius = rng.uniform(1.5, 2.6)
        at = near(maps, spot(maps, bool(rng.uniform() < 0.5), rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9)), 5)
        if at:
            maps.bone[at.window] += np.float32(1.5) * chord(radius - np.hypot(at.dx, at.dy), radius, radius)
    return nothing(maps)


def vessel_end(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """A vessel seen end-on beside the ring of its bronchus, near a hilum."""
    left, radius = bool(rng.uniform() < 0.5), rng.uniform(3.0, 4.2)
    x, y = spot(maps, left, rng.uniform(0.16, 0.34), rng.uniform(0.42, 0.66))
    at, beside = near(maps, (x, y), 9), near(maps, (x + 2.2 * radius, y + rng.normal(0, 2)), 9)
    if at and beside:
        solid(maps, at, radius, 7.0 * radius)
        ring = np.abs(np.hypot(beside.dx, beside.dy) - np.float32(radius))
        gone = np.float32(5) * np.clip(1.6 - ring, 0, 1)
        maps.air[beside.window] = np.maximum(maps.air[beside.window] - gone, 0)
    return nothing(maps)


def companion(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """A band of soft tissue that follows the chest wall at the apex, below the second rib."""
    thick, wide = rng.uniform(14, 22), rng.uniform(5, 8)
    window = maps.view.window([(x, y) for x in (-125, 125) for y in (62, 124)])
    if window is not None:
        band = chord(wide / 2 - np.abs(maps.wall[window] - np.float32(wide)), wide / 2, thick / 2)
        maps.soft[window] += band * ramp(maps.y[window] - 62, 16)
    return nothing(maps)


def cartilage(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """Lumpy calcification where the first ribs turn into cartilage."""
    for sign in (-1, 1):
        for _ in range(5):
            at = near(maps, (sign * (42 + rng.normal(0, 5)), 50 + rng.normal(0, 5)), 7)
            radius = rng.uniform(2.0, 4.0)
            if at:
                maps.bone[at.window] += np.float32(0.8) * chord(radius - np.hypot(at.dx, at.dy), radius, radius)
    return nothing(maps)


LOOK_ALIKES: Mapping[str, Draw] = {
    "nipples": nipples,
    "granuloma": granuloma,
    "vessel end-on": vessel_end,
    "companion shadow": companion,
    "rib cartilage": cartilage,
}
