"""What lies on the film beside the patient: the lead letter of the side, and the edge of the collimated field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xraybench.data.phantom.shapes import Array, segments

Strokes = tuple[tuple[float, float, float, float], ...]
LETTERS: dict[str, Strokes] = {  # strokes in a box 0..0.62 wide, 0..1 high
    "L": ((0, 1, 0, 0), (0, 0, 0.58, 0)),
    "R": (
        (0, 0, 0, 1), (0, 1, 0.36, 1), (0.36, 1, 0.55, 0.88), (0.55, 0.88, 0.55, 0.62), (0.55, 0.62, 0.36, 0.5),
        (0.36, 0.5, 0, 0.5), (0.26, 0.5, 0.6, 0),
    ),
}  # fmt: skip
LEAD = 3.0  # line integral of a lead letter
PLATE = 0.05  # line integral of the plate that carries it


@dataclass(frozen=True)
class Field:
    """The collimated field: a rectangle on the film; all in mm, from the image's centre, angle counter-clockwise.

    rim: line integral at its very edge, where the collimator's shadow begins; penumbra: how far that reaches.
    """

    centre: tuple[float, float]
    half: tuple[float, float]
    angle: float
    rim: float
    penumbra: float

    def local(self, right: Array, up: Array) -> tuple[Array, Array]:
        """Coordinates along the field's sides of points of the film."""
        cos, sin = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        dx, dy = right - np.float32(self.centre[0]), up - np.float32(self.centre[1])
        return cos * dx + sin * dy, cos * dy - sin * dx

    def inside(self, right: Array, up: Array) -> Array:
        """Distance [H,W] to the nearest side, mm, positive inside."""
        x, y = self.local(right, up)
        return np.minimum(np.float32(self.half[0]) - np.abs(x), np.float32(self.half[1]) - np.abs(y))

    def shadow(self, inside: Array) -> Array:
        """Line integral [H,W] of the collimator's shadow."""
        outwards = -np.maximum(inside, 0)
        near = np.exp(outwards * np.float32(1 / self.penumbra))
        far = np.exp(outwards * np.float32(0.2 / self.penumbra))
        value: Array = np.float32(self.rim) * (near + 0.08 * far)
        return value


@dataclass(frozen=True)
class Legend:
    """A lead letter on its plate: lower left corner in the field's coordinates, height and stroke in mm."""

    letter: str
    at: tuple[float, float]
    height: float
    stroke: float
    plate: bool

    @cached_property
    def middle(self) -> tuple[float, float]:
        return self.at[0] + 0.3 * self.height, self.at[1] + 0.5 * self.height

    def shadow(self, x: Array, y: Array, pitch: float) -> Array:
        """Line integral [H,W] at the field's coordinates x, y."""
        value = np.float32(PLATE * self.plate) * self.region(x, y, 0.45 * self.height)
        box = self.region(x, y, self.stroke)
        (x0, y0), height = self.at, self.height
        strokes = [
            (x0 + height * a, y0 + height * b, x0 + height * c, y0 + height * d) for a, b, c, d in LETTERS[self.letter]
        ]
        value[box] += LEAD * np.clip((self.stroke / 2 - segments(x[box], y[box], strokes)) / pitch + 0.5, 0, 1)
        return value

    def region(self, x: Array, y: Array, margin: float) -> np.ndarray:
        """The box of the letter, bool [H,W], `margin` mm wider on each side."""
        across, up = np.abs(x - self.middle[0]), np.abs(y - self.middle[1])
        mask: np.ndarray = (across <= 0.3 * self.height + margin) & (up <= 0.5 * self.height + margin)
        return mask
