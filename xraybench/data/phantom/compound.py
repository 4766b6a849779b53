"""Shapes made of shapes: bones with lumps, and rings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import hypot

import numpy as np

from xraybench.data.phantom.anatomy import Placed
from xraybench.data.phantom.shapes import Array, Outline, Shaft, ellipse, smooth_max

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Joined:
    """Several shapes grown together over `blend` mm; the first, a shaft at its own origin, gives the axis."""

    parts: tuple[Placed, ...]
    blend: float = 4.0

    @cached_property
    def box(self) -> Box:
        """See `Shape`."""
        corners = [
            part.place(x, y)
            for part in self.parts
            for x in (part.shape.box[0], part.shape.box[2])
            for y in (part.shape.box[1], part.shape.box[3])
        ]
        x, y = zip(*corners, strict=True)
        return min(x), min(y), max(x), max(y)

    def axis(self, y: float) -> tuple[float, float]:
        """See `Shaft`."""
        shaft = self.parts[0].shape
        assert isinstance(shaft, Shaft)
        return shaft.axis(y)

    def inside(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Shape`; the rounding goes over from part to part where one begins to reach further than the other."""
        distance, rounding = self.parts[0].shape.inside(*self.parts[0].local(x, y))
        for part in self.parts[1:]:
            other, radius = (np.float32(part.scale) * value for value in part.shape.inside(*part.local(x, y)))
            weight = np.clip((other - distance) * np.float32(0.5 / self.blend) + np.float32(0.5), 0, 1)
            rounding = rounding + weight * (radius - rounding)
            distance = smooth_max(distance, other, self.blend)
        return distance, rounding


@dataclass(frozen=True)
class Ring:
    """An elliptical band about the origin, `half_width` to either side of half-axes (a, b), first order in the width.

    above: only where y is more than this share of b (-1: the whole ring); a rib is the upper part of a ring.
    """

    half_axes: tuple[float, float]
    half_width: float
    above: float = -2.0

    @cached_property
    def box(self) -> Box:
        """See `Shape`."""
        a, b = self.half_axes
        reach = self.half_width + 1
        return -a - reach, max(-b, self.above * b) - reach, a + reach, b + reach

    def inside(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Shape`."""
        a, b = (np.float32(axis) for axis in self.half_axes)
        radius = np.sqrt((x / a) ** 2 + (y / b) ** 2) + np.float32(1e-6)
        slope = np.sqrt((x / (a * a)) ** 2 + (y / (b * b)) ** 2) / radius + np.float32(1e-6)
        distance = np.float32(self.half_width) - np.abs((radius - 1) / slope)
        if self.above > -1:
            distance = np.minimum(distance, y - np.float32(self.above) * b)
        return distance, np.full_like(distance, self.half_width)


def lump(
    at: tuple[float, float], half: tuple[float, float], angle: float = 0.0, rounding: float | None = None
) -> Placed:
    """An elliptical knob of half-axes `half` in mm."""
    radius = rounding or 0.8 * min(half)
    return Placed(shape=Outline(ellipse(*half), rounding=radius), at=at, angle=angle)


def tube(start: tuple[float, float], end: tuple[float, float], *widths: float, blend: float = 1.0) -> Placed:
    """A body from start to end (mm) with the half-widths given at equal steps along it, and round ends."""
    length = hypot(end[0] - start[0], end[1] - start[1])
    places: Sequence[float] = np.linspace(0, length, max(len(widths), 2)).tolist()
    knots = tuple(zip(places, widths if len(widths) > 1 else widths * 2, strict=True))
    shape = Shaft(knots, top=(length, 0, -0.4 / widths[-1]), bottom=(0, 0, 0.4 / widths[0]), blend=blend)
    return Placed(shape=shape, at=start, angle=bearing(start, end))


def bearing(start: tuple[float, float], end: tuple[float, float]) -> float:
    """The turn (radians) that points a shape's +y from start to end."""
    return float(np.arctan2(start[0] - end[0], end[1] - start[1]))
