"""The elbow, and the two long bones that meet there: adult outlines in mm, the joint's middle at the origin.

AP: +x to the thumb's side, the upper arm upwards. Lateral: the forearm bent to +x.
"""

from __future__ import annotations

from dataclasses import replace
from math import radians

from xraybench.data.phantom.anatomy import Bone, Flesh
from xraybench.data.phantom.blemishes import Spot
from xraybench.data.phantom.compound import lump
from xraybench.data.phantom.parts.soft import limb_flesh
from xraybench.data.phantom.shapes import Points, Shaft
from xraybench.data.phantom.skeleton import Joint, Person, Site, Skeleton, long_bone, own

# fmt: off
HUMERUS: Points = (
    (0, 17), (6, 20), (14, 22), (22, 21.5), (30, 18.5), (40, 14.8), (55, 11.8), (80, 10.3), (150, 10.6), (190, 11.2))
ULNA: Points = (
    (0, 6), (4, 9.5), (12, 11.6), (24, 12), (34, 12.4), (44, 9.6), (62, 7.4), (100, 6.4), (180, 6.2))
RADIUS: Points = (
    (0, 10.2), (6, 10.8), (11, 9.6), (16, 7.4), (24, 6.6), (36, 8.2), (48, 7.0), (80, 6.4), (130, 7.2), (180, 7.0))
HUMERUS_SIDE: Points = (
    (-4, 9), (8, 11), (18, 9.5), (27, 8.0), (36, 8.6), (50, 10.4), (90, 10.4), (190, 10.8))
ULNA_SIDE: Points = ((0, 8.5), (14, 10.0), (24, 9.5), (38, 9.8), (52, 8.0), (80, 6.8), (180, 6.4))
RADIUS_SIDE: Points = ((0, 10.4), (6, 10.8), (11, 9.2), (17, 7.0), (30, 7.2), (38, 7.8), (50, 6.6), (180, 6.8))
# fmt: on
FOSSA = Spot((0.0, 26.0), (9.0, 6.5), loss=0.55, soft=4.0)
FOSSA_SIDE = Spot((0.0, 25.0), (3.2, 7.0), loss=0.5, soft=3.0)


def arm(person: Person) -> tuple[tuple[Bone, ...], Joint, dict[str, tuple[Spot, ...]]]:
    """Humerus, ulna and radius in AP view, their joint and the olecranon fossa."""
    carry = 8 + 3 * person.form[0]
    lumps = (
        lump((-21, 19), (9.5, 8), 0.6, rounding=9), lump((18, 19), (8, 8), -0.5, rounding=9),
        lump((-13, 2.5), (9.5, 9.5)), lump((12, 3), (10, 10)),
    )  # fmt: skip
    humerus = long_bone("humerus", (0, 1), (3, 190), HUMERUS, 11, (0, 0), lumps, open_end=True, cortex=3.4, blend=9)
    ulna = long_bone("ulna", (-5, 23), (-10 + carry, -157), ULNA, 6.5, (0.05, 0), cortex=2.4, open_end=True)
    ulna = replace(ulna, flatness=2.0)
    radius = long_bone("radius", (14, -11), (16 + carry, -190), RADIUS, 6.6, (-0.004, 0), cortex=2.2, open_end=True)
    joint = Joint(("humerus", "radius"), (0, -9), radians(180), 23)
    return own((humerus, ulna, radius), person), joint, {"humerus": (FOSSA,)}


def elbow_ap(person: Person) -> Skeleton:
    """The straight elbow from the front."""
    bones, joint, hollows = arm(person)
    return Skeleton(
        bones=bones,
        flesh=limb_flesh(person, ((-190, 32), (-90, 38), (-20, 42), (30, 40), (90, 39), (190, 41)), 30),
        field=(-52, -68, 54, 72),
        window=(0.1, 2.6),
        sites=(Site("humerus", 26, 62, -8), Site("radius", 9, 48, 180), Site("ulna", 38, 78, 180)),
        joints=(joint,),
        hollows=hollows,
        plates=(("humerus", 12.0), ("radius", 6.0)),
        ossicles=((-31, 8), (27, 6)),
        landmark=("humerus", "ulna", "radius"),
    )


def elbow_lateral(person: Person) -> Skeleton:
    """The elbow bent by about a right angle, from the side."""
    bent = radians(6 * person.form[1])
    lumps = (lump((2.5, 0), (12, 12), rounding=11),)
    humerus = long_bone("humerus", (0, 0), (-8, 190), HUMERUS_SIDE, 10, (0.02, 0), lumps, open_end=True, cortex=3.4)
    grown = (lump((-13, 4), (21, 8.5), 0.06, rounding=8), lump((-9.5, 44), (6, 7.5), -0.5))
    ulna = long_bone(
        "ulna", (-28, -25), (156, -27), ULNA_SIDE, 6.6, (0.04, 0), grown, cortex=2.4, open_end=True, blend=6
    )
    radius = long_bone("radius", (14.5, -1), (190, -14), RADIUS_SIDE, 6.6, (-0.006, 0), cortex=2.2, open_end=True)
    bones = own((humerus, ulna, radius), person)
    upper = Flesh(shape=Shaft(((-40, 30), (0, 36), (60, 41), (190, 46)), bottom=(-38, 0, 0.01)), depth=32)
    fore = Shaft(((-36, 22), (0, 34), (60, 38), (190, 31)), bottom=(-36, 0, 0.012))
    lower = Flesh(shape=fore, at=(0, -14), angle=radians(-90) + bent, depth=30)
    return Skeleton(
        bones=bones,
        flesh=(replace(upper, at=(-4, 0)), lower),
        field=(-46, -56, 88, 82),
        window=(0.1, 2.7),
        sites=(Site("humerus", 26, 62, -8), Site("radius", 9, 48, 180), Site("ulna", 38, 78, 180)),
        joints=(Joint(("humerus", "radius"), (13.5, -1), radians(-90), 11),),
        hollows={"humerus": (FOSSA_SIDE,)},
        plates=(("humerus", 11.0), ("radius", 6.0)),
        ossicles=((-16, 22),),
        landmark=("humerus", "ulna", "radius"),
    )


def humerus_distal(person: Person) -> Skeleton:
    """The humerus with the elbow, from the front."""
    elbow = elbow_ap(person)
    return replace(
        elbow,
        field=(-56, -34, 58, 158),
        sites=(Site("humerus", 34, 130, -8),),
        landmark=("humerus",),
    )


def humerus_distal_lateral(person: Person) -> Skeleton:
    """The humerus with the bent elbow, from the side."""
    elbow = elbow_lateral(person)
    return replace(
        elbow,
        field=(-52, -42, 72, 158),
        sites=(Site("humerus", 34, 130, -8),),
        landmark=("humerus",),
    )


def forearm_proximal(person: Person) -> Skeleton:
    """The forearm with the elbow, from the front."""
    elbow = elbow_ap(person)
    return replace(
        elbow,
        field=(-48, -158, 56, 30),
        sites=(Site("radius", 14, 125, 180), Site("ulna", 46, 160, 180)),
        landmark=("radius", "ulna"),
    )


def forearm_proximal_lateral(person: Person) -> Skeleton:
    """The forearm with the bent elbow, from the side."""
    elbow = elbow_lateral(person)
    return replace(
        elbow,
        field=(-46, -66, 150, 46),
        sites=(Site("radius", 14, 125, 180), Site("ulna", 46, 160, 180)),
        landmark=("radius", "ulna"),
    )
