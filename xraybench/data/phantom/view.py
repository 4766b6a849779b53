"""How a radiograph samples the body: pixels to millimetres and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

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
        ruler = (np.arange(self.size, dtype=np.float32) - (self.size - 1) / 2) * np.float32(self.pitch)
        right, down = np.meshgrid(ruler, ruler)
        return right, -down

    @cached_property
    def body(self) -> tuple[Array, Array]:
        """The body's coordinates x, y of every pixel, both float32 [size,size] in mm."""
        right, up = self.film
        cos, sin = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        x, y = cos * right + sin * up, cos * up - sin * right
        return (-x if self.mirror else x) + np.float32(self.centre[0]), y + np.float32(self.centre[1])

    def on_film(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the body falls: mm to the right of and above the image's centre."""
        across, along = (x - self.centre[0]) * (-1 if self.mirror else 1), y - self.centre[1]
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return float(cos * across - sin * along), float(sin * across + cos * along)

    def window(self, x: float, y: float, reach: float) -> Window | None:
        """The pixels within `reach` mm of a point of the body, as a box; None where the image shows none of them."""
        right, up = self.on_film(x, y)
        middle = (self.size - 1) / 2
        rows = self._span(middle - up / self.pitch, reach)
        columns = self._span(middle + right / self.pitch, reach)
        return (rows, columns) if rows and columns else None

    def _span(self, at: float, reach: float) -> slice | None:
        first = max(0, int(np.floor(at - reach / self.pitch)))
        last = min(self.size, int(np.ceil(at + reach / self.pitch)) + 1)
        return slice(first, last) if first < last else None

    def finer(self, factor: int) -> View:
        """The same field with `factor` x `factor` samples a pixel."""
        return replace(self, size=self.size * factor, pitch=self.pitch / factor)
