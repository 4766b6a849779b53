"""How a radiograph samples the body: pixels to millimetres and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, cos, floor, sin

import numpy as np

from xraybench.data.phantom.shapes import Array

Window = tuple[slice, slice]


@dataclass(frozen=True)
class View:
    """A square image of `size` pixels, `pitch` mm each, around the point `centre` (mm) of the body.

    angle: radians by which the body is turned in the image (counter-clockwise); mirror: the body's +x shows to the
    left. Body axes: +x to the thumb (or the body's left), +y up.
    """

    size: int
    pitch: float
    centre: tuple[float, float]
    angle: float = 0.0
    mirror: bool = False

    @cached_property
    def film(self) -> tuple[Array, Array]:
        """Millimetres to the right of and above the image's centre, both float32 [size,size]."""
        right, down = np.meshgrid(self._ruler, self._ruler)
        return right, -down

    @property
    def _ruler(self) -> Array:
        """Millimetres from the middle at each pixel along a side."""
        value: Array = (np.arange(self.size, dtype=np.float32) - (self.size - 1) / 2) * np.float32(self.pitch)
        return value

    @cached_property
    def body(self) -> tuple[Array, Array]:
        """The body's coordinates x, y of every pixel, both float32 [size,size] in mm."""
        right = self._ruler
        up = -right[:, None]
        c, s = np.float32(cos(self.angle)), np.float32(sin(self.angle))
        x, y = c * right + s * up, c * up - s * right
        return (-x if self.mirror else x) + np.float32(self.centre[0]), y + np.float32(self.centre[1])

    def on_film(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the body falls: mm to the right of and above the image's centre."""
        across, along = (x - self.centre[0]) * (-1 if self.mirror else 1), y - self.centre[1]
        c, s = cos(self.angle), sin(self.angle)
        return c * across - s * along, s * across + c * along

    def window(self, corners: Sequence[tuple[float, float]]) -> Window | None:
        """The pixels within the hull of some points of the body, as a box; None where the image shows none of them."""
        right, up = zip(*(self.on_film(x, y) for x, y in corners), strict=True)
        rows = self._span(-max(up), -min(up))
        columns = self._span(min(right), max(right))
        return (rows, columns) if rows and columns else None

    def _span(self, low: float, high: float) -> slice | None:
        middle = (self.size - 1) / 2
        first = max(0, floor(middle + low / self.pitch))
        last = min(self.size, ceil(middle + high / self.pitch) + 1)
        return slice(first, last) if first < last else None

    def finer(self, factor: int) -> View:
        """The same field with `factor` x `factor` samples a pixel."""
        return replace(self, size=self.size * factor, pitch=self.pitch / factor)
