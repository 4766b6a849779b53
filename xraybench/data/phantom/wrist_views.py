"""Wrists as a clinic sees them: PA and lateral views of one case, some in a cast, with metal or a parent's hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from xraybench.data.phantom import render, wrist_lateral_anatomy
from xraybench.data.phantom.abnormal import covered
from xraybench.data.phantom.anatomy import Bone, Flesh, Tissue, add_bone, add_flesh
from xraybench.data.phantom.cases import Case
from xraybench.data.phantom.findings import step
from xraybench.data.phantom.marks import Field
from xraybench.data.phantom.metal import Metal, line_integral, plate, wires
from xraybench.data.phantom.parts.hand import fingers
from xraybench.data.phantom.render import Exposure
from xraybench.data.phantom.shapes import Array, chord
from xraybench.data.phantom.skeleton import Site, Skeleton
from xraybench.data.phantom.studies import person
from xraybench.data.phantom.view import View
from xraybench.data.phantom.wrist import SPANS, Wrist

VIEWS = ("PA", "lateral")
NARROW = 0.74  # of a PA field's width that a lateral one has
PLASTER = 0.032  # linear attenuation of a cast, 1/mm
SHELL, CAST_END = 4.5, 36.0  # mm of the tables: a cast's thickness, and how far it reaches into the palm
OLDEST_HELD = 8.0  # years: up to this age a parent may hold the arm
TIP = (-2.0, 182.0)  # of the parent's middle finger in the hand's own coordinates, mm


@dataclass(frozen=True)
class Dressing:
    """What some wrists have beside their bones; none of it depends on the label. Shares of the cases, 0 to 1.

    parent: of the children up to OLDEST_HELD.
    """

    cast: float = 0.0
    metal: float = 0.0
    parent: float = 0.0

    def of(self, case: Case) -> Worn:
        """What this case wears."""
        u = case.generator("dressing").random(3).tolist()
        return Worn(u[0] < self.cast, u[1] < self.metal, u[2] < self.parent and case.age <= OLDEST_HELD)


@dataclass(frozen=True)
class Worn:
    """What a case has beside its bones."""

    cast: bool = False
    metal: bool = False
    parent: bool = False


@dataclass(frozen=True)
class ClinicalWrist(Wrist):
    """A wrist in one of its views, with what it wears; PA and wearing nothing it is the plain wrist."""

    lateral: bool = False
    worn: Worn = Worn()

    @cached_property
    def posed(self) -> tuple[View, Field]:
        """The PA view's pose; a lateral field is narrower."""
        view, field = super().posed
        return view, replace(field, half=(field.half[0] * NARROW, field.half[1])) if self.lateral else field

    @cached_property
    def bones(self) -> list[Bone]:
        return wrist_lateral_anatomy.bones(self.build) if self.lateral else super().bones

    @cached_property
    def soft(self) -> list[Flesh]:
        return wrist_lateral_anatomy.flesh(self.build) if self.lateral else super().soft

    @cached_property
    def exposure(self) -> Exposure:
        """A lateral wrist is thicker, and exposed for it."""
        plain = super().exposure
        low, high = plain.window
        return replace(plain, window=(low + 0.25, high + 0.75)) if self.lateral else plain

    def noise(self) -> Array:
        """Each view has its own."""
        if not self.lateral:
            return super().noise()
        return self.case.generator("noise, lateral").standard_normal((self.size, self.size), dtype=np.float32)

    def place_of_fracture(self, bone: Bone, rng: np.random.Generator) -> float:
        """Where the PA view shows it."""
        if not self.lateral:
            return super().place_of_fracture(bone, rng)
        front = Wrist(self.case, self.size)
        same = next(other for other in front.bones if other.name == bone.name)
        return front.place_of_fracture(same, rng)

    @cached_property
    def metal(self) -> tuple[Metal, ...]:
        """Wires or a plate in the radius."""
        if not self.worn.metal:
            return ()
        rng = self.case.generator("metal")
        radius, (low, high) = self.bones[0], SPANS["radius"]
        table = Skeleton(bones=(radius,), flesh=(), field=(0, 0, 90, 90), window=(0, 1))
        make = wires if rng.uniform() < 0.6 else plate
        return tuple(make(table, radius, Site("radius", low, high, -5), float(rng.uniform(-26, -14)), rng))

    def beside(self) -> Array | None:
        """Metal, cast and the parent's hand."""
        if self.worn == Worn():
            return None
        line = line_integral(self.metal, self.fine)
        if self.worn.cast:
            line += np.float32(PLASTER) * self._cast(self.fine)[1]
        if self.worn.parent:
            line += render.attenuation(self._held(self.fine))
        return line

    def _cast(self, view: View) -> tuple[np.ndarray, Array]:
        """Where the cast lies, bool [H,W], and how thick it is along the ray, mm [H,W]."""
        arm = self.soft[0]
        x, y = arm.local(*view.body)
        inside, rounding = arm.shape.inside(x, y)
        around = SHELL
        outer = chord(inside + around, 0.62 * (rounding + around), arm.depth + around)
        thick = (outer - chord(inside, 0.62 * rounding, arm.depth)) * step(CAST_END - y, 2.0) * np.float32(arm.scale)
        return (inside > -around) & (y < CAST_END), thick

    def _held(self, view: View) -> Tissue:
        """The fingers of a parent's hand that reach over the forearm from the side."""
        rng = self.case.generator("parent")
        adult = person(34.0, False, np.random.default_rng(int(rng.integers(2**31))))
        bones, flesh, _ = fingers(adult)
        u = rng.uniform(size=3).tolist()
        side, reach = (-1 if u[0] < 0.5 else 1), view.size * view.pitch
        angle = np.pi / 2 * side * (0.85 + 0.3 * u[1])
        across, up = side * (0.1 + 0.16 * u[2]) * reach, -0.34 * reach
        c, s = float(np.cos(angle)), float(np.sin(angle))
        centre = TIP[0] - (c * across + s * up), TIP[1] - (c * up - s * across)
        hand = View(view.size, view.pitch, centre, angle)
        tissue = Tissue.empty(view.size)
        for part in flesh[1:4]:
            add_flesh(tissue, hand, part)
        for bone in bones:
            if bone.name[-1] in "234":
                add_bone(tissue, hand, bone)
        return tissue

    def regions(self) -> dict[str, np.ndarray]:
        """Those of a plain wrist, and hardware, cast, parent: bool [size,size]."""
        view, field = self.posed
        shown = field.inside(*view.film) > 0
        nothing = np.zeros_like(shown)
        return super().regions() | {
            "hardware": covered(self.metal, view, 0.5 * view.pitch) & shown,
            "cast": self._cast(view)[0] & shown if self.worn.cast else nothing,
            "parent": (self._held(view).soft > 0) & shown if self.worn.parent else nothing,
        }
