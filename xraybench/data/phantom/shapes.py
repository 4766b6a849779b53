"""Flat shapes as inside distances, and the thickness of the rounded solids over them.

A shape answers `inside(x, y)`: how far a point lies inside its outline (mm, negative outside) and the radius with
which the solid rounds off towards the outline. All coordinates are millimetres, so the number of pixels is a matter of
sampling alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Points = tuple[tuple[float, float], ...]

TABLE = 2048  # entries of a tabulated curve: steps far below any pixel


class Shape(Protocol):
    """An outline in its own coordinates; `box` (left, bottom, right, top) holds it and what may be moved out of it."""

    @property
    def box(self) -> tuple[float, float, float, float]: ...
    def inside(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Inside distance and rounding radius, both [H,W] in mm, at coordinates x, y [H,W]."""
        ...


def smooth_min(a: Array, b: Array, blend: float) -> Array:
    """Minimum of two distances, rounded over `blend` mm (Quilez's quadratic polynomial)."""
    gap = np.maximum(blend - np.abs(a - b), 0)
    value: Array = np.minimum(a, b) - gap * gap * np.float32(0.25 / blend)
    return value


def smooth_max(a: Array, b: Array, blend: float) -> Array:
    """Maximum of two distances, rounded over `blend` mm."""
    gap = np.maximum(blend - np.abs(a - b), 0)
    value: Array = np.maximum(a, b) + gap * gap * np.float32(0.25 / blend)
    return value


def chord(inside: Array, rounding: Array | float, depth: Array | float) -> Array:
    """Thickness [H,W] of a solid of half-depth `depth` that rounds off elliptically over `rounding` mm.

    With the rounding equal to a tube's radius this is the chord of a cylinder, 2 sqrt(R^2 - x^2) for depth R.
    """
    u = (inside / rounding).clip(0, 1)  # the method takes half the time of np.clip on few samples
    thickness: Array = 2 * depth * np.sqrt(u * (2 - u))
    return thickness


@lru_cache(maxsize=4096)
def _curve(knots: Points) -> Array:
    """A monotone-preserving curve through (position, value) knots, tabulated from the first to the last position."""
    from scipy.interpolate import PchipInterpolator  # half a second, which plans need not wait for

    position, value = np.array(knots).T
    curve: Array = PchipInterpolator(position, value)(np.linspace(position[0], position[-1], TABLE)).astype(np.float32)
    return curve


def along(knots: Points, position: Array) -> Array:
    """The tabulated curve at `position`; constant beyond its ends."""
    first, last = knots[0][0], knots[-1][0]
    index = (position - np.float32(first)) * np.float32((TABLE - 1) / (last - first))
    value: Array = _curve(knots).take(index.astype(np.intp), mode="clip")
    return value


