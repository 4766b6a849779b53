"""Wrist, hand and fingers, PA and from the side: the wrist's tables, and phalanges in mm; the thumb at +x.

Lengths of phalanges: Greulich & Pyle's standards of grown hands, rounded.
"""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians, sin

from xraybench.data.phantom import wrist_anatomy, wrist_lateral_anatomy
from xraybench.data.phantom.anatomy import Bone, Flesh
from xraybench.data.phantom.shapes import Points, Shaft
from xraybench.data.phantom.skeleton import Joint, Person, Point, Site, Skeleton, long_bone, own
from xraybench.data.phantom.wrist_anatomy import METACARPALS, Build

# fmt: off
LENGTHS: dict[int, tuple[float, ...]] = {  # proximal, middle, distal phalanx
    1: (31, 23), 2: (40, 24, 17.5), 3: (44, 28, 18.5), 4: (41, 26.5, 18.5), 5: (33, 19, 17)}
TILTS: dict[int, float] = {1: -33, 2: -5, 3: 1, 4: 6, 5: 14}  # degrees, before a person's own spread
PROXIMAL: Points = ((0, 7.4), (0.12, 7.0), (0.3, 5.0), (0.55, 4.5), (0.75, 4.7), (0.9, 5.8), (1, 5.9))
MIDDLE: Points = ((0, 6.5), (0.12, 6.2), (0.35, 4.2), (0.6, 3.8), (0.78, 4.1), (0.9, 5.0), (1, 5.0))
DISTAL: Points = ((0, 5.6), (0.15, 5.0), (0.45, 2.7), (0.7, 2.4), (0.88, 3.8), (1, 3.6))
NAMES = ("proximal", "middle", "distal")
PALM: Points = ((-160, 40), (-70, 35), (-45, 32), (-25, 30), (-8, 28.5), (6, 28.5), (20, 31), (40, 38), (70, 43),
(100, 43))
# fmt: on


def build_of(person: Person) -> Build:
    """The wrist of a person, in the tables' mm; of an adult where the person is one."""
    return Build(max(person.age, 5.0), person.male, 1.0, person.stout, 1.0, person.jitter)


def _phalanx(name: str, start: Point, tilt: float, length: float, profile: Points, breadth: float) -> Bone:
    end = start[0] - sin(radians(tilt)) * length, start[1] + cos(radians(tilt)) * length
    widths = tuple((y * length, width * breadth) for y, width in profile)
    ends = (-0.03, -0.10) if profile is DISTAL else (-0.02, -0.05)
    return long_bone(name, start, end, widths, 4.2 * breadth, ends, cortex=1.2, blend=2.5)


def _beyond(start: Point, tilt: float, by: float) -> Point:
    return start[0] - sin(radians(tilt)) * by, start[1] + cos(radians(tilt)) * by


def fingers(person: Person) -> tuple[list[Bone], list[Flesh], list[Joint]]:
    """All phalanges, the digits' soft tissue, and the joints between phalanges."""
    bones: list[Bone] = []
    flesh, joints = [], []
    spread = 1.0 + 0.25 * person.form[2]
    for digit, lengths in LENGTHS.items():
        base, tilt, share, _ = METACARPALS[digit]
        at = _beyond(base, tilt, 65 * share + 1.8)
        lean, breadth = TILTS[digit] * spread, 0.9 if digit == 5 else 1.05 if digit == 1 else 1.0
        root = at
        for number, length in enumerate(lengths):
            kind = number if digit > 1 else (0, 2)[number]
            profile = (PROXIMAL, MIDDLE, DISTAL)[kind]
            bones.append(_phalanx(f"{NAMES[kind]} {digit}", at, lean, length, profile, breadth))
            if number:
                joints.append(Joint((bones[-2].name, bones[-1].name), _beyond(at, lean, -0.7), radians(lean), 6.2))
            at = _beyond(at, lean, length + 1.4)
            lean += 1.2 * person.form[3]
        reach = sum(lengths) + 6
        widths = ((-22.0, 8.0), (0.0, 10.5), (0.4 * reach, 9.6), (0.75 * reach, 8.8), (reach, 7.8))
        shape = Shaft(tuple((y, width * breadth) for y, width in widths), top=(reach, 0, -0.08), bottom=(-22, 0, 0.08))
        flesh.append(Flesh(shape=shape, at=root, angle=radians(TILTS[digit] * spread), depth=8.6))
    return bones, flesh, joints


