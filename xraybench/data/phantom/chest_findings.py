"""Findings of the chest: each draws itself on the maps, in place, and returns the mask that a reader would outline.

A finding is a function `(maps, rng, grade) -> mask`, bool [H,W] at the maps' samples. Its draws do not depend on the
number of samples. Grades: what is missed by nobody, what takes a trained eye, what is missed by many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from scipy.ndimage import label

from xraybench.data.phantom.chest_maps import PARENCHYMA, Maps
from xraybench.data.phantom.chest_places import Near, blob, near, ramp, spot
from xraybench.data.phantom.chest_textures import cloud
from xraybench.data.phantom.shapes import Array, chord

Grade = Literal["obvious", "moderate", "subtle"]
GRADES: tuple[Grade, ...] = ("obvious", "moderate", "subtle")
Draw = Callable[[Maps, np.random.Generator, str], np.ndarray]
Range = tuple[float, float]


def graded(rng: np.random.Generator, grade: str, ranges: tuple[Range, Range, Range]) -> float:
    """A draw from the range of a grade (obvious, moderate, subtle)."""
    return float(rng.uniform(*ranges[GRADES.index(grade)]))


def nothing(maps: Maps) -> np.ndarray:
    """An empty mask."""
    return np.zeros(maps.x.shape, bool)


def largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of a mask [H,W]: a reader outlines one thing, not the crumbs that a rule leaves."""
    parts, count = label(mask)
    if count < 2:
        return mask
    kept: np.ndarray = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    return kept


def haze(maps: Maps, at: Near, inside: Array, strength: float, edge: float, clumps: float = 0.3) -> None:
    """Fluid in the airspaces, `strength` of the air within an outline, cloudy, fading over `edge` mm; in place."""
    share = np.float32(strength) * ramp(inside + np.float32(edge / 3), edge)
    share *= 1 + np.float32(clumps) * cloud(maps.view.pitch, maps.x[at.window], maps.y[at.window])
    maps.air[at.window] *= 1 - np.clip(share, 0, 0.95)


def solid(maps: Maps, at: Near, radius: float, thickness: float) -> None:
    """A ball (or disc) of soft tissue about a point, in place."""
    inside = np.float32(radius) - np.sqrt(at.dx * at.dx + at.dy * at.dy)
    gone = chord(inside, radius, thickness / 2) * np.float32(1 - PARENCHYMA)
    maps.air[at.window] -= np.minimum(gone, np.minimum(maps.air[at.window], maps.lung[at.window]))


def upper(rng: np.random.Generator) -> tuple[bool, float, float]:
    """Side, across and level of a place in the upper half of a lung, where tuberculosis prefers to settle."""
    return bool(rng.uniform() < 0.45), rng.uniform(0.12, 0.85), rng.uniform(0.35, 0.92)


def infiltrate(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """Patchy consolidation without a sharp border, mostly of an upper lobe."""
    half = graded(rng, grade, ((22, 34), (18, 28), (15, 23)))
    strength = graded(rng, grade, ((0.4, 0.56), (0.24, 0.35), (0.13, 0.19)))
    mask, place = nothing(maps), spot(maps, *upper(rng))
    at = near(maps, place, 1.7 * half)
    shape = half * rng.uniform(0.75, 1.1), half * rng.uniform(0.75, 1.1)
    if at:
        inside = blob(at, shape, rng, 0.16)
        haze(maps, at, inside, strength, 0.6 * half, 0.36)
        mask[at.window] = (inside > 0) & (maps.lung[at.window] > 15)
    return mask


def cavity(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """A ring of solid tissue around air, in a little haze."""
    radius = graded(rng, grade, ((22, 31), (17, 24), (12, 17)))
    wall = graded(rng, grade, ((6.0, 9.0), (4.2, 6.2), (2.6, 3.6)))
    strength = graded(rng, grade, ((0.2, 0.32), (0.12, 0.2), (0.05, 0.09)))
    mask, place = nothing(maps), spot(maps, *upper(rng))
    at = near(maps, place, 2.4 * radius)
    shape = radius * rng.uniform(0.85, 1.1), radius * rng.uniform(0.85, 1.1)
    if at:
        outer = blob(at, shape, rng, 0.05)
        inner = outer - np.float32(wall) * (1 + np.float32(0.2) * np.sin(np.arctan2(at.dy, at.dx) + rng.uniform(0, 6)))
        haze(maps, at, outer + 0.5 * radius, strength, 0.8 * radius)
        hole = chord(inner, radius - wall, 0.8 * (radius - wall))
        shell = chord(outer, radius, radius) - hole
        air, lung = maps.air[at.window], maps.lung[at.window]
        air -= np.minimum(shell * np.float32(1 - PARENCHYMA), np.minimum(air, lung))
        air += np.minimum(hole * np.float32(PARENCHYMA), np.maximum(lung - air, 0))
        mask[at.window] = (outer > -2.5) & (maps.lung[at.window] > 15)
    return mask


def effusion(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """Fluid that fills the pleural space from below and climbs along the chest wall."""
    left = bool(rng.uniform() < 0.5)
    height = graded(rng, grade, ((78, 120), (52, 74), (30, 44)))
    climb = rng.uniform(0.35, 0.5)
    side = maps.x > 0 if left else maps.x < 0
    corner = np.float32(-147 - maps.build.breath - 9 * left)
    wall = np.maximum(maps.wall, 0)
    surface = corner + np.float32(height) * (np.float32(1 - climb) + np.float32(climb) * np.exp(-wall / np.float32(22)))
    depth = np.where(side, surface - maps.y, np.float32(-50))
    maps.air -= np.float32(0.93) * ramp(depth + 4, 14) * np.minimum(maps.air, maps.lung)
    seen = (depth > -1) & side & (maps.wall > 0) & (maps.medial > 3) & (maps.above > -12) & (maps.heart < 40)
    return largest(seen)


def nodules(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """Several small round opacities, in the upper part of one lung or strewn over both."""
    count = round(graded(rng, grade, ((12, 20), (9, 14), (5, 7))))
    radius = graded(rng, grade, ((6.2, 8.6), (5.2, 6.8), (4.4, 5.4)))
    thick = graded(rng, grade, ((3.6, 4.4), (3.0, 3.6), (2.2, 2.8)))
    both, left, middle = rng.uniform() < 0.4, rng.uniform() < 0.5, rng.uniform(0.45, 0.8)
    mask = nothing(maps)
    for _ in range(count):
        across, level = rng.uniform(0.1, 0.92), middle + rng.normal(0, 0.3 if both else 0.13)
        lung = bool(rng.uniform() < 0.5) if both else bool(left)
        size = radius * rng.uniform(0.75, 1.25)
        place = spot(maps, lung, across, float(np.clip(level, 0.08, 0.95)))
        at = near(maps, place, size + 6)
        if at:
            solid(maps, at, size, thick * size)
            mask[at.window] |= (np.hypot(at.dx, at.dy) < size + 1.5) & (maps.lung[at.window] > 10)
    return mask


TB_FINDINGS: Mapping[str, Draw] = {
    "infiltrate": infiltrate,
    "cavity": cavity,
    "effusion": effusion,
    "nodules": nodules,
}
