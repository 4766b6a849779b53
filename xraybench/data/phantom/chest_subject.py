"""Who stands before the beam, and how: the build, the pose and the technique of a chest radiograph.

Nothing here looks at a label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xraybench.data.phantom.chest_anatomy import Build
from xraybench.data.phantom.chest_render import Technique
from xraybench.data.phantom.chest_text import Caption
from xraybench.data.phantom.chest_textures import TREES
from xraybench.data.phantom.marks import Field
from xraybench.data.phantom.render import Exposure
from xraybench.data.phantom.view import View
from xraybench.identity import seed_of

SITES = ("A", "B")
SIDE = 392.0  # mm of the tables that an image shows


@dataclass(frozen=True)
class Subject:
    """A person (the same anatomy in all studies of one `patient` seed) at one radiograph (`seed`).

    portable: taken in bed from the front (AP) rather than standing from behind (PA); text: letters in the image.
    """

    patient: int
    seed: int
    age: float
    male: bool
    site: str
    portable: bool
    text: bool

    def generator(self, part: str) -> np.random.Generator:
        """The generator of one part of the radiograph (pose, noise, a finding ...)."""
        return np.random.default_rng(seed_of(self.patient if part == "anatomy" else self.seed, part))

    def build(self) -> Build:
        """The person's chest, as it stands on the day."""
        rng, day = self.generator("anatomy"), self.generator("day")
        stout = float(np.clip(rng.normal(2, 9), -14, 30))
        return Build(
            age=self.age,
            male=self.male,
            size=(1.0 if self.male else 0.92) * float(np.exp(0.04 * rng.standard_normal())),
            stout=stout,
            heart=float(np.exp(0.045 * rng.standard_normal())) * (1.06 if self.portable else 1.0),
            bust=0.0 if self.male else float(np.clip(rng.normal(36, 14) + 0.6 * stout, 8, 80)),
            dense=float(np.exp(0.12 * rng.standard_normal())) * (1.0 - 0.003 * max(0.0, self.age - 50)),
            bend=float(rng.normal(0, 3.5)),
            jitter=rng.standard_normal(40),
            trees=(int(rng.integers(TREES)), int(rng.integers(TREES))),
            gas=float(day.uniform(12, 60)) if day.uniform() < 0.7 else 0.0,
            breath=float(day.normal(0, 9)) - (14 if self.portable else 0),
            turn=float(day.normal(0, 5 if self.portable else 3.5)),
            portable=self.portable,
            aeration=float(np.clip(rng.normal(0.94, 0.05), 0.75, 1.02)),
            slant=float(day.normal(0, 0.045)),
        )

    def pose(self, size: int) -> tuple[View, Field]:
        """How the chest lies in the image, and the collimated field; all in mm of the tables."""
        rng = self.generator("pose")
        side = SIDE * float(np.exp(rng.normal(0.01, 0.045)))
        centre = float(rng.normal(0, 9)), float(rng.normal(-20, 11))
        angle = float(np.radians(rng.normal(0, 3.0 if self.portable else 2.2)))
        return View(size, side / size, centre, angle), self._field(side, rng)

    def _field(self, side: float, rng: np.random.Generator) -> Field:
        """Site A often shows the collimator's edges; site B seldom does."""
        near, shut = rng.uniform(0.0, 0.055, 4) * side, rng.uniform(size=4)
        open_ = shut > {"A": 0.5, "B": 0.15}[self.site]
        left, right, top, bottom = np.where(open_, -0.02 * side, near).tolist()
        middle = (left - right) / 2, (bottom - top) / 2
        half = (side - left - right) / 2, (side - top - bottom) / 2
        tilt = float(np.radians(rng.normal(0, 0.7)))
        return Field(middle, half, tilt, 0.4, 1.2)

    def technique(self, build: Build) -> Technique:
        """The site's way of exposing and displaying, with the day's variation and what the person's girth asks for."""
        rng = self.generator("exposure")
        more, shift, stretch = np.exp(0.3 * rng.standard_normal()), rng.normal(0, 0.07), np.exp(0.07 * rng.normal())
        dose, scatter, blur, low, high, gamma, equalise = {
            "A": (45_000, 0.20, 0.25, 0.26, 2.8, 1.0, 0.47),
            "B": (26_000, 0.28, 0.40, 0.2, 2.95, 0.84, 0.45),
        }[self.site]
        girth = 0.016 * build.stout + 0.002 * build.bust + 0.16 * self.portable
        window = (low + shift + girth, low + shift + girth + (high - low) * float(stretch))
        exposure = Exposure(dose * float(more), scatter, blur, window, gamma)
        return Technique(exposure, equalise=equalise - 0.06 * self.portable)

    def caption(self, view: View, field: Field) -> Caption | None:
        """Letters near an upper corner: of lead at site A, burned in at site B."""
        if not self.text:
            return None
        rng = self.generator("text")
        left = bool(rng.uniform() < 0.5)
        burned = self.site == "B"
        letter = "L" if left else "R"
        words = (
            letter,
            f"{letter} {'AP' if self.portable else 'PA'}",
            "AP" if self.portable else "PA",
            letter + " ERECT",
        )
        text = words[int(rng.integers(len(words) - self.portable))] if burned else letter
        height = float(rng.uniform(9, 12) if burned else rng.uniform(13, 18))
        caption = Caption(text, (0.0, 0.0), height, height * (0.13 if burned else 0.2), burned)
        half = 0.48 * view.size * view.pitch
        edge = min(field.half[0] - abs(field.centre[0]), half) - caption.width - rng.uniform(6, 26)
        x = edge if left else -edge - caption.width
        y = min(field.half[1] - abs(field.centre[1]), half) - height - rng.uniform(6, 45)
        return Caption(text, (float(x), float(y)), height, caption.stroke, burned)