def hand_pa(person: Person) -> Skeleton:
    """The whole hand, flat on the film."""
    build = build_of(person)
    phalanges, digits, joints = fingers(person)
    palm = Shaft(
        tuple((y, width * person.stout) for y, width in PALM), top=(97, 0.05, -0.006), bow=wrist_anatomy.PALM_AXIS
    )
    flesh = (Flesh(shape=palm, depth=14), *wrist_anatomy.flesh(build)[1:], *digits)
    sites = [Site(f"metacarpal {n}", 10, 48 * METACARPALS[n][2], 62) for n in (2, 3, 4, 5)]
    sites += [Site(f"proximal {n}", 8, LENGTHS[n][0] - 9, LENGTHS[n][0]) for n in LENGTHS]
    sites += [Site(f"middle {n}", 6, LENGTHS[n][1] - 7, LENGTHS[n][1]) for n in (2, 3, 4, 5)]
    plates = tuple((f"proximal {n}", 3.6) for n in LENGTHS) + tuple((f"middle {n}", 3.2) for n in (2, 3, 4, 5))
    return Skeleton(
        bones=(*wrist_anatomy.bones(build), *own(tuple(phalanges), person, 0.8)),
        flesh=flesh,
        field=(-58, -8, 76, 186),
        window=(-0.35, 1.85),
        sites=tuple(sites),
        joints=tuple(joints),
        plates=plates,
        ossicles=((50, 66), (61, 62), (4, 92), (-40, 84)),
        landmark=("metacarpal", "proximal", "middle", "distal"),
    )


def metacarpus(person: Person) -> Skeleton:
    """The middle of the hand, coned to the metacarpals."""
    hand = hand_pa(person)
    digits = {f"{name} {n}" for n in (2, 3, 4, 5) for name in ("metacarpal", "proximal")}
    return replace(
        hand,
        field=(-56, 6, 50, 116),
        sites=tuple(site for site in hand.sites if site.bone.startswith("metacarpal")),
        joints=tuple(
            Joint(
                (f"metacarpal {n}", f"proximal {n}"), hand.bone(f"proximal {n}").place(0, -0.9), radians(TILTS[n]), 6.6
            )
            for n in (2, 3, 4, 5)
        ),
        landmark=tuple(sorted(digits)),
    )


def finger_pa(person: Person) -> Skeleton:
    """One finger (which one is the person's own), PA, between its neighbours."""
    hand, digit = hand_pa(person), _digit(person)
    at = hand.bone(f"proximal {digit}").at
    tip = hand.bone(f"distal {digit}").at
    x, reach = (at[0] + tip[0]) / 2, 25
    proximal, middle, _ = LENGTHS[digit]
    sites = (Site(f"proximal {digit}", 8, proximal - 8, proximal), Site(f"middle {digit}", 6, middle - 6, middle))
    names = {f"{name} {digit}" for name in NAMES}
    return replace(
        hand,
        field=(x - reach, at[1] - 10, x + reach, tip[1] + 26),
        window=(-0.3, 1.55),
        sites=sites,
        joints=tuple(joint for joint in hand.joints if set(joint.bones) <= names),
        ossicles=((at[0] + 6, at[1] - 4), (tip[0] - 5, tip[1] - 2)),
        landmark=tuple(sorted(names)),
    )


def _digit(person: Person) -> int:
    return 2 + int(abs(person.form[7]) * 1000) % 3