@dataclass(frozen=True)
class Shaft:
    """A long body along y: half-width by knots (y, mm), bow (y, centre line x), and where it ends.

    The ends are parabolas (height, slope, curvature) of x; None runs on beyond the image. `blend` rounds the corners.
    """

    widths: Points
    top: tuple[float, float, float] | None = None
    bottom: tuple[float, float, float] | None = None
    bow: Points | None = None
    blend: float = 2.5

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """See `Shape`: room on both sides for a fragment's shift."""
        half = 1.9 * max(width for _, width in self.widths) + 1.5
        return -half, self.widths[0][0] - 2, half, self.widths[-1][0] + 2

    def axis(self, y: float) -> tuple[float, float]:
        """The centre line's x and the half-width at y."""
        at = np.array(y, np.float32)
        return float(along(self.bow, at)) if self.bow else 0.0, float(along(self.widths, at))

    def inside(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Shape`; the rounding radius is the half-width at y, so that the body is a tube."""
        width = along(self.widths, y)
        centred = x - along(self.bow, y) if self.bow else x
        distance: Array = width - np.abs(centred)
        if self.top:
            distance = smooth_min(distance, parabola(self.top, x) - y, self.blend)
        if self.bottom:
            distance = smooth_min(distance, y - parabola(self.bottom, x), self.blend)
        return distance, width


def parabola(coefficients: tuple[float, float, float], x: Array) -> Array:
    """height + slope x + curvature x^2."""
    height, slope, curvature = (np.float32(value) for value in coefficients)
    value: Array = height + x * (slope + curvature * x)
    return value


@dataclass(frozen=True)
class Outline:
    """A closed smooth outline through `points` (x, y in mm), star-shaped about the mean of its points.

    `cut`: a parabola (height, slope, curvature) of x, below which the shape ends.
    """

    points: Points
    rounding: float = 4.0
    cut: tuple[float, float, float] | None = None

    @cached_property
    def centre(self) -> tuple[float, float]:
        """The point about which the outline is star-shaped."""
        x, y = zip(*self.points, strict=True)
        return sum(x) / len(x), sum(y) / len(y)

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """See `Shape`."""
        x, y = zip(*self.points, strict=True)
        return min(x) - 1.5, min(y) - 1.5, max(x) + 1.5, max(y) + 1.5

    def inside(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Shape`; the distance is first order in the gap to the outline."""
        cx, cy = self.centre
        across, upward = x - np.float32(cx), y - np.float32(cy)
        angle = np.arctan2(upward, across) + np.float32(np.pi)
        index = np.minimum(angle * np.float32(TABLE / (2 * np.pi)), TABLE - 1).astype(np.int32)
        radius, slant = _polar(self.points)
        distance: Array = (radius[index] - np.sqrt(across * across + upward * upward)) * slant[index]
        if self.cut:
            distance = smooth_min(distance, y - parabola(self.cut, x), 1.5)
        return distance, np.float32(self.rounding) * np.ones_like(distance)


@lru_cache(maxsize=4096)
def _polar(points: Points) -> tuple[Array, Array]:
    """The outline as radius by angle from -pi to pi, and the cosine of its slant to the circle."""
    from scipy.interpolate import PchipInterpolator
    from scipy.ndimage import gaussian_filter1d

    xy = np.array(points) - np.mean(points, axis=0)
    angle, radius = np.arctan2(xy[:, 1], xy[:, 0]), np.hypot(xy[:, 0], xy[:, 1])
    order = np.argsort(angle)
    angle, radius = angle[order], radius[order]
    turns = np.concatenate([angle - 2 * np.pi, angle, angle + 2 * np.pi])
    at = np.linspace(-np.pi, np.pi, TABLE, endpoint=False)
    r = gaussian_filter1d(PchipInterpolator(turns, np.tile(radius, 3))(at), TABLE / 110, mode="wrap")
    dr = np.gradient(r, 2 * np.pi / TABLE)
    return r.astype(np.float32), (r / np.hypot(r, dr)).astype(np.float32)


def ellipse(half_width: float, half_height: float, points: int = 12) -> Points:
    """Points of an ellipse about the origin."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return tuple((half_width * float(np.cos(a)), half_height * float(np.sin(a))) for a in angles)


def segments(x: Array, y: Array, strokes: Sequence[tuple[float, float, float, float]]) -> Array:
    """Distance, of the shape of x and y, to the nearest of straight strokes (x0, y0, x1, y1); all at once."""
    start, end = np.split(np.array(strokes, float).reshape(-1, 4, *(1,) * x.ndim), 2, axis=1)
    step = end - start
    length = (step**2).sum(1).astype(x.dtype)
    (x0, y0), (dx, dy) = (pair.astype(x.dtype).swapaxes(0, 1) for pair in (start, step))
    across, up = x - x0, y - y0
    t = ((across * dx + up * dy) / length).clip(0, 1)
    nearest: Array = np.hypot(across - t * dx, up - t * dy).min(0, initial=np.inf)
    return nearest
