"""The left shoulder from the front, the joint's middle at the origin: adult outlines in mm, +x away from the trunk."""

from __future__ import annotations

from dataclasses import replace
from math import radians

from xraybench.data.phantom.anatomy import Bone, Flesh, Placed
from xraybench.data.phantom.compound import Joined, Ring, lump, tube
from xraybench.data.phantom.shapes import Outline, Points, Shaft
from xraybench.data.phantom.skeleton import Joint, Person, Site, Skeleton, long_bone, own, spongy

# fmt: off
HUMERUS: Points = (
    (0, 15), (8, 20), (16, 20), (26, 17), (40, 13.6), (58, 11.8), (90, 11.2), (180, 11))
BLADE: Points = (
    (-29, 20), (-45, 32), (-80, 46), (-90, 20), (-82, -35), (-66, -108), (-56, -84), (-40, -42), (-29, -22))
TORSO: Points = (
    (-190, 100), (-110, 98), (-60, 72), (-10, 62), (22, 50), (28, 10), (4, -60), (-14, -150), (-190, -160))
# fmt: on


def _scapula(external: bool) -> list[Bone]:
    blade = Placed(shape=Outline(BLADE, rounding=9))
    border = tube((-30, -16), (-66, -108), 7, 5, 4, 4)
    spine = tube((-88, 12), (10, 33), 2.5, 3, 4, 6)
    acromion = lump((16, 36), (15, 8), radians(4), rounding=7)
    glenoid = lump((-24, -2), (6.5, 19), radians(-4), rounding=7)
    coracoid = tube((-38, 22), (-14, 20 if external else 16), 8, 7, 6)
    return [
        replace(spongy("blade", blade, 0.8), cortex=(0.5, 0.5), fill=(0.15, 0.2)),
        spongy("border", border, 1.3),
        spongy("spine", spine, 1.2),
        spongy("acromion", acromion, 1.9),
        spongy("glenoid", glenoid, 2.6),
        spongy("coracoid", coracoid, 2.2),
    ]


def _shoulder(person: Person, external: bool) -> Skeleton:
    tubercle = (-13.5, 9) if external else (-4.0, 12)
    lumps = (lump((8, 1), (22.5, 23.5), rounding=21), lump(tubercle, (9, 14), radians(-14), rounding=10))
    drop = 1.5 * person.form[0]
    humerus = long_bone(
        "humerus", (14, 4 - drop), (22, -176 - drop), HUMERUS, 12, (0.01, 0), lumps, cortex=3.6, open_end=True
    )
    ends = ((0, 6.5), (8, 7.8), (22, 6.4), (46, 5.4), (80, 5.6), (130, 7.5), (160, 8))
    bow = ((0, -1), (40, -6), (110, 7), (160, 3))
    clavicle = long_bone("clavicle", (5, 43), (-152, 56), ends, 5.8, (0.06, 0), bow=bow, cortex=1.8, open_end=True)
    ribs = [
        Bone(name=f"rib {n}", shape=Ring((116 + 8 * n, 60), 5.2, 0.0), at=(-190, 22 - 25 * n), flatness=1.3,
             angle=radians(-13), cortex=(0.9, 0.7), shaft=5)
        for n in range(5)
    ]  # fmt: skip
    bones = own((humerus, clavicle, *_scapula(external), *ribs), person, 1.4)
    torso = Flesh(shape=Outline(TORSO, rounding=55), depth=46 * person.stout)
    arm = Shaft(((-40, 40), (0, 42), (40, 44), (90, 42), (180, 40)), bottom=(-38, 0, 0.016))
    lung = Flesh(shape=Joined((Placed(shape=Shaft(((-150, 84), (0, 72), (60, 46), (84, 20)), top=(84, 0, -0.01))),)),
                 at=(-156, -34), depth=40)  # fmt: skip
    return Skeleton(
        bones=bones,
        flesh=(torso, Flesh(shape=arm, at=(14, 8), angle=radians(183), depth=40 * person.stout)),
        air=(lung,),
        field=(-104, -92, 66, 78),
        window=(0.55, 3.3),
        sites=(Site("humerus", 22, 78, 180), Site("clavicle", 24, 84, 160)),
        joints=(Joint(("humerus", "glenoid"), (-17, -1), radians(90), 17),),
        plates=(("humerus", 14.0),),
        ossicles=((31, 22), (6, 30)),
        landmark=("humerus", "glenoid", "acromion", "clavicle"),
    )


def shoulder_external(person: Person) -> Skeleton:
    """AP in external rotation: the greater tubercle in profile."""
    return _shoulder(person, external=True)


def shoulder_internal(person: Person) -> Skeleton:
    """AP in internal rotation: the greater tubercle over the head."""
    return _shoulder(person, external=False)


def humerus_proximal(person: Person) -> Skeleton:
    """The humerus with the shoulder, AP."""
    shoulder = _shoulder(person, external=True)
    return replace(
        shoulder, field=(-52, -142, 68, 58), sites=(Site("humerus", 26, 128, 180),), landmark=("humerus",),
        window=(0.45, 3.1),
    )  # fmt: skip


def humerus_proximal_internal(person: Person) -> Skeleton:
    """The humerus with the shoulder, turned inwards."""
    shoulder = _shoulder(person, external=False)
    return replace(
        shoulder, field=(-52, -142, 68, 58), sites=(Site("humerus", 26, 128, 180),), landmark=("humerus",),
        window=(0.45, 3.1),
    )  # fmt: skip
