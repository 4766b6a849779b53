"""Knee, ankle and foot: adult outlines in mm, +x to the body's left (AP) or to the front (lateral)."""

from __future__ import annotations

from math import radians

from xraybench.data.phantom.anatomy import Bone, Flesh
from xraybench.data.phantom.compound import lump, tube
from xraybench.data.phantom.parts.soft import limb_flesh
from xraybench.data.phantom.shapes import Outline, Points, Shaft
from xraybench.data.phantom.skeleton import Person, Skeleton, long_bone, own, spongy

# fmt: off
FEMUR: Points = ((0, 30), (8, 36), (18, 38.5), (28, 37), (44, 28), (64, 20), (92, 16.5), (200, 15))
TIBIA: Points = ((0, 36), (5, 38), (12, 36), (24, 27), (44, 19.5), (80, 15.5), (200, 14))
FIBULA: Points = ((0, 7), (8, 9.5), (18, 7.2), (40, 5.6), (200, 6))
FEMUR_SIDE: Points = ((0, 20), (18, 24), (36, 21), (60, 17), (90, 15.5), (200, 15))
TIBIA_SIDE: Points = ((0, 24), (8, 25), (22, 20), (46, 16), (90, 14.5), (200, 14))
TALUS: Points = ((-24, -8), (-20, 8), (-8, 15), (6, 14), (16, 6), (30, 4), (33, -8), (20, -12), (4, -13), (-12, -15))
HEEL: Points = ((-42, -8), (-44, 12), (-30, 20), (-8, 18), (12, 20), (30, 12), (36, -2), (24, -12), (0, -12), (-24,
-20))
METATARSALS: tuple[tuple[float, float, float, float], ...] = (  # base x, y, tilt in degrees, length
    (24, 44, -4, 60), (11, 50, -2, 72), (0, 48, 2, 69), (-11, 43, 7, 68), (-22, 36, 13, 68))
TARSALS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "calcaneus": ((-8, -30), (17, 26)), "talus": ((9, -14), (16, 22)), "navicular": ((14, 12), (18, 9)),
    "cuboid": ((-16, 14), (14, 20)), "cuneiform 1": ((24, 30), (9, 13)), "cuneiform 2": ((11, 35), (8, 12)),
    "cuneiform 3": ((0, 32), (8.5, 14))}
# fmt: on


def knee_ap(person: Person) -> Skeleton:
    """The knee from the front."""
    condyles = (lump((-20, 8), (19, 18)), lump((20, 9), (19, 18)))
    femur = long_bone("femur", (0, -1), (-6, 196), FEMUR, 16, (-0.006, 0), condyles, cortex=3.6, open_end=True, blend=7)
    spines = (lump((-5, -1), (5, 5)), lump((5, -1), (5, 5)))
    tibia = long_bone("tibia", (0, -10), (2, -206), TIBIA, 15, (0.0008, 0), spines, cortex=3.4, open_end=True)
    fibula = long_bone("fibula", (35, -26), (38, -222), FIBULA, 6, (0.03, 0), cortex=2, open_end=True)
    patella = spongy("patella", lump((-2, 30), (20, 22), rounding=14), 1.6)
    return Skeleton(
        bones=own((femur, tibia, fibula, patella), person, 1.2),
        flesh=limb_flesh(person, ((-210, 50), (-120, 58), (-40, 54), (10, 56), (60, 60), (210, 72)), 48),
        field=(-70, -92, 72, 100),
        window=(0.7, 3.6),
        landmark=("femur", "tibia", "fibula", "patella"),
    )


def knee_lateral(person: Person) -> Skeleton:
    """The knee, a little bent, from the side; +x to the front."""
    condyles = (lump((-12, 10), (25, 23), 0.4, rounding=17), lump((8, 12), (18, 18), rounding=15))
    femur = long_bone("femur", (0, 0), (22, 196), FEMUR_SIDE, 15, (0.01, 0), condyles, cortex=3.6, open_end=True)
    tuberosity = (lump((-15, 28), (8, 15), 0.2),)
    tibia = long_bone(
        "tibia", (-2, -14), (-22, -210), TIBIA_SIDE, 14.5, (0, 0), tuberosity, cortex=3.4, open_end=True, blend=9
    )
    fibula = long_bone("fibula", (-22, -38), (-42, -234), FIBULA, 6, (0.03, 0), cortex=2, open_end=True)
    patella = spongy("patella", lump((39, 24), (9, 20), radians(-8), rounding=8), 3.0)
    bow: Points = ((-220, -22), (0, -2), (220, 14))
    return Skeleton(
        bones=own((femur, tibia, fibula, patella), person, 1.2),
        flesh=limb_flesh(person, ((-220, 46), (-90, 52), (0, 55), (60, 56), (220, 68)), 46, bow),
        field=(-72, -96, 76, 96),
        window=(0.7, 3.6),
        landmark=("femur", "tibia", "fibula", "patella"),
    )


