"""Surgical metal: plates and screws, nails, wires, joint replacements."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import cos, hypot, pi, sin

import numpy as np

from xraybench.data.phantom.anatomy import Bone, Placed
from xraybench.data.phantom.compound import Joined, lump, tube
from xraybench.data.phantom.shapes import Array, Shaft, chord
from xraybench.data.phantom.skeleton import Joint, Point, Site, Skeleton
from xraybench.data.phantom.view import View

ATTENUATION = 0.62  # titanium and steel of thin implants, 1/mm, as far as a display shows the difference


@dataclass(frozen=True, kw_only=True)
class Metal(Placed):
    """A piece of metal of half-depth `depth` mm."""

    depth: float


def line_integral(metal: tuple[Metal, ...], view: View) -> Array:
    """What metal adds to the line integral of the attenuation [H,W]; where pieces overlap, the thickest counts."""
    value = np.zeros((view.size, view.size), np.float32)
    for piece in metal:
        window = piece.window(view)
        if window is not None:
            inside, rounding = piece.shape.inside(*piece.local(*(axis[window] for axis in view.body)))
            thickness = chord(inside, np.minimum(rounding, 2 * piece.depth), piece.depth)
            np.maximum(value[window], np.float32(ATTENUATION) * thickness, out=value[window])
    return value


def _piece(placed: Placed, depth: float) -> Metal:
    return Metal(shape=placed.shape, at=placed.at, angle=placed.angle, depth=depth)


def _rod(bone: Bone, start: Point, end: Point, half: float, depth: float) -> Metal:
    """A straight rod between two points of a bone's own coordinates, half its width longer at each end."""
    length = hypot(end[0] - start[0], end[1] - start[1])
    dx, dy = half * (end[0] - start[0]) / length, half * (end[1] - start[1]) / length
    first, last = bone.place(start[0] - dx, start[1] - dy), bone.place(end[0] + dx, end[1] + dy)
    return _piece(tube(first, last, half, half, blend=0.3), depth)


def plate(skeleton: Skeleton, bone: Bone, site: Site, y: float, rng: np.random.Generator) -> list[Metal]:
    """A plate along a bone about y, seen from its edge or its face, and its screws."""
    _, half = bone.shape.axis(y)  # type: ignore[attr-defined]
    u = rng.uniform(size=6).tolist()
    length, side, edge = half * (5 + 3 * u[0]), (-1 if u[1] < 0.5 else 1), u[2] < 0.6
    low, high = _within(y, length, site)
    thick, broad = max(0.22 * half, 0.9), max(0.42 * half, 1.6)
    rows = np.linspace(low, high, 40)
    middle = [_centre(bone, float(row)) for row in rows]
    aside = [side * (h + 0.5 * thick) if edge else side * 0.15 * h for _, h in middle]
    path = [(x + by, float(row)) for (x, _), by, row in zip(middle, aside, rows, strict=True)]
    steps = range(0, 36, 9)
    metal = [_rod(bone, path[n], path[n + 9 if n + 9 < 40 else 39], thick if edge else broad, 1.0) for n in steps]
    count = 4 + round(3 * u[3])
    for k in range(count):
        n = round(1 + 37 * k / (count - 1))
        x, row = path[n]
        if edge:
            far = x - side * (1.6 + 0.35 * u[4]) * middle[n][1]
            metal.append(_rod(bone, (x + side * thick, row), (far, row + 0.1 * half), max(0.16 * half, 0.7), 1.1))
        else:
            metal.append(_piece(lump(bone.place(x, row), (0.28 * half, 0.28 * half), rounding=0.2 * half), 1.6))
    return metal


def _centre(bone: Bone, y: float) -> Point:
    centre: Point = bone.shape.axis(y)  # type: ignore[attr-defined]
    return centre


def _within(y: float, length: float, site: Site) -> tuple[float, float]:
    """A stretch of `length` about y, moved into the site, or the site with a little beyond."""
    low, high = y - length / 2, y + length / 2
    beyond = 0.15 * (site.high - site.low)
    return max(low, site.low - beyond), min(high, site.high + beyond)


def nail(skeleton: Skeleton, bone: Bone, site: Site, y: float, rng: np.random.Generator) -> list[Metal]:
    """A nail in the marrow cavity along the whole site, locked by cross screws."""
    u = rng.uniform(size=3).tolist()
    rows = np.linspace(site.low - 4, site.high + 4, 7)
    half = 0.36 * min(_centre(bone, float(row))[1] for row in rows)
    path = [(_centre(bone, float(row))[0], float(row)) for row in rows]
    metal = [_rod(bone, start, end, half, 1.5) for start, end in pairwise(path)]
    for n, slant in ((0, 0.2 * (u[0] - 0.5)), (len(path) - 1, 0.2 * (u[1] - 0.5))):
        x, row = path[n]
        reach = 1.05 * _centre(bone, row)[1]
        start, end = (x - reach, row - slant * reach), (x + reach, row + slant * reach)
        metal.append(_rod(bone, start, end, max(0.45 * half, 0.6), 1.1))
    return metal


def wires(skeleton: Skeleton, bone: Bone, site: Site, y: float, rng: np.random.Generator) -> list[Metal]:
    """Two or three Kirschner wires that cross at a place of the bone, their outer ends bent."""
    x, half = _centre(bone, y)
    u = rng.uniform(size=8).tolist()
    thin = max(0.5, 0.1 * half) * min(skeleton.unit, 1.6)
    metal = []
    for k in range(2 + (u[0] < 0.4)):
        tilt = (-1) ** k * (0.22 + 0.4 * u[1 + k])
        up, down = half * (2.4 + 1.2 * u[4 + k]), half * (2.0 + u[5])
        start = x - down * sin(tilt), y - down * cos(tilt)
        end = x + up * sin(tilt), y + up * cos(tilt)
        hook = end[0] + 0.8 * half * cos(tilt) * (1 if tilt > 0 else -1), end[1] - 0.15 * half
        metal += [_rod(bone, start, end, thin, 0.9), _rod(bone, end, hook, thin, 0.9)]
    return metal


def prosthesis(skeleton: Skeleton, joint: Joint, rng: np.random.Generator) -> list[Metal]:
    """A joint replacement: a cap on each end, and a stem into each bone that has a shaft."""
    u = rng.uniform(size=2).tolist()
    metal = []
    for name, outward in zip(joint.stems or joint.bones, (joint.angle, joint.angle + pi), strict=True):
        bone = skeleton.bone(name)
        into = (sin(outward), -cos(outward))
        deep = 0.42 * joint.half
        cap = joint.at[0] + into[0] * deep, joint.at[1] + into[1] * deep
        metal.append(_piece(lump(cap, (0.92 * joint.half, 0.36 * joint.half), joint.angle), 2.0))
        if isinstance(bone.shape, Shaft | Joined):
            end = _stem_end(bone, joint, (2.6 + 1.2 * u[0]) * joint.half)
            metal.append(_piece(tube(cap, end, *(w * joint.half for w in (0.42, 0.3, 0.24, 0.2)), blend=0.5), 1.8))
    return metal


def _stem_end(bone: Bone, joint: Joint, length: float) -> Point:
    """The point of the bone's axis that lies about `length` mm from the joint."""
    low, high = bone.shape.box[1] + 2, bone.shape.box[3] - 2
    rows = np.linspace(low, high, 80)
    places = [bone.place(_centre(bone, float(row))[0], float(row)) for row in rows]
    far = [abs(hypot(x - joint.at[0], y - joint.at[1]) - length) for x, y in places]
    return places[int(np.argmin(far))]