def finger_lateral(person: Person) -> Skeleton:
    """One finger from the side, a little bent, its knuckle over the others'."""
    digit = _digit(person)
    bones: list[Bone] = []
    flesh, joints = [], []
    at, lean = (0.0, 0.0), 4.0 + 4 * person.form[4]
    for kind, (length, profile) in enumerate(zip(LENGTHS[digit], (PROXIMAL, MIDDLE, DISTAL), strict=True)):
        bones.append(_phalanx(f"{NAMES[kind]} {digit}", at, lean, length, profile, 0.84))
        pad = Shaft(((-8, 9.5), (length / 2, 8.4), (length + 6, 8.2)), top=(length + 6, 0, -0.09), bottom=(-9, 0, 0.05))
        flesh.append(Flesh(shape=pad, at=at, angle=radians(lean), depth=8.5))
        end = _beyond(at, lean, length + 1.4)
        if kind < 2:
            meeting = (f"{NAMES[kind]} {digit}", f"{NAMES[kind + 1]} {digit}")
            joints.append(Joint(meeting, _beyond(at, lean, length + 0.7), radians(lean), 5.2))
        at, lean = end, lean + 9 + 4 * person.form[5]
    heads = [
        long_bone(f"metacarpal {n}", (x, -66), (x + lean_x, y), ((0, 4.5), (40, 4.2), (56, 5.6), (66, 6.4)), 4.2,
                  (0, -0.09), cortex=1.2)
        for n, x, lean_x, y in ((3, 0, 0, -2), (4, 7, 3, -8), (5, 14, 6, -14))
    ]  # fmt: skip
    back = Shaft(((-90, 24), (-40, 22), (-10, 16), (4, 8)), top=(6, 0, -0.02), bow=((-90, 6), (-30, 6), (4, 1)))
    proximal, middle, _ = LENGTHS[digit]
    return Skeleton(
        bones=own((*bones, *heads), person, 0.8),
        flesh=(*flesh, Flesh(shape=back, depth=22)),
        field=(-40, -16, 20, 94),
        window=(-0.3, 1.7),
        sites=(Site(f"proximal {digit}", 8, proximal - 8, proximal), Site(f"middle {digit}", 6, middle - 6, middle)),
        joints=tuple(joints),
        plates=((f"proximal {digit}", 3.6), (f"middle {digit}", 3.2)),
        ossicles=((8, 0), (-2, 45)),
        landmark=tuple(bone.name for bone in bones),
    )


def wrist_pa(person: Person) -> Skeleton:
    """The wrist, PA: as phantom-wrist draws it."""
    build = build_of(person)
    radial = Joint(("radius epiphysis", "scaphoid"), (4, 4), radians(-3.5), 12, ("radius", "metacarpal 3"))
    return Skeleton(
        bones=tuple(wrist_anatomy.bones(build)),
        flesh=tuple(wrist_anatomy.flesh(build)),
        field=(-40, -46, 38, 50),
        window=(-0.2, 1.85),
        sites=(Site("radius", -40, -9, -5), Site("ulna", -36, -6, 0)),
        joints=(radial,),
        ossicles=((-16, 4), (0, 33)),
        landmark=("scaphoid", "lunate", "triquetrum", "capitate", "hamate", "trapez", "radius", "ulna"),
    )


def wrist_lateral(person: Person) -> Skeleton:
    """The wrist from the side."""
    build = build_of(person)
    return Skeleton(
        bones=tuple(wrist_lateral_anatomy.bones(build)),
        flesh=tuple(wrist_lateral_anatomy.flesh(build)),
        field=(-31, -46, 35, 50),
        window=(0.0, 2.6),
        sites=(Site("radius", -40, -9, -5), Site("ulna", -36, -6, 0)),
        joints=(Joint(("radius epiphysis", "scaphoid"), (1, 2.2), radians(8), 9, ("radius", "metacarpal 3")),),
        ossicles=((-9, 8), (-8, 27)),
        landmark=("scaphoid", "lunate", "triquetrum", "capitate", "hamate", "trapez", "radius", "ulna"),
    )


def _whole(bone: Bone) -> Bone:
    """A bone of the forearm that runs on beyond the wrist's tables."""
    if bone.name not in ("radius", "ulna"):
        return bone
    assert isinstance(bone.shape, Shaft)
    return replace(bone, shape=replace(bone.shape, widths=((-240, bone.shape.widths[0][1] + 0.3), *bone.shape.widths)))


def forearm_distal(person: Person) -> Skeleton:
    """The forearm with the wrist, from the front."""
    wrist = wrist_pa(person)
    return replace(
        wrist,
        bones=tuple(_whole(bone) for bone in wrist.bones),
        field=(-52, -136, 40, 38),
        sites=(Site("radius", -110, -14, -5), Site("ulna", -110, -12, 0)),
        landmark=("radius", "ulna"),
    )


def forearm_distal_lateral(person: Person) -> Skeleton:
    """The forearm with the wrist, from the side."""
    wrist = wrist_lateral(person)
    return replace(
        wrist,
        bones=tuple(_whole(bone) for bone in wrist.bones),
        field=(-36, -136, 40, 38),
        window=(0.0, 2.7),
        sites=(Site("radius", -110, -14, -5), Site("ulna", -110, -12, 0)),
        landmark=("radius", "ulna"),
    )
