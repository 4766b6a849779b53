"""What makes a radiograph abnormal: each finding is one function that draws it and outlines it.

A finding is drawn for a skeleton from a generator; given a generator in the same state, all projections of a series
show the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import cos, pi, sin

import numpy as np

from xraybench.data.phantom import findings
from xraybench.data.phantom.anatomy import Bone, Defect, Placed
from xraybench.data.phantom.blemishes import Spot, Worn
from xraybench.data.phantom.compound import Box, lump
from xraybench.data.phantom.findings import Fracture, Grade
from xraybench.data.phantom.metal import Metal, nail, plate, prosthesis, wires
from xraybench.data.phantom.shapes import Array, Shape
from xraybench.data.phantom.skeleton import Joint, Site, Skeleton
from xraybench.data.phantom.view import View

KINDS: Mapping[str, tuple[str, ...]] = {  # finding_kind -> its grades
    "fracture": ("displaced", "moderate", "hairline"),
    "hardware": ("plate", "nail", "wires", "prosthesis"),
    "degenerate": ("degenerate",),
    "lesion": ("lytic", "sclerotic"),
}
STEP = 2.0  # how much further than in the wrist fragments are displaced, and over how much more of the bone


@dataclass(frozen=True)
class Abnormality:
    """A finding: what it does to bones, what it adds, and its outlines (their union is what a reader would outline)."""

    outlines: tuple[Placed, ...]
    defects: Mapping[str, tuple[Defect, ...]] = field(default_factory=dict)
    spurs: tuple[Bone, ...] = ()
    metal: tuple[Metal, ...] = ()

    def region(self, view: View) -> np.ndarray:
        """What a reader would outline, bool [H,W]."""
        return covered(self.outlines, view, margin=0.0)


def covered(shapes: tuple[Placed, ...], view: View, margin: float) -> np.ndarray:
    """Where a point lies in any of the shapes, or at most `margin` mm outside, bool [H,W]."""
    mask = np.zeros((view.size, view.size), bool)
    for shape in shapes:
        window = shape.window(view)
        if window is not None:
            inside, _ = shape.shape.inside(*shape.local(*(axis[window] for axis in view.body)))
            mask[window] |= inside * shape.scale > -margin
    return mask


@dataclass(frozen=True)
class Band:
    """A fracture's outline as a shape: inside is 1 within, -1 without."""

    bone: Shape
    fracture: Fracture

    @property
    def box(self) -> Box:
        """See `Shape`."""
        return self.bone.box

    def inside(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Shape`."""
        now, before = (self.bone.inside(*at)[0] for at in (self.fracture.move(x, y), (x, y)))
        within = self.fracture.region(x, y, np.maximum(now, before))
        return np.where(within, np.float32(1), np.float32(-1)), np.ones_like(x)


def break_bone(skeleton: Skeleton, grade: Grade, rng: np.random.Generator) -> Abnormality:
    """A fracture of a grade at one of the skeleton's sites."""
    bone, site, y = _somewhere(skeleton, rng)
    at, half = bone.shape.axis(y)  # type: ignore[attr-defined]
    unit = enlargement(skeleton, half)
    small = findings.fracture(grade, (at / unit, y / unit), half / unit, abs(site.end - y) / unit, rng)
    broken = _enlarged(small, unit)
    outline = Placed(shape=Band(bone.shape, broken), at=bone.at, angle=bone.angle, scale=bone.scale)
    return Abnormality((outline,), {bone.name: (broken,)})


def enlargement(skeleton: Skeleton, half_width: float) -> float:
    """How many times wider than in the wrist a line is drawn: by the field's size, as far as the bone has room."""
    return float(min(skeleton.unit, max(half_width / 2.6, 0.8)))


def _enlarged(small: Fracture, unit: float) -> Fracture:
    jag = tuple((height * unit, period * unit, phase) for height, period, phase in small.jag)
    return replace(
        small, at=(small.at[0] * unit, small.at[1] * unit), jag=jag, gap=small.gap * unit, across=small.across * unit,
        half_width=small.half_width * unit, shift=small.shift * unit * STEP, lever=small.lever * unit * STEP,
    )  # fmt: skip


def _somewhere(skeleton: Skeleton, rng: np.random.Generator) -> tuple[Bone, Site, float]:
    """A bone, its site, and a place along it."""
    site = skeleton.sites[int(rng.integers(len(skeleton.sites)))]
    return skeleton.bone(site.bone), site, site.low + (site.high - site.low) * float(rng.uniform())


def _joint(skeleton: Skeleton, rng: np.random.Generator) -> Joint:
    return skeleton.joints[int(rng.integers(len(skeleton.joints)))]


def lesion(skeleton: Skeleton, grade: str, rng: np.random.Generator) -> Abnormality:
    """A lytic lesion (a hole, some with a dense rim) or a sclerotic one (a dense spot) in a bone."""
    bone, _, y = _somewhere(skeleton, rng)
    at, half = bone.shape.axis(y)  # type: ignore[attr-defined]
    u = rng.uniform(size=5).tolist()
    wide, long = half * (0.6 + 0.3 * u[0]), half * (0.9 + 0.7 * u[1])
    middle = at + (u[2] - 0.5) * 0.5 * half, y
    waves = (0.10 + 0.08 * u[3], 3.0 + round(2 * u[4]), 6.3 * u[2])
    if grade == "lytic":
        rim = 0.35 if u[4] < 0.5 else 0.0
        spot = Spot(middle, (wide, long), 0.7 + 0.25 * u[3], soft=0.12 * half, rim=rim, waves=waves)
    else:
        spot = Spot(middle, (wide, long), -(0.9 + 0.9 * u[3]), soft=0.35 * half, waves=waves)
    return Abnormality((_outline(bone, spot),), {bone.name: (spot,)})


def _outline(bone: Bone, spot: Spot) -> Placed:
    """An ellipse a little wider than a spot, at its place in the body."""
    grown = lump((0, 0), (spot.half[0] * 1.15, spot.half[1] * 1.15)).shape
    return Placed(shape=grown, at=bone.place(*spot.at), angle=bone.angle, scale=bone.scale)


def wear(skeleton: Skeleton, grade: str, rng: np.random.Generator) -> Abnormality:
    """A degenerate joint: narrowed space, sclerosis of both ends, osteophytes at the margins."""
    joint = _joint(skeleton, rng)
    u = rng.uniform(size=8).tolist()
    reach, deep = (0.36 + 0.12 * u[0]) * joint.half**0.5, float(np.clip(0.3 * joint.half, 2.0, 5.0))
    defects: dict[str, tuple[Defect, ...]] = {}
    for name, outward in zip(joint.bones, (joint.angle, joint.angle + pi), strict=True):
        bone = skeleton.bone(name)
        x, y = (float(axis) for axis in bone.local(*(np.array(part, np.float32) for part in joint.at)))
        dense = 1.2 + 1.0 * u[1]
        defects[name] = (Worn((x, y), outward - bone.angle, joint.half, reach, dense, deep),)
    spurs = tuple(
        _spur(joint, side, way, u[2 + n]) for n, (side, way) in enumerate(((-1, -1), (1, -1), (-1, 1), (1, 1)))
        if u[2 + n] > 0.3
    )  # fmt: skip
    around = lump(joint.at, (1.25 * joint.half, max(0.5 * joint.half, 4.5)), joint.angle)
    return Abnormality((around,), defects, spurs)


def _spur(joint: Joint, side: int, way: int, u: float) -> Bone:
    """An osteophyte at one margin of one of the two ends."""
    across, along = side * joint.half * 0.96, way * (1.0 + 0.09 * joint.half)
    c, s = cos(joint.angle), sin(joint.angle)
    at = joint.at[0] + c * across - s * along, joint.at[1] + s * across + c * along
    size = joint.half * (0.17 + 0.12 * u)
    shape = lump((0, 0), (size * 1.5, size * 0.9)).shape
    return Bone(name="spur", shape=shape, at=at, angle=joint.angle + 0.5 * side * way, flatness=2.4,
                cortex=(0.8, 0.8), fill=(0.3, 0.3))  # fmt: skip


def fix(skeleton: Skeleton, grade: str, rng: np.random.Generator) -> Abnormality:
    """Hardware: a plate with screws, a nail, wires or a joint replacement."""
    if grade == "prosthesis":
        metal = prosthesis(skeleton, _joint(skeleton, rng), rng)
    else:
        bone, site, y = _somewhere(skeleton, rng)
        metal = {"plate": plate, "nail": nail, "wires": wires}[grade](skeleton, bone, site, y, rng)
    return Abnormality(tuple(metal), metal=tuple(metal))


MAKERS: Mapping[str, Callable[[Skeleton, str, np.random.Generator], Abnormality]] = {
    "fracture": break_bone,  # type: ignore[dict-item]
    "hardware": fix,
    "degenerate": wear,
    "lesion": lesion,
}
