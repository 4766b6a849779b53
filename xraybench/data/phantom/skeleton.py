"""A part of the body as one projection shows it: what a table of bones is made of, and what may be found where."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import atan2, cos, hypot, radians, sin

import numpy as np

from xraybench.data.phantom.anatomy import Bone, Defect, Flesh, Placed
from xraybench.data.phantom.compound import Box, Joined, bearing
from xraybench.data.phantom.shapes import Points, Shaft

Point = tuple[float, float]


@dataclass(frozen=True)
class Person:
    """Who is radiographed: draws that are the same in all views and at every image size.

    age: years; size: of the person over the tables'; stout: breadth of the soft tissue, dense: of bone, both about 1;
    jitter: [48,4] standard-normal draws for the bones' places (2), turns and sizes, in the order of the bones; form:
    [8] draws for what differs between people in a part (bends, lengths).
    """

    age: float
    male: bool
    size: float
    stout: float
    dense: float
    jitter: np.ndarray
    form: np.ndarray

    @property
    def growing(self) -> bool:
        """Whether the growth plates are open."""
        return self.age < 16


@dataclass(frozen=True)
class Site:
    """Where a bone may break, carry a plate or hold a lesion: from `low` to `high` along its own y, mm.

    end: where the far fragment ends, along y.
    """

    bone: str
    low: float
    high: float
    end: float


@dataclass(frozen=True)
class Joint:
    """Where two bones meet: its middle (body, mm), the turn of its line (radians) and half the line's length.

    stems: the bones that a joint replacement is anchored in, where they are others.
    """

    bones: tuple[str, str]
    at: Point
    angle: float
    half: float
    stems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Skeleton:
    """Bones and soft tissue in mm of the tables, +x to the thumb or the body's left.

    field: what the collimator shows; window: the attenuation shown as black and as white; hollows: what is thin in a
    normal bone, by bone; air: lungs and gas, which take the place of soft tissue; plates: growth plates as (bone, y,
    turn up or down the bone) while growing; ossicles: where sesamoid and accessory bones lie; landmark: the bones, or
    shapes, that define the region.
    """

    bones: tuple[Bone, ...]
    flesh: tuple[Flesh, ...]
    field: Box
    window: tuple[float, float]
    sites: tuple[Site, ...] = ()
    joints: tuple[Joint, ...] = ()
    hollows: Mapping[str, tuple[Defect, ...]] = dataclasses.field(default_factory=dict)
    air: tuple[Flesh, ...] = ()
    plates: tuple[tuple[str, float], ...] = ()
    ossicles: tuple[Point, ...] = ()
    landmark: tuple[str, ...] = ()

    def bone(self, name: str) -> Bone:
        """The bone of a name."""
        return next(bone for bone in self.bones if bone.name == name)

    @property
    def unit(self) -> float:
        """How much coarser than a wrist's a finding is drawn here, so that it shows at the same image size."""
        left, bottom, right, top = self.field
        return float(max(1.0, max(right - left, top - bottom) / 95) ** 0.8)


def long_bone(
    name: str, start: Point, end: Point, widths: Points, shaft: float, ends: tuple[float, float] = (0.02, -0.02),
    lumps: tuple[Placed, ...] = (), bow: Points | None = None, cortex: float = 2.0, blend: float = 4.0,
    open_end: bool = False,
) -> Bone:  # fmt: skip
    """A bone from start to end (mm); its own y runs from 0 there to its length here.

    widths: half-width by y; ends: curvature of its first and last end (1/mm; first positive and last negative are
    convex); lumps: what grows on it, in its own coordinates; open_end: it runs on beyond the image.
    """
    length = hypot(end[0] - start[0], end[1] - start[1])
    top = None if open_end else (length, 0.0, ends[1])
    shape: Shaft | Joined = Shaft(widths, top=top, bottom=(0, 0, ends[0]), bow=bow, blend=blend)
    if lumps:
        shape = Joined((Placed(shape=shape), *lumps), blend=blend)
    return Bone(
        name=name,
        shape=shape,
        at=start,
        angle=bearing(start, end),
        shaft=shaft,
        cortex=(cortex, 0.6),
        fill=(0.06, 0.27),
    )


def spongy(name: str, placed: Placed, flatness: float = 2.9) -> Bone:
    """A short bone without a shaft: a carpal, a tarsal, the body of a vertebra."""
    return Bone(
        name=name, shape=placed.shape, at=placed.at, angle=placed.angle, flatness=flatness, cortex=(0.7, 0.7),
        fill=(0.05, 0.25),
    )  # fmt: skip


def own(bones: tuple[Bone, ...], person: Person, loose: float = 1.0) -> tuple[Bone, ...]:
    """A person's own bones: each shifted, turned and sized a little."""
    made = []
    for bone, draws in zip(bones, np.resize(person.jitter, (len(bones), 4)).tolist(), strict=True):
        at = bone.at[0] + 0.4 * loose * draws[0], bone.at[1] + 0.4 * loose * draws[1]
        turn, swell = radians(0.8) * loose * draws[2], 1 + 0.02 * loose * draws[3]
        made.append(replace(bone, at=at, angle=bone.angle + turn, scale=bone.scale * swell))
    return tuple(made)


def oblique(skeleton: Skeleton, turn: float) -> Skeleton:
    """The same part turned by `turn` radians about the body's y axis: everything draws together sideways."""
    narrow = cos(turn)

    def turned(angle: float) -> float:
        return atan2(sin(angle) * narrow, cos(angle))

    bones = tuple(replace(b, at=(b.at[0] * narrow, b.at[1]), angle=turned(b.angle)) for b in skeleton.bones)
    flesh = tuple(replace(f, at=(f.at[0] * narrow, f.at[1]), angle=turned(f.angle)) for f in skeleton.flesh)
    joints = tuple(replace(j, at=(j.at[0] * narrow, j.at[1])) for j in skeleton.joints)
    ossicles = tuple((x * narrow, y) for x, y in skeleton.ossicles)
    left, bottom, right, top = skeleton.field
    spread = (left * narrow - 4, bottom, right * narrow + 4, top)
    return replace(skeleton, bones=bones, flesh=flesh, joints=joints, ossicles=ossicles, field=spread)
