"""Words of lead on the film: a side, a projection, or both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xraybench.data.phantom.marks import LETTERS, PLATE, Strokes
from xraybench.data.phantom.shapes import Array, segments

LEAD = 5.0  # line integral of a lead letter, white also beside a shoulder
ADVANCE = 0.86  # from letter to letter, as a share of their height
STROKES: dict[str, Strokes] = {  # strokes in a box 0..0.62 wide, 0..1 high; L and R are those of marks.py
    **LETTERS,
    "A": ((0, 0, 0.31, 1), (0.31, 1, 0.62, 0), (0.12, 0.36, 0.5, 0.36)),
    "B": ((0, 0, 0, 1), (0, 1, 0.48, 0.92), (0.48, 0.92, 0.48, 0.6), (0.48, 0.6, 0, 0.52), (0.48, 0.56, 0.58, 0.4),
          (0.58, 0.4, 0.5, 0.04), (0.5, 0.04, 0, 0)),
    "E": ((0, 0, 0, 1), (0, 1, 0.56, 1), (0, 0.52, 0.46, 0.52), (0, 0, 0.58, 0)),
    "F": ((0, 0, 0, 1), (0, 1, 0.56, 1), (0, 0.52, 0.46, 0.52)),
    "G": ((0.58, 0.86, 0.34, 1), (0.34, 1, 0.06, 0.8), (0.06, 0.8, 0.06, 0.2), (0.06, 0.2, 0.34, 0),
          (0.34, 0, 0.6, 0.14), (0.6, 0.14, 0.6, 0.46), (0.6, 0.46, 0.36, 0.46)),
    "H": ((0, 0, 0, 1), (0.6, 0, 0.6, 1), (0, 0.52, 0.6, 0.52)),
    "I": ((0.3, 0, 0.3, 1),),
    "O": ((0.3, 1, 0.04, 0.78), (0.04, 0.78, 0.04, 0.22), (0.04, 0.22, 0.3, 0), (0.3, 0, 0.58, 0.22),
          (0.58, 0.22, 0.58, 0.78), (0.58, 0.78, 0.3, 1)),
    "P": ((0, 0, 0, 1), (0, 1, 0.4, 1), (0.4, 1, 0.56, 0.86), (0.56, 0.86, 0.56, 0.62), (0.56, 0.62, 0.4, 0.48),
          (0.4, 0.48, 0, 0.48)),
    "T": ((0, 1, 0.62, 1), (0.31, 1, 0.31, 0)),
    " ": (),
}  # fmt: skip


@dataclass(frozen=True)
class Word:
    """Lead letters: lower left corner in the field's coordinates, height and stroke in mm; on a plate or not."""

    text: str
    at: tuple[float, float]
    height: float
    stroke: float
    plate: bool

    @cached_property
    def width(self) -> float:
        """Of all letters, mm."""
        return width_of(self.text, self.height)

    def shadow(self, x: Array, y: Array, pitch: float) -> Array:
        """Line integral [H,W] at the field's coordinates x, y."""
        value = np.float32(PLATE * self.plate) * self.region(x, y, 0.45 * self.height)
        box = self.region(x, y, self.stroke)
        if box.any():
            x0, y0, height = *self.at, self.height
            strokes = [
                (x0 + height * (a + n * ADVANCE), y0 + height * b, x0 + height * (c + n * ADVANCE), y0 + height * d)
                for n, letter in enumerate(self.text)
                for a, b, c, d in STROKES[letter]
            ]
            value[box] += LEAD * np.clip((self.stroke / 2 - segments(x[box], y[box], strokes)) / pitch + 0.5, 0, 1)
        return value

    def region(self, x: Array, y: Array, margin: float) -> np.ndarray:
        """The box of the letters, bool [H,W], `margin` mm wider on each side."""
        across = np.abs(x - np.float32(self.at[0] + self.width / 2))
        up = np.abs(y - np.float32(self.at[1] + self.height / 2))
        mask: np.ndarray = (across <= self.width / 2 + margin) & (up <= self.height / 2 + margin)
        return mask


def width_of(text: str, height: float) -> float:
    """Width in mm of a text whose letters are `height` mm high."""
    return height * ((len(text) - 1) * ADVANCE + 0.62)
