"""Bones and soft tissue: shapes with a place in the body, and what a ray passes on its way through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import cos, sin
from typing import Protocol

import numpy as np
from scipy.ndimage import gaussian_filter

from xraybench.data.phantom.shapes import Array, Shape, chord
from xraybench.data.phantom.view import View, Window
from xraybench.identity import seed_of

TILE = 512  # samples of the texture tile along each side, a power of 2
TILE_PITCH = 0.16  # mm


class Defect(Protocol):
    """What a finding or look-alike does to the bone that carries it, in the bone's own coordinates (mm)."""

    def move(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Where the tissue now at x, y was before."""
        ...

    def kept(self, x: Array, y: Array, inside: Array, pitch: float) -> Array:
        """The share of the thickness that is left at x, y, `inside` mm inside the bone, at `pitch` mm a sample."""
        ...


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A shape at a place of the body: its origin (mm), turn (radians, counter-clockwise) and enlargement."""

    shape: Shape
    at: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0
    scale: float = 1.0

    def local(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The shape's own coordinates of points of the body."""
        c, s = np.float32(cos(self.angle) / self.scale), np.float32(sin(self.angle) / self.scale)
        dx, dy = x - np.float32(self.at[0]), y - np.float32(self.at[1])
        return c * dx + s * dy, c * dy - s * dx

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The point of the body that has the shape's own coordinates x, y."""
        c, s = cos(self.angle) * self.scale, sin(self.angle) * self.scale
        return self.at[0] + c * x - s * y, self.at[1] + s * x + c * y

    def window(self, view: View) -> Window | None:
        """The pixels that can show the shape."""
        left, bottom, right, top = self.shape.box
        return view.window([self.place(x, y) for x in (left, right) for y in (bottom, top)])


@dataclass(frozen=True, kw_only=True)
class Flesh(Placed):
    """Soft tissue of half-depth `depth` mm."""

    depth: float


@dataclass(frozen=True, kw_only=True)
class Bone(Placed):
    """A dense cortex around spongy bone.

    flatness: half-depth in mm per square root of mm of rounding (deep shafts are round, wide ends are flat).
    cortex: thickness in mm in the shaft and at the ends; fill: the share of bone in the marrow cavity, likewise;
    shaft: half-width up to which it is shaft (0: all of it is end, as in a carpal).
    """

    name: str
    flatness: float = 2.6
    cortex: tuple[float, float] = (1.7, 0.55)
    fill: tuple[float, float] = (0.04, 0.17)
    shaft: float = 0.0

    def layers(self, inside: Array, rounding: Array) -> tuple[Array, Array]:
        """Thickness of compact and of spongy bone [H,W] in mm along the ray, from the shape's inside distance."""
        shaft = np.clip(np.float32(self.shaft) / rounding, 0, 1) ** 2
        depth = np.float32(self.flatness) * np.sqrt(rounding)
        cortex = self.cortex[1] + (self.cortex[0] - self.cortex[1]) * shaft
        fill = self.fill[1] + (self.fill[0] - self.fill[1]) * shaft
        outer = chord(inside, rounding, depth)
        cavity = chord(inside - cortex, np.maximum(rounding - cortex, 0.1), np.maximum(depth - cortex, 0))
        return (outer - cavity) * np.float32(self.scale), cavity * (fill * np.float32(self.scale))


@dataclass
class Tissue:
    """Thickness maps in mm, float32 [H,W]: soft tissue (as if no bone took its place), compact and spongy bone.

    bone: how far inside any bone a point lies, mm.
    """

    soft: Array
    compact: Array
    spongy: Array
    bone: Array

    @classmethod
    def empty(cls, size: int) -> Tissue:
        """Nothing in the beam."""
        soft, compact, spongy = (np.zeros((size, size), np.float32) for _ in range(3))
        return cls(soft, compact, spongy, np.full((size, size), -100, np.float32))


def add_bone(tissue: Tissue, view: View, bone: Bone, defects: Sequence[Defect] = ()) -> None:
    """Add a bone, with what its defects do to it, to the thickness maps in place."""
    window = bone.window(view)
    if window is None:
        return
    x, y = bone.local(*(axis[window] for axis in view.body))
    moved = x, y
    for defect in defects:
        moved = defect.move(*moved)
    inside, rounding = bone.shape.inside(*moved)
    compact, spongy = bone.layers(inside, rounding)
    for defect in defects:
        kept = defect.kept(x, y, inside, view.pitch / bone.scale)
        compact, spongy = compact * kept, spongy * kept
    tissue.compact[window] += compact
    tissue.spongy[window] += spongy
    np.maximum(tissue.bone[window], inside * np.float32(bone.scale), out=tissue.bone[window])


def add_flesh(tissue: Tissue, view: View, flesh: Flesh) -> None:
    """Add soft tissue to the thickness maps in place; overlapping parts do not add up."""
    window = flesh.window(view)
    if window is not None:
        inside, rounding = flesh.shape.inside(*flesh.local(*(axis[window] for axis in view.body)))
        thickness = chord(inside, 0.62 * rounding, flesh.depth * flesh.scale)
        np.maximum(tissue.soft[window], thickness, out=tissue.soft[window])


def texture(view: View, kind: str, offset: tuple[float, float], enlarge: float = 1.0) -> Array:
    """Random texture [H,W], mean 0 and deviation 1 where resolved, fixed to the body.

    kind: "trabeculae" (a fine network, drawn out along y) or "planes" (soft streaks along y, as of muscle and fat);
    offset: which part of the endless pattern, mm; enlarge: how much coarser than drawn.
    """
    x, y = view.body
    pitch = TILE_PITCH * enlarge
    tile = _tile(kind, round(2 * np.log2(max(view.pitch / pitch, 0.5))))
    per_mm = np.float32(1 / pitch)
    column = (x * per_mm + np.float32(offset[0] / pitch + 64 * TILE)).astype(np.int32) & (TILE - 1)
    row = (y * per_mm + np.float32(offset[1] / pitch + 64 * TILE)).astype(np.int32) & (TILE - 1)
    value: Array = tile.ravel()[row * TILE + column]
    return value


@cache
def _tile(kind: str, coarseness: int) -> Array:
    """A periodic pattern, smoothed to be sampled at 2^(coarseness/2) steps; every process draws the same."""
    rng = np.random.default_rng(seed_of("phantom texture", kind))
    noise = rng.standard_normal((TILE, TILE))
    if kind == "trabeculae":
        smooth = gaussian_filter(noise, (3.4, 1.6), mode="wrap")
        ridges = np.exp(-((smooth / (0.45 * smooth.std())) ** 2))
        pattern = ridges - gaussian_filter(ridges, 10, mode="wrap")
    else:
        pattern = gaussian_filter(noise, (40, 9), mode="wrap")
    pattern = (pattern - pattern.mean()) / pattern.std()
    tile: Array = gaussian_filter(pattern, 0.5 * 2 ** (coarseness / 2), mode="wrap").astype(np.float32)
    return tile
