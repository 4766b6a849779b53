"""Head and trunk: adult outlines in mm, +x to the body's left (AP) or to the front (lateral), +y to the head."""

from __future__ import annotations

from dataclasses import replace
from math import cos, pi, radians, sin

from xraybench.data.phantom.anatomy import Bone, Flesh
from xraybench.data.phantom.compound import Ring, lump, tube
from xraybench.data.phantom.shapes import Outline, Points, Shaft, ellipse
from xraybench.data.phantom.skeleton import Person, Point, Skeleton, long_bone, own, spongy

# fmt: off
LUNG: Points = (  # the left one
    (28, 118), (52, 122), (78, 96), (100, 40), (112, -30), (116, -92), (84, -74), (60, -68), (54, -40), (40, -6),
    (24, 30))
ILIUM: Points = (  # the left one
    (36, 16), (46, 52), (78, 92), (112, 98), (136, 74), (130, 40), (112, 8), (108, -28), (84, -46), (60, -30), (48, -6))
SACRUM: Points = ((-46, 46), (0, 52), (46, 46), (40, 20), (24, -24), (10, -60), (0, -66), (-10, -60), (-24, -24),
    (-40, 20))
THIGH: Points = ((0, 12), (30, 20), (60, 18), (90, 16.5), (200, 15.5))
FACE: Points = (
    (30, -22), (62, -8), (78, -4), (84, -26), (94, -42), (84, -52), (88, -70), (62, -74), (36, -66), (24, -44))
# fmt: on


def _plate(name: str, points: Points, flatness: float, rounding: float, at: Point = (0, 0)) -> Bone:
    """A flat bone."""
    return Bone(
        name=name,
        shape=Outline(points, rounding=rounding),
        at=at,
        flatness=flatness,
        cortex=(0.9, 0.9),
        fill=(0.1, 0.2),
    )


def _mirrored(bone: Bone) -> Bone:
    """The other side's bone: an outline, its points mirrored."""
    assert isinstance(bone.shape, Outline)
    points = tuple((-x, y) for x, y in bone.shape.points)
    return replace(bone, shape=replace(bone.shape, points=points), at=(-bone.at[0], bone.at[1]), angle=-bone.angle)


def body_of(name: str, at: Point, half: Point, angle: float = 0.0, flatness: float = 3.0) -> Bone:
    """The body of a vertebra: a box of half-axes `half` with rounded corners and a waist."""
    angles = [2 * pi * k / 16 for k in range(16)]
    points = []
    for a in angles:
        reach = (abs(cos(a)) ** 5 + abs(sin(a)) ** 5) ** (-1 / 5)
        waist = 1 - 0.09 * (1 - abs(sin(a))) ** 2
        points.append((half[0] * reach * cos(a) * waist, half[1] * reach * sin(a)))
    shape = Outline(tuple(points), rounding=0.7 * min(half))
    return Bone(name=name, shape=shape, at=at, angle=angle, flatness=flatness, cortex=(1.0, 1.0), fill=(0.1, 0.22))


def spine_ap(low: float, count: int, half: Point, pitch: float) -> list[Bone]:
    """Vertebrae from the front, upwards from y = low: bodies, pedicles, spinous and transverse processes."""
    bones = []
    for n in range(count):
        y = low + n * pitch
        bones.append(body_of(f"vertebra {n}", (0, y), half))
        bones.append(spongy(f"spinous {n}", lump((0, y - 0.45 * pitch), (0.14 * half[0], 0.32 * pitch)), 3.0))
        for side in (-1, 1):
            root = side * 0.72 * half[0], y + 0.2 * half[1]
            bones.append(Bone(name=f"pedicle {n}", shape=Ring((0.17 * half[0], 0.32 * half[1]), 1.3), at=root,
                              flatness=3.0, cortex=(1.0, 1.0)))  # fmt: skip
            end = side * 1.75 * half[0], y + 0.1 * half[1]
            bones.append(
                spongy(f"transverse {n}", tube((side * 0.9 * half[0], y + 2), end, 0.15 * half[0], 0.1 * half[0]), 1.6)
            )
    return bones


def _ribs(count: int, top: float, step: float, half: float, wide: float) -> list[Bone]:
    """Both sides' ribs: the backs of ellipses that come down from the spine, and fainter fronts."""
    bones = []
    for n in range(count):
        reach = half * (0.62 + 0.38 * min(n / 4, 1))
        for side in (-1, 1):
            back = Ring((reach, 36 + 4 * n), wide, -0.25)
            bones.append(Bone(name=f"rib {n}", shape=back, at=(side * 0.14 * reach, top - step * n - 20),
                              angle=radians(-6 * side), flatness=1.5, cortex=(1.0, 0.8), shaft=5))  # fmt: skip
    return bones


