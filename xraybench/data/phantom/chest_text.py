"""Letters in a radiograph: of lead, laid on the cassette, or burned into the picture by the workstation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xraybench.data.phantom.marks import LETTERS, PLATE, Strokes
from xraybench.data.phantom.shapes import Array, segments

LEAD = 7.0  # line integral of letters of lead
ADVANCE = 0.86  # from letter to letter, as a share of their height
GLYPHS: dict[str, Strokes] = {
    **LETTERS,
    "A": ((0, 0, 0.3, 1), (0.3, 1, 0.6, 0), (0.12, 0.36, 0.48, 0.36)),
    "C": ((0.58, 1, 0.1, 1), (0.1, 1, 0, 0.8), (0, 0.8, 0, 0.2), (0, 0.2, 0.1, 0), (0.1, 0, 0.58, 0)),
    "E": ((0.56, 1, 0, 1), (0, 1, 0, 0), (0, 0, 0.56, 0), (0, 0.5, 0.45, 0.5)),
    "P": ((0, 0, 0, 1), (0, 1, 0.4, 1), (0.4, 1, 0.56, 0.86), (0.56, 0.86, 0.56, 0.64), (0.56, 0.64, 0.4, 0.5),
          (0.4, 0.5, 0, 0.5)),
    "T": ((0, 1, 0.6, 1), (0.3, 1, 0.3, 0)),
    " ": (),
}  # fmt: skip


@dataclass(frozen=True)
class Caption:
    """A line of letters: lower left corner in the field's coordinates, height and stroke in mm; burned: not of lead."""

    text: str
    at: tuple[float, float]
    height: float
    stroke: float
    burned: bool

    @property
    def width(self) -> float:
        return self.height * (ADVANCE * (len(self.text) - 1) + 0.62)

    def ink(self, x: Array, y: Array, pitch: float) -> Array:
        """The share [H,W] of each sample that letters cover, at the field's coordinates x, y."""
        value = np.zeros_like(x)
        box = self.region(x, y, self.stroke)
        value[box] = np.clip((self.stroke / 2 - segments(x[box], y[box], self._strokes())) / pitch + 0.5, 0, 1)
        return value

    def shadow(self, x: Array, y: Array, pitch: float) -> Array:
        """Line integral [H,W] of letters of lead on their plate."""
        value: Array = LEAD * self.ink(x, y, pitch) + np.float32(PLATE) * self.region(x, y, 0.4 * self.height)
        return value

    def region(self, x: Array, y: Array, margin: float) -> np.ndarray:
        """The box of the letters, bool [H,W], `margin` mm wider on each side."""
        (x0, y0), wide, high = self.at, self.width / 2, self.height / 2
        mask: np.ndarray = (np.abs(x - (x0 + wide)) <= wide + margin) & (np.abs(y - (y0 + high)) <= high + margin)
        return mask

    def _strokes(self) -> Strokes:
        (x0, y0), height = self.at, self.height
        return tuple(
            (x0 + height * (ADVANCE * n + a), y0 + height * b, x0 + height * (ADVANCE * n + c), y0 + height * d)
            for n, letter in enumerate(self.text)
            for a, b, c, d in GLYPHS[letter]
        )
