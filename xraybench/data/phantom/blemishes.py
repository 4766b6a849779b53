"""What changes the bone that carries it, beside fractures: hollows, lesions, growth plates, worn ends.

Lengths are mm in the bone's own coordinates. Each is a `Defect`: see anatomy.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin

import numpy as np

from xraybench.data.phantom.findings import line_profile, step
from xraybench.data.phantom.shapes import Array


@dataclass(frozen=True)
class Spot:
    """An elliptical area of half-axes `half` about `at` with another density, its border `soft` mm wide.

    loss: share of bone missing in it (negative: denser); rim: share of bone added along its border.
    """

    at: tuple[float, float]
    half: tuple[float, float]
    loss: float
    soft: float = 2.0
    rim: float = 0.0
    waves: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def outside(self, x: Array, y: Array) -> Array:
        """Distance [H,W] beyond the border, mm, first order; waves: (share, count, phase) make it uneven."""
        dx, dy = x - np.float32(self.at[0]), y - np.float32(self.at[1])
        a, b = self.half
        radius = np.sqrt((dx / np.float32(a)) ** 2 + (dy / np.float32(b)) ** 2)
        share, count, phase = self.waves
        if share:
            radius = radius - np.float32(share) * np.sin(np.float32(count) * np.arctan2(dy, dx) + np.float32(phase))
        value: Array = (radius - 1) * np.float32(min(a, b))
        return value

    def move(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Defect`: nothing moves."""
        return x, y

    def kept(self, x: Array, y: Array, inside: Array, pitch: float) -> Array:
        """See `Defect`: less or more of everything."""
        outside = self.outside(x, y)
        value: Array = 1 - np.float32(self.loss) * step(-outside, self.soft + pitch)
        if self.rim:
            value = value + np.float32(self.rim) * line_profile(outside - np.float32(0.8), 1.6, pitch)
        return value


@dataclass(frozen=True)
class Plate:
    """A growth plate across a bone at `y`: a wavy gap of `gap` mm between two dense lines. No finding."""

    y: float
    gap: float
    bend: float
    phase: float

    def move(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Defect`: nothing moves."""
        return x, y

    def kept(self, x: Array, y: Array, inside: Array, pitch: float) -> Array:
        """See `Defect`: cartilage, and the calcified borders."""
        wave = np.float32(0.5 * self.gap) * np.sin(x * np.float32(0.45) + np.float32(self.phase))
        distance = y - np.float32(self.y) - np.float32(self.bend) * x * x - wave
        border = line_profile(np.abs(distance) - np.float32(0.9 * self.gap), 0.7 * self.gap, pitch)
        value: Array = 1 - np.float32(0.8) * line_profile(distance, self.gap, pitch) + np.float32(0.3) * border
        return value


@dataclass(frozen=True)
class Worn:
    """A bone's end at a worn joint: it reaches `reach` mm further, and is denser over `deep` mm below its surface.

    at: the joint's middle; outward: the turn (radians) of the direction out of the bone, 0 along +y; half: half the
    length of the joint's line.
    """

    at: tuple[float, float]
    outward: float
    half: float
    reach: float
    dense: float
    deep: float

    def _along(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Distance [H,W] into the bone from the joint's line, and how near its middle (1 to 0)."""
        dx, dy = x - np.float32(self.at[0]), y - np.float32(self.at[1])
        c, s = np.float32(cos(self.outward)), np.float32(sin(self.outward))
        into, beside = s * dx - c * dy, c * dx + s * dy
        return into, step(np.float32(self.half * 1.1) - np.abs(beside), 0.5 * self.half)

    def move(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Defect`: the end is drawn out, less and less over four times `deep`."""
        into, near = self._along(x, y)
        by = np.float32(self.reach) * near * np.clip(1 - into * np.float32(1 / (4 * self.deep)), 0, 1)
        return x + by * np.float32(sin(self.outward)), y - by * np.float32(cos(self.outward))

    def kept(self, x: Array, y: Array, inside: Array, pitch: float) -> Array:
        """See `Defect`: sclerosis below the surface."""
        into, near = self._along(x, y)
        value: Array = 1 + np.float32(self.dense) * near * np.exp(-np.abs(into) * np.float32(1 / self.deep))
        return value