def chest(person: Person) -> Skeleton:
    """The chest, PA."""
    left = Outline(LUNG, rounding=40)
    right = replace(left, points=tuple((-x * (0.98 if y > -30 else 0.92), y) for x, y in LUNG))
    column = spine_ap(-130, 12, (15, 10.5), 24)[::6]
    clavicles = [
        long_bone(
            "clavicle", (side * 14, 108), (side * 132, 128), ((0, 8), (20, 6), (60, 5.4), (120, 6)), 5.6, cortex=1.6
        )
        for side in (-1, 1)
    ]
    blades = [spongy("blade", tube((side * 118, 96), (side * 138, -10), 9, 14, 8), 0.5) for side in (-1, 1)]
    torso = Shaft(((-190, 150), (-60, 156), (60, 160), (118, 150), (140, 96), (152, 44), (220, 40)))
    return Skeleton(
        bones=own((*_ribs(9, 120, 21, 118, 5.0), *column, *clavicles, *blades), person, 1.5),
        flesh=(Flesh(shape=torso, depth=70 * person.stout),),
        air=(Flesh(shape=left, depth=49), Flesh(shape=right, depth=49)),
        field=(-158, -150, 158, 158),
        window=(0.35, 3.7),
        landmark=("air",),
    )


def _hip(person: Person) -> list[Bone]:
    ilium = _plate("ilium", ILIUM, 1.1, 16)
    parts: list[Bone] = [ilium, _mirrored(ilium), _plate("sacrum", SACRUM, 2.0, 18, (0, 34))]
    for side in (-1, 1):
        parts += [
            Bone(name="ischium", shape=Ring((21, 27), 9.0), at=(side * 47, -64), angle=radians(24 * side),
                 flatness=2.4, cortex=(1.2, 1.0)),
            spongy("pubis", tube((side * 6, -50), (side * 76, -26), 9, 8, 12), 1.9),
            Bone(name="acetabulum", shape=Ring((27, 27), 2.0, 0.1), at=(side * 92, -34),
                 angle=radians(-30 * side), flatness=4, cortex=(1.5, 1.5)),
        ]  # fmt: skip
        head = (lump((side * 30, 4), (23, 23), rounding=21), lump((-side * 13, 8), (13, 17), rounding=12))
        neck = (lump((side * 14, 14), (22, 13), radians(-28 * side), rounding=12),)
        parts.append(
            long_bone("femur", (side * 122, -38), (side * 112, -240), THIGH, 16, (0.01, 0), (*head, *neck), cortex=4.2,
                      open_end=True, blend=8)
        )  # fmt: skip
    return parts


def pelvis(person: Person) -> Skeleton:
    """The pelvis with both hips, AP."""
    column = spine_ap(96, 2, (26, 15), 36)
    torso = Shaft(((-240, 168), (-60, 182), (20, 176), (90, 160), (220, 150)))
    return Skeleton(
        bones=own((*_hip(person), *column), person, 1.5),
        flesh=(Flesh(shape=torso, depth=76 * person.stout),),
        air=(Flesh(shape=Outline(ellipse(22, 16), rounding=14), at=(30, 70), depth=11),
             Flesh(shape=Outline(ellipse(14, 12), rounding=10), at=(-4, -8), depth=9)),
        field=(-172, -128, 172, 128),
        window=(1.8, 4.6),
        landmark=("ilium", "sacrum", "ischium", "pubis", "femur", "acetabulum"),
    )  # fmt: skip


def abdomen(person: Person) -> Skeleton:
    """The abdomen, AP: bowel gas over the lumbar spine."""
    ilium = _plate("ilium", ILIUM, 1.1, 16, (0, -208))
    crests = (ilium, _mirrored(ilium), _plate("sacrum", SACRUM, 2.0, 18, (0, -172)))
    torso = Shaft(((-260, 164), (-60, 150), (60, 150), (160, 160), (300, 160)))
    loops = ((-96, 60, 20, 30), (-104, 0, 18, 34), (-60, 96, 34, 15), (10, 100, 36, 14), (84, 92, 26, 20),
             (108, 30, 16, 36), (40, -50, 17, 12), (-30, -86, 20, 13), (70, -90, 15, 12),
             (-70, -60, 14, 16))  # fmt: skip
    gas = tuple(
        Flesh(shape=Outline(ellipse(a * (1 + 0.2 * form), b), rounding=0.6 * min(a, b)), at=(x, y), depth=10 + 3 * form)
        for (x, y, a, b), form in zip(loops, (*person.form, 0.3, -0.5), strict=True) if form > -0.8
    )  # fmt: skip
    return Skeleton(
        bones=own((*crests, *_ribs(3, 214, 24, 136, 5.2), *spine_ap(-108, 7, (25, 14.5), 37)), person, 1.5),
        flesh=(Flesh(shape=torso, depth=78 * person.stout),),
        air=gas,
        field=(-150, -178, 150, 170),
        window=(1.9, 4.6),
        landmark=("air", "vertebra"),
    )


