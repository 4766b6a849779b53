"""How a wrist case is set up: the person's build, the pose under the beam, the exposure, the legend.

Nothing here looks at the label.
"""

from __future__ import annotations

from math import cos, hypot, radians, sin

import numpy as np

from xraybench.data.phantom.cases import Case
from xraybench.data.phantom.marks import Field, Legend
from xraybench.data.phantom.render import Exposure
from xraybench.data.phantom.view import View
from xraybench.data.phantom.wrist_anatomy import Build, growth


def build(case: Case) -> Build:
    """The person's wrist."""
    rng = case.generator("anatomy")
    return Build(
        age=case.age,
        male=case.male,
        size=growth(case.age, case.male) * float(np.exp(0.05 * rng.standard_normal())),
        stout=float(np.exp(0.07 * rng.standard_normal())),
        dense=float(np.exp(0.1 * rng.standard_normal())),
        jitter=rng.standard_normal((20, 4)),
    )


def pose(case: Case, size: int, scale: float) -> tuple[View, Field]:
    """Where the wrist lies in the collimated field, and the field on the film; scale: of the person."""
    rng = case.generator("pose")
    height, width = rng.uniform(68, 97) * scale, rng.uniform(60, 74) * scale
    top = rng.uniform(42, 52) * scale
    aside = rng.uniform(-8, 8) * scale
    tilt = radians(rng.normal(0, 3) if rng.uniform() < 0.85 else rng.uniform(-16, 16))
    turn = radians(rng.uniform(-14, 14))
    side = max(hypot(width * cos(tilt), height * sin(tilt)), abs(width * cos(tilt)) + abs(height * sin(tilt)))
    side = max(side, abs(width * sin(tilt)) + abs(height * cos(tilt))) * rng.uniform(0.98, 1.06)
    shift = rng.uniform(-0.04, 0.04, 2) * side
    site = {"A": (1.1, 1.3), "B": (0.35, 0.8)}[case.site]
    field = Field((float(shift[0]), float(shift[1])), (width / 2, height / 2), tilt, *site)
    mirror, angle = not case.left, tilt + turn
    x = (-1 if mirror else 1) * (cos(angle) * shift[0] + sin(angle) * shift[1])
    y = cos(angle) * shift[1] - sin(angle) * shift[0]
    centre = aside - 3 * scale - float(x), top - height / 2 - float(y)
    return View(size, side / size, centre, angle, mirror), field


def exposure(case: Case, scale: float) -> Exposure:
    """The site's way of exposing and displaying, with the day's variation."""
    rng = case.generator("exposure")
    more, shift, stretch = (
        np.exp(0.3 * rng.standard_normal()),
        rng.normal(0, 0.05),
        np.exp(0.06 * rng.standard_normal()),
    )
    dose, scatter, blur, low, high, gamma = {
        "A": (60_000, 0.10, 0.12, -0.2, 1.75, 1.05),
        "B": (40_000, 0.18, 0.20, -0.1, 1.6, 1.15),
    }[case.site]
    stretch *= 0.3 + 0.7 * scale
    window = (low + shift, low + shift + (high - low) * float(stretch))
    return Exposure(dose * float(more), scatter, blur, window, gamma)


def legend(case: Case, field: Field) -> Legend:
    """The lead letter, wholly inside the field near one of its long sides; drawn whether or not the case has one."""
    rng = case.generator("legend")
    height = (rng.uniform(7.5, 10) if case.site == "A" else rng.uniform(5, 7)) * field.half[1] / 50
    stroke = height * (0.22 if case.site == "A" else 0.13)
    edge = 3 + stroke
    left, right = -field.half[0] + edge, field.half[0] - edge - 0.6 * height
    x = left + abs(rng.normal(0, 1.5)) if rng.uniform() < 0.5 else right - abs(rng.normal(0, 1.5))
    y = rng.uniform(-field.half[1] + edge, field.half[1] - edge - height)
    return Legend("L" if case.left else "R", (float(x), float(y)), float(height), float(stroke), case.site == "A")
