"""What can be seen in a bone: fractures in three grades, and look-alikes that are none.

Lengths are in the bone's own coordinates (mm of the tables), +y away from the body's trunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xraybench.data.phantom.shapes import Array

Grade = Literal["displaced", "moderate", "hairline"]
GRADES: tuple[Grade, ...] = ("displaced", "moderate", "hairline")
MARGIN = 2.2  # mm on either side of a fracture line, and beyond the cortex, that a reader's outline takes in


def line_profile(distance: Array, width: float, pitch: float) -> Array:
    """How much of a sample of `pitch` mm a line of `width` mm fills [H,W], 1 at the middle of a wide line.

    A Gaussian of the line's own second moment plus the sample's; its integral over the distance is the line's width.
    """
    sigma = float(np.sqrt(width**2 / 6 + pitch**2 / 12))
    height = min(1.0, width / (sigma * np.sqrt(2 * np.pi)))
    value: Array = np.float32(height) * np.exp(-0.5 * (distance / np.float32(sigma)) ** 2)
    return value


def step(value: Array, width: float) -> Array:
    """A smooth step from 0 to 1 over about `width`."""
    share: Array = np.clip(value * np.float32(1 / width) + np.float32(0.5), 0, 1)
    return share


@dataclass(frozen=True)
class Fracture:
    """A break across a bone.

    at: where its line crosses the bone's axis (x, y); slant: slope of the line; jag: (height in mm, period in mm,
    phase) of its waves; gap: width of the gap; loss: share of bone missing in it; shift: sideways step of the far
    fragment, which is turned about a point `lever` beyond the line; side and across: the line runs from the cortex on
    that side (-1 or 1) over `across` mm.
    """

    at: tuple[float, float]
    slant: float
    jag: tuple[tuple[float, float, float], ...]
    gap: float
    loss: float
    side: int
    across: float
    half_width: float
    shift: float = 0.0
    lever: float = 1.0

    def distance(self, x: Array, y: Array) -> Array:
        """Signed distance [H,W] along the bone from the fracture line, positive in the far fragment."""
        right = x - np.float32(self.at[0])
        line = np.float32(self.at[1]) + np.float32(self.slant) * right
        for height, period, phase in self.jag:
            line = line + np.float32(height) * np.sin(right * np.float32(2 * np.pi / period) + np.float32(phase))
        value: Array = (y - line) / np.float32(np.hypot(1, self.slant))
        return value

    def reached(self, x: Array, margin: float = 0.0) -> Array:
        """1 where the line reaches across the bone [H,W], fading where a partial line ends."""
        from_cortex = self.half_width + (x - np.float32(self.at[0])) * np.float32(-self.side)
        return step(self.across + margin - from_cortex, 3.0)

    def move(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Defect`: the far fragment, turned about its lever."""
        if not self.shift:
            return x, y
        distance = self.distance(x, y)
        turned = np.clip(1 - distance * np.float32(1 / self.lever), 0, 1) * (distance > 0)
        return x - np.float32(self.shift) * turned, y

    def kept(self, x: Array, y: Array, inside: Array, pitch: float) -> Array:
        """See `Defect`: the gap."""
        distance = self.distance(x, y)
        value: Array = 1 - np.float32(self.loss) * self.reached(x) * line_profile(distance, self.gap, pitch)
        return value

    def region(self, x: Array, y: Array, inside: Array) -> np.ndarray:
        """What a reader would outline, bool [H,W]: a band about the line, as far as it goes, at its bone."""
        distance = self.distance(x, y)
        beyond = MARGIN + self.gap / 2 + 0.45 * self.lever * (self.shift != 0)
        band = (distance > -MARGIN - self.gap / 2) & (distance < beyond)
        mask: np.ndarray = band & (inside > -MARGIN / 2) & (self.reached(x, 1.5) > 0.5)
        return mask


def fracture(
    grade: Grade, at: tuple[float, float], half_width: float, room: float, rng: np.random.Generator
) -> Fracture:
    """A fracture of a grade at a point of a bone's axis; room: length of the far fragment, mm."""
    jag = tuple((rng.uniform(0.15, 0.5), rng.uniform(3, 9), rng.uniform(0, 2 * np.pi)) for _ in range(2))
    slant, side = rng.uniform(-0.4, 0.4), int(rng.choice((-1, 1)))
    shift = side * half_width * rng.uniform(0.45, 0.8)
    draws = rng.uniform(size=3)
    size = {"displaced": (2.4, 4.0), "moderate": (2.2, 3.4), "hairline": (1.2, 1.8)}[grade]
    loss = {"displaced": (0.85, 1.0), "moderate": (0.85, 1.0), "hairline": (0.5, 0.75)}[grade]
    across = {"displaced": (3.0, 3.0), "moderate": (3.0, 3.0), "hairline": (1.0, 1.6)}[grade]
    gap, lost, reach = (low + (high - low) * u for (low, high), u in zip((size, loss, across), draws, strict=True))
    moved = grade == "displaced"
    return Fracture(
        at, slant, jag, gap, lost, side, reach * half_width, half_width,
        shift=shift if moved else 0.0, lever=min(room, 13.0) if moved else 1.0,
    )  # fmt: skip


@dataclass(frozen=True)
class Groove:
    """A vessel groove, no finding: a faint oblique line that ends within the bone, with a sclerotic rim.

    at: its middle; angle: radians from the bone's axis; length, width in mm; loss: share of bone missing in it.
    """

    at: tuple[float, float]
    angle: float
    length: float
    width: float
    loss: float

    def move(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Defect`: nothing moves."""
        return x, y

    def kept(self, x: Array, y: Array, inside: Array, pitch: float) -> Array:
        """See `Defect`: the groove and its denser rim."""
        dx, dy = x - np.float32(self.at[0]), y - np.float32(self.at[1])
        cos, sin = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        across, along = cos * dx - sin * dy, sin * dx + cos * dy
        within = step(self.length / 2 - np.abs(along), 2.5)
        groove = line_profile(across, self.width, pitch) - 0.4 * line_profile(
            across - 1.3 * self.width, self.width, pitch
        )
        value: Array = 1 - np.float32(self.loss) * within * groove
        return value


def groove(at: tuple[float, float], half_width: float, rng: np.random.Generator) -> Groove:
    """A vessel groove near a point of a bone's axis."""
    middle = at[0] + half_width * rng.uniform(-0.4, 0.4), at[1]
    angle = float(rng.choice((-1, 1)) * rng.uniform(0.3, 0.75))
    return Groove(middle, angle, rng.uniform(6, 11), rng.uniform(0.7, 1.2), rng.uniform(0.3, 0.55))