def lumbar_ap(person: Person) -> Skeleton:
    """The lumbar spine, AP."""
    whole = abdomen(person)
    names = ("vertebra", "pedicle", "spinous", "transverse")
    return replace(whole, field=(-74, -168, 74, 150), air=whole.air[:2], landmark=names, window=(2.2, 4.7))


def lumbar_lateral(person: Person) -> Skeleton:
    """The lumbar spine from the side; +x to the front."""
    bones: list[Bone] = []
    for n in range(7):
        y = -84 + 37 * n
        x = 14 * cos((n - 1.5) * 0.55)
        lean = radians(-11 + 7 * n) * -0.6
        bones.append(body_of(f"vertebra {n}", (x, y), (18.5, 14), lean, 4.2))
        bones.append(spongy(f"arch {n}", tube((x - 18, y + 4), (x - 36, y - 2), 6, 5), 2.2))
        bones.append(spongy(f"spinous {n}", tube((x - 34, y - 2), (x - 66, y - 14), 6, 8), 1.0))
    sacrum = tube((-6, -112), (-54, -190), 18, 15, 8)
    bones += [spongy("sacrum", sacrum, 3.2), replace(_plate("ilium", ILIUM, 0.8, 16), at=(-76, -196), angle=0.1)]
    torso = Shaft(((-260, 118), (-80, 108), (60, 104), (240, 116)), bow=((-260, 4), (0, 12), (240, 4)))
    return Skeleton(
        bones=own(tuple(bones), person, 1.2),
        flesh=(Flesh(shape=torso, depth=92),),
        field=(-84, -164, 66, 150),
        window=(2.5, 5.5),
        landmark=("vertebra", "arch", "spinous", "sacrum"),
    )


def cervical_lateral(person: Person) -> Skeleton:
    """The cervical spine from the side; +x to the front."""
    bones: list[Bone] = []
    curve = 10 + 4 * person.form[0]
    for n in range(7):
        y, x = -52 + 18.5 * n, curve * sin((n + 0.5) * 0.45)
        lean = radians(10 - 4 * n) * -1
        if n < 6:
            bones.append(body_of(f"vertebra {n}", (x, y), (9.5, 6.8), lean, 2.6))
        bones.append(spongy(f"facet {n}", lump((x - 14, y + 1), (6.5, 6), 0.6), 2.2))
        length = 40 if n in (0, 5) else 27 if n < 6 else 24
        bones.append(spongy(f"spinous {n}", tube((x - 19, y - 1), (x - 20 - 0.7 * length, y - 7), 3.6, 3, 4.2), 1.4))
    dens = tube((curve * 0.6, 50), (curve * 0.3, 72), 5, 4.2)
    jaw = [
        spongy("mandible", tube((34, 70), (40, 42), 9, 8), 1.5),
        spongy("mandible", tube((40, 42), (98, 28), 9, 10), 1.7),
    ]
    skull = Bone(
        name="occiput", shape=Ring((88, 70), 3.6, -0.95), at=(8, 140), angle=pi + 0.25, flatness=3.2, cortex=(1.4, 1.2)
    )
    teeth = [spongy("tooth", tube((66 + 7 * k, 40 - 2 * k), (66 + 7 * k, 58 - 2 * k), 3.2, 2.4), 3.4) for k in range(4)]
    neck = Shaft(
        ((-160, 74), (-70, 56), (-20, 48), (30, 50), (50, 62), (150, 100)), bow=((-160, 0), (0, 4), (60, 16), (150, 20))
    )
    airway = tube((38, -120), (24, 44), 7.5, 8, 6, 7)
    return Skeleton(
        bones=own((*bones, spongy("dens", dens, 2.2), *jaw, skull, *teeth), person, 1.0),
        flesh=(Flesh(shape=neck, depth=48 * person.stout),),
        air=(Flesh(shape=airway.shape, at=airway.at, angle=airway.angle, depth=12),),
        field=(-72, -84, 78, 96),
        window=(0.6, 3.6),
        landmark=("vertebra", "facet", "spinous", "dens"),
    )


