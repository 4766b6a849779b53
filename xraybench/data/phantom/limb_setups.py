"""How a part of the body is radiographed: its pose in the collimated field, the exposure, the legend, its look-alikes.

Nothing here looks at the label.
"""

from __future__ import annotations

from math import cos, pi, radians, sin

import numpy as np

from xraybench.data.phantom import findings
from xraybench.data.phantom.abnormal import enlargement
from xraybench.data.phantom.anatomy import Bone, Defect
from xraybench.data.phantom.blemishes import Plate
from xraybench.data.phantom.compound import lump
from xraybench.data.phantom.findings import Groove
from xraybench.data.phantom.lettering import Word, width_of
from xraybench.data.phantom.marks import Field
from xraybench.data.phantom.render import Exposure
from xraybench.data.phantom.skeleton import Skeleton
from xraybench.data.phantom.view import View

OPEN = 1e4  # mm: a field without edges in the image


def pose(
    skeleton: Skeleton, size: int, site: str, left: bool, framed: bool, rng: np.random.Generator
) -> tuple[View, Field]:
    """Where the part lies in the image, and the collimated field on it."""
    west, south, east, north = skeleton.field
    u = rng.uniform(size=8).tolist()
    width, height = (east - west) * (1 + 0.08 * (u[0] - 0.3)), (north - south) * (1 + 0.08 * (u[1] - 0.3))
    middle = (east + west) / 2 + 0.04 * (u[2] - 0.5) * width, (north + south) / 2 + 0.04 * (u[3] - 0.5) * height
    tilt = radians(24 * (u[4] - 0.5) if u[5] < 0.25 else 4 * (u[4] - 0.5)) if framed else 0.0
    turn = radians(14 * (u[6] - 0.5))
    side = max(abs(width * cos(tilt)) + abs(height * sin(tilt)), abs(width * sin(tilt)) + abs(height * cos(tilt)))
    side *= 1.0 + 0.06 * u[7] if framed else 0.98
    shift = (0.5 * (side - width * cos(tilt)) * (2 * u[5] - 1) * 0.3 * framed, 0.0)
    half = (width / 2, height / 2) if framed else (OPEN, OPEN)
    edge = {"A": (1.1, 1.3), "B": (0.35, 0.8)}[site]
    field = Field(shift, half, tilt, *edge)
    mirror, angle = not left, tilt + turn
    x = (-1 if mirror else 1) * cos(angle) * shift[0]
    y = -sin(angle) * shift[0]
    return View(size, side / size, (middle[0] - x, middle[1] - y), angle, mirror), field


def exposure(skeleton: Skeleton, site: str, rng: np.random.Generator) -> Exposure:
    """The site's way of exposing and displaying, with the day's variation."""
    more, shift, stretch = (
        np.exp(0.3 * rng.standard_normal()),
        rng.normal(0, 0.05),
        np.exp(0.06 * rng.standard_normal()),
    )
    dose, scatter, blur, gamma = {"A": (90_000, 0.08, 0.12, 1.05), "B": (50_000, 0.14, 0.2, 1.2)}[site]
    low, high = skeleton.window
    window = (low + float(shift), low + float(shift) + (high - low) * float(stretch))
    return Exposure(dose * float(more), scatter, blur, window, gamma)


def text_of(left: bool, projection: str, u: float) -> str:
    """What a legend says: the side's letter, its word, or the letter and the projection."""
    letter = "L" if left else "R"
    if u < 0.6:
        return letter
    if u < 0.75:
        return "LEFT" if left else "RIGHT"
    return f"{letter} {({'lateral': 'LAT', 'oblique': 'OBL'}.get(projection, projection))}" if projection in (
        "AP", "PA", "lateral", "oblique") else letter  # fmt: skip


def legend(text: str, site: str, view: View, field: Field, rng: np.random.Generator) -> Word:
    """Lead letters near one of the long sides of what is shown, wholly inside it."""
    half_x, half_y = (min(half, view.size * view.pitch / 2) for half in field.half)
    u = rng.uniform(size=3).tolist()
    height = (0.055 + 0.025 * u[0] if site == "A" else 0.04 + 0.015 * u[0]) * 2 * max(half_x, half_y)
    height = min(height, 0.75 * half_x / width_of(text, 1.0))
    stroke = height * (0.21 if site == "A" else 0.13)
    edge = 0.25 * height + stroke
    wide = width_of(text, height)
    x = -half_x + edge if u[1] < 0.5 else half_x - edge - wide
    up = u[2] if u[2] < 0.2 or u[2] > 0.8 else round(u[2]) + 0.25 * (0.5 - u[2])  # mostly near a corner
    y = -half_y + edge + float(np.clip(up, 0, 1)) * max(2 * half_y - 2 * edge - height, 0)
    return Word(text, (float(x), float(y)), float(height), float(stroke), site == "A")


def growth_plates(skeleton: Skeleton, rng: np.random.Generator) -> dict[str, Defect]:
    """Open growth plates by bone: look-alikes of a growing patient."""
    made: dict[str, Defect] = {}
    for name, y in skeleton.plates:
        _, half = skeleton.bone(name).shape.axis(y)  # type: ignore[attr-defined]
        u = rng.uniform(size=2).tolist()
        gap = float(np.clip(0.13 * half, 0.8, 2.4)) * (0.8 + 0.4 * u[0])
        made[name] = Plate(y, gap, 0.012, 6.3 * u[1])
    return made


def vessel(skeleton: Skeleton, rng: np.random.Generator) -> tuple[str, Defect]:
    """A nutrient vessel's groove in one of the bones: a faint oblique line that reaches neither cortex."""
    site = skeleton.sites[int(rng.integers(len(skeleton.sites)))]
    bone = skeleton.bone(site.bone)
    y = site.low + (site.high - site.low) * float(rng.uniform())
    at, half = bone.shape.axis(y)  # type: ignore[attr-defined]
    unit = enlargement(skeleton, half)
    small = findings.groove((at / unit, y / unit), half / unit, rng)
    length = min(small.length * unit, 1.5 * half)
    middle = (small.at[0] * unit, small.at[1] * unit)
    return bone.name, Groove(middle, small.angle, length, small.width * unit, small.loss)


def ossicle(skeleton: Skeleton, rng: np.random.Generator) -> Bone:
    """A sesamoid or accessory bone: small, round, smooth, beside the others."""
    u = rng.uniform(size=4).tolist()
    x, y = skeleton.ossicles[int(u[0] * len(skeleton.ossicles))]
    size = (1.9 + 1.1 * u[1]) * skeleton.unit**0.7
    shape = lump((0, 0), (size, size * (0.7 + 0.2 * u[2]))).shape
    return Bone(name="ossicle", shape=shape, at=(x, y), angle=pi * u[3], flatness=2.0, cortex=(0.7, 0.7),
                fill=(0.15, 0.3))  # fmt: skip