def ankle_lateral(person: Person) -> Skeleton:
    """Ankle and heel from the side; +x to the toes."""
    tibia = long_bone("tibia", (0, 14), (-8, 200), ((0, 19), (8, 19.5), (24, 15), (60, 12.5), (200, 13)), 13,
                      (-0.012, 0), cortex=3.2, open_end=True)  # fmt: skip
    fibula = long_bone("fibula", (-6, -4), (-14, 190), ((0, 6), (10, 8.5), (28, 7), (60, 6), (200, 6)), 6, (0.03, 0),
                       cortex=2, open_end=True)  # fmt: skip
    talus = Bone(
        name="talus", shape=Outline(TALUS, rounding=11), at=(2, -4), flatness=3, cortex=(0.8, 0.8), fill=(0.1, 0.25)
    )
    heel = Bone(name="calcaneus", shape=Outline(HEEL, rounding=12), at=(-14, -38), angle=radians(14), flatness=2.8,
                cortex=(0.9, 0.9), fill=(0.1, 0.22))  # fmt: skip
    tarsals = [spongy("navicular", lump((42, -10), (8, 15), 0.2)), spongy("cuboid", lump((36, -36), (15, 11), -0.2)),
               spongy("cuneiform", lump((60, -16), (13, 12), -0.2))]  # fmt: skip
    rays = [
        long_bone(
            f"metatarsal {n}", (72, -18 - 7 * n), (138, -36 - 6 * n), ((0, 8), (12, 5), (40, 4.5), (66, 6.5)), 4.6
        )
        for n in range(4)
    ]
    leg = Flesh(shape=Shaft(((-60, 26), (-20, 34), (30, 31), (80, 36), (200, 48)), bottom=(-62, 0, 0.03)), depth=32)
    foot = Flesh(
        shape=Shaft(((-70, 22), (-40, 30), (20, 36), (80, 31), (160, 20)), bottom=(-68, 0, 0.02)),
        at=(0, -34),
        angle=radians(-96),
        depth=34,
    )
    return Skeleton(
        bones=own((tibia, fibula, talus, heel, *tarsals, *rays), person, 1.0),
        flesh=(leg, foot),
        field=(-72, -72, 96, 92),
        window=(0.3, 2.9),
        landmark=("talus", "calcaneus", "tibia", "fibula"),
    )


def ankle_ap(person: Person) -> Skeleton:
    """The ankle mortise from the front."""
    malleolus = (lump((-19, -3), (8, 14), 0.1),)
    tibia = long_bone("tibia", (0, 0), (-2, 190), ((0, 22), (8, 23), (26, 17), (60, 12.5), (190, 13)), 13, (-0.002, 0),
                      malleolus, cortex=3.2, open_end=True)  # fmt: skip
    fibula = long_bone("fibula", (26, -22), (18, 190), ((0, 6), (12, 9.5), (32, 7), (70, 5.6), (200, 6)), 6, (0.04, 0),
                       cortex=2, open_end=True)  # fmt: skip
    talus = spongy("talus", lump((3, -15), (18, 11), rounding=10))
    heel = spongy("calcaneus", lump((8, -42), (19, 20), rounding=14), 2.4)
    return Skeleton(
        bones=own((tibia, fibula, talus, heel), person, 1.0),
        flesh=limb_flesh(person, ((-90, 38), (-40, 42), (0, 38), (50, 36), (190, 48)), 34),
        field=(-56, -66, 60, 96),
        window=(0.4, 3.0),
        landmark=("talus", "tibia", "fibula"),
    )


def foot_ap(person: Person) -> Skeleton:
    """The foot from above; the big toe at +x."""
    bones = [spongy(name, lump(at, half, rounding=8), 2.2) for name, (at, half) in TARSALS.items()]
    flesh: list[Flesh] = []
    for n, (x, y, tilt, length) in enumerate(METATARSALS):
        wide = 1.45 if n == 0 else 1.0
        end = x - length * float(radians(tilt)), y + length
        shaft = tuple(
            (share * length, w * wide) for share, w in ((0, 8), (0.15, 6), (0.4, 3.9), (0.75, 4.2), (0.92, 6), (1, 5.6))
        )
        bones.append(long_bone(f"metatarsal {n + 1}", (x, y), end, shaft, 4.2 * wide, (-0.01, -0.08), cortex=1.3))
        toes = (32, 24) if n == 0 else (24, 10, 8)
        at = end
        for k, toe in enumerate(toes):
            low = at[0] - 0.08 * (n - 1.0) * toe, at[1] + toe
            profile = tuple((share * toe, w * wide) for share, w in ((0, 5.6), (0.4, 3.3), (0.8, 3.6), (1, 4.4)))
            bones.append(
                long_bone(f"toe {n + 1} {k}", (at[0], at[1] + 2), low, profile, 3.2 * wide, (-0.03, -0.08), cortex=1.0)
            )
            at = low
        flesh.append(
            Flesh(shape=tube(end, (at[0], at[1] + 6), 10 * wide, 8.5 * wide).shape, at=end, depth=9, angle=0.0)
        )
    sole = Shaft(((-80, 28), (-50, 33), (0, 38), (60, 44), (112, 48)), top=(124, -0.25, -0.006), bottom=(-72, 0, 0.02))
    return Skeleton(
        bones=own(tuple(bones), person, 0.8),
        flesh=(Flesh(shape=sole, depth=24), *flesh),
        field=(-64, -66, 62, 192),
        window=(-0.2, 2.5),
        landmark=("metatarsal", "toe", "navicular", "cuboid", "cuneiform"),
    )
