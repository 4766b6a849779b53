"""Patterns of the lung, drawn once a process and sampled where they are needed: vessel trees and clouds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import cos, pi, radians, sin

import numpy as np
from scipy.ndimage import gaussian_filter

from xraybench.data.phantom.shapes import Array, chord
from xraybench.identity import seed_of

TILE = 512  # samples along a side, a power of 2
TREE_PITCH = 0.75  # mm a sample of a vessel tree
CLOUD_PITCH = 0.8
TREES = 6  # different vessel trees
THINNEST = 0.7  # mm: vessels of a smaller radius are not drawn
TRUNKS = (  # angle from lateral (degrees, up is positive) and radius (mm) of the vessels that leave a hilum
    (78, 4.4), (58, 4.2), (35, 3.4), (14, 3.2), (-8, 3.4), (-30, 4.0), (-48, 4.8), (-63, 5.4), (-76, 5.6), (-88, 4.6),
)  # fmt: skip


def sampled(tile: Array, pitch: float, x: Array, y: Array) -> Array:
    """The value [H,W] of an endless tile of `pitch` mm a sample at coordinates x, y in mm; (0, 0) is its middle."""
    per_mm = np.float32(1 / pitch)
    middle = np.float32(64 * TILE + TILE // 2)
    column = (x * per_mm + middle).astype(np.intp) & (TILE - 1)
    row = (y * per_mm + middle).astype(np.intp) & (TILE - 1)
    value: Array = tile.take(row * TILE + column)
    return value


def coarseness(pitch: float, tile_pitch: float) -> int:
    """How coarsely samples `pitch` mm apart see a tile, in steps of the square root of 2."""
    return round(2.0 * float(np.log2(max(pitch / tile_pitch, 0.5))))


def vessels(number: int, pitch: float, x: Array, y: Array) -> Array:
    """Thickness [H,W] in mm of vessel tree `number` at x (lateral) and y (up) from the hilum."""
    return sampled(_tree(number, coarseness(pitch, TREE_PITCH)), TREE_PITCH, x, y)


def cloud(pitch: float, x: Array, y: Array, kind: str = "patchy") -> Array:
    """Cloudy noise [H,W], mean 0 and deviation 1 where resolved; kind: "patchy", "fine" or "wide" blots."""
    return sampled(_cloud(kind, coarseness(pitch, CLOUD_PITCH)), CLOUD_PITCH, x, y)


@dataclass(frozen=True)
class Twig:
    """A straight piece of a vessel: where it starts (mm), its direction (radians), radius and length (mm)."""

    x: float
    y: float
    angle: float
    radius: float
    length: float

    @property
    def end(self) -> tuple[float, float]:
        return self.x + self.length * cos(self.angle), self.y + self.length * sin(self.angle)


def grown(rng: np.random.Generator) -> list[Twig]:
    """A tree: trunks that leave the hilum, thin, bend and give off side branches."""
    waiting = []
    for angle, radius in TRUNKS:
        start = radians(angle + rng.normal(0, 6))
        waiting.append(Twig(rng.normal(0, 3), rng.normal(0, 5), start, radius * rng.uniform(0.75, 1.15), 12))
    made: list[Twig] = []
    while waiting:
        twig = waiting.pop()
        made.append(twig)
        waiting += [branch for branch in _branches(twig, rng) if branch.radius >= THINNEST]
    return made


def _branches(twig: Twig, rng: np.random.Generator) -> list[Twig]:
    (x, y), angle, radius = twig.end, twig.angle, twig.radius
    side = 1 if rng.uniform() < 0.5 else -1
    bend = rng.normal(0, 0.13)
    on = radius * rng.uniform(0.84, 0.94)
    branches = [Twig(x, y, angle + bend, on, rng.uniform(4, 9))]
    if rng.uniform() < 0.62:
        off = angle + side * rng.uniform(0.35, 0.95)
        branches.append(Twig(x, y, off, radius * rng.uniform(0.45, 0.75), rng.uniform(4, 9)))
    return branches


@cache
def _tree(number: int, coarse: int) -> Array:
    """Thickness of a vessel tree, smoothed to be sampled at 2^(coarse/2) steps."""
    if coarse > -2:
        smooth: Array = gaussian_filter(_tree(number, -2), 0.45 * 2 ** (coarse / 2), mode="wrap")
        return smooth
    tile = np.zeros((TILE, TILE), np.float32)
    ruler = (np.arange(TILE, dtype=np.float32) - TILE // 2) * np.float32(TREE_PITCH)
    for twig in grown(np.random.default_rng(seed_of("chest vessels", number))):
        _draw(tile, ruler, twig)
    return tile


def _draw(tile: Array, ruler: Array, twig: Twig) -> None:
    """Add a twig to the tile in place; where vessels cross, the thicker one counts."""
    (x1, y1), margin = twig.end, twig.radius + TREE_PITCH
    columns = slice(*np.searchsorted(ruler, (min(twig.x, x1) - margin, max(twig.x, x1) + margin)))
    rows = slice(*np.searchsorted(ruler, (min(twig.y, y1) - margin, max(twig.y, y1) + margin)))
    dx, dy = ruler[None, columns] - twig.x, ruler[rows, None] - twig.y
    along = np.clip(dx * cos(twig.angle) + dy * sin(twig.angle), 0, twig.length)
    distance = np.hypot(dx - along * cos(twig.angle), dy - along * sin(twig.angle))
    thickness = chord(twig.radius - distance, twig.radius, twig.radius).astype(np.float32)
    np.maximum(tile[rows, columns], thickness, out=tile[rows, columns])


@cache
def _cloud(kind: str, coarse: int) -> Array:
    rng = np.random.default_rng(seed_of("chest cloud", kind))
    scales = {"patchy": ((2.5, 0.5), (5.0, 1.0), (10.0, 1.0)), "fine": ((0.9, 1.0), (2.0, 1.0), (5.0, 0.7)),
              "wide": ((14.0, 0.6), (28.0, 1.0))}[kind]  # fmt: skip
    pattern = np.zeros((TILE, TILE))
    for scale, weight in scales:
        layer = gaussian_filter(rng.standard_normal((TILE, TILE)), scale / CLOUD_PITCH, mode="wrap")
        pattern += weight * layer / layer.std()
    pattern = (pattern - pattern.mean()) / pattern.std()
    tile: Array = gaussian_filter(pattern, 0.45 * 2 ** (coarse / 2), mode="wrap").astype(np.float32)
    return tile


def turned(x: Array, y: Array, angle: float, stretch: float) -> tuple[Array, Array]:
    """Coordinates turned by `angle` (radians) and stretched: the same tree looks another."""
    c, s = np.float32(cos(angle) / stretch), np.float32(sin(angle) / stretch)
    return c * x + s * y, c * y - s * x


def waves(rng: np.random.Generator, count: int) -> tuple[tuple[float, float, float], ...]:
    """Amplitude (about 1), frequency (1, 2, ...) and phase of the waves of a wavy closed outline."""
    return tuple(
        (float(rng.normal(0, 0.6 / order**0.5)), float(order), float(rng.uniform(0, 2 * pi)))
        for order in range(2, 2 + count)
    )