def skull_lateral(person: Person) -> Skeleton:
    """The skull from the side; +x to the face."""
    vault = Ring((92, 72), 3.6)
    base = [
        spongy("base", tube((-58, -44), (6, -30), 6, 7, 5), 2.4),
        spongy("base", tube((0, -30), (66, -10), 4, 5, 4), 2.0),
    ]
    petrous = spongy("petrous", lump((-10, -34), (17, 11), 0.3), 5.0)
    sella = Bone(name="sella", shape=Ring((7, 5), 1.3, -0.95), at=(16, -18), angle=pi, flatness=4, cortex=(1, 1))
    jaw = [
        spongy("mandible", tube((10, -44), (24, -92), 9, 10), 1.6),
        spongy("mandible", tube((24, -92), (84, -106), 11, 11), 1.8),
    ]
    teeth = [spongy("tooth", tube((50 + 6 * k, -100), (50 + 6 * k, -76), 3.2, 2.6), 3.4) for k in range(7)]
    face = _plate("face", FACE, 1.5, 14)
    column = [body_of("vertebra", (-30 - 3 * n, -84 - 20 * n), (9, 7)) for n in range(3)]
    orbit = Bone(name="orbit", shape=Ring((17, 18), 1.8), at=(66, -14), flatness=2.5, cortex=(1, 1))
    head = Flesh(shape=Outline(ellipse(101, 84), rounding=90), at=(0, 2), depth=66)
    muzzle = Flesh(shape=Shaft(((-130, 42), (-60, 44), (20, 36)), bottom=(-124, 0, 0.006)), at=(54, 0), depth=46)
    neck = Flesh(shape=Shaft(((-220, 58), (-40, 52))), at=(-22, 0), depth=46)
    sinus = Flesh(shape=Outline(ellipse(14, 13), rounding=9), at=(60, -46), depth=14)
    vault_bone = Bone(
        name="vault", shape=vault, flatness=7.0, cortex=(1.9, 1.6), at=(0, 6), angle=radians(4 + 2 * person.form[0])
    )
    return Skeleton(
        bones=own((vault_bone, *base, petrous, sella, *jaw, *teeth, face, *column, orbit), person, 1.0),
        flesh=(head, muzzle, neck),
        air=(sinus,),
        field=(-112, -126, 112, 92),
        window=(0.9, 5.0),
        landmark=("vault", "sella", "petrous", "orbit", "mandible", "tooth"),
    )


def skull_ap(person: Person) -> Skeleton:
    """The skull from the front."""
    vault = Bone(name="vault", shape=Ring((70, 88), 4.0), at=(0, 14), flatness=7.0, cortex=(1.9, 1.6))
    bones = [vault, spongy("base", tube((-52, -26), (52, -26), 8, 9, 8), 2.4)]
    for side in (-1, 1):
        bones += [
            Bone(name="orbit", shape=Ring((20, 17), 2.2), at=(side * 31, 6), angle=0.15 * side, flatness=3,
                 cortex=(1.2, 1.2)),
            spongy("petrous", lump((side * 34, -6), (22, 8), 0.12 * side), 3.6),
            spongy("cheek", tube((side * 50, -14), (side * 66, -24), 7, 5), 2.4),
            spongy("mandible", tube((side * 58, -42), (side * 46, -92), 8, 9), 2.0),
            spongy("mandible", tube((side * 46, -92), (side * 8, -112), 9, 11), 2.2),
        ]  # fmt: skip
    teeth = [spongy("tooth", tube((6 * k, -92 + 0.06 * k * k), (6 * k, -62), 3.0, 2.6), 3.2) for k in range(-5, 6)]
    maxilla = spongy("maxilla", tube((-24, -50), (24, -50), 11, 13, 11), 1.5)
    septum = spongy("septum", tube((0, -2), (0, -42), 1.5, 2.0), 3)
    head = Flesh(shape=Outline(ellipse(80, 100), rounding=80), at=(0, 12), depth=82)
    chin = Flesh(shape=Shaft(((-122, 44), (-90, 54), (-20, 66)), bottom=(-126, 0, 0.01)), depth=60)
    neck = Flesh(shape=Shaft(((-220, 62), (-60, 56))), depth=46)
    sinuses = tuple(Flesh(shape=Outline(ellipse(12, 13), rounding=9), at=(s * 28, -34), depth=13) for s in (-1, 1))
    nose = Flesh(shape=Outline(ellipse(9, 18), rounding=8), at=(0, -26), depth=14)
    return Skeleton(
        bones=own((*bones, *teeth, maxilla, septum), person, 1.0),
        flesh=(head, chin, neck),
        air=(*sinuses, nose),
        field=(-92, -132, 92, 114),
        window=(1.2, 5.2),
        landmark=("vault", "orbit", "petrous", "mandible", "tooth"),
    )
