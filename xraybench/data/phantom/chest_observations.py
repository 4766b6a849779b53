"""The observations of CheXpert that are not devices, each with its mask; see `chest_findings` for what a finding is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from xraybench.data.phantom.chest_anatomy import RIBS
from xraybench.data.phantom.chest_body import heart
from xraybench.data.phantom.chest_findings import Draw, effusion, graded, haze, infiltrate, nothing
from xraybench.data.phantom.chest_maps import AERATED, Maps, ellipse
from xraybench.data.phantom.chest_places import blob, near, ramp, spot
from xraybench.data.phantom.chest_ribs import rib_height
from xraybench.data.phantom.chest_textures import cloud
from xraybench.data.phantom.shapes import chord, segments, smooth_min


def wide_mediastinum(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """A mediastinum wider than it should be, above the heart."""
    half = graded(rng, grade, ((46, 56), (39, 45), (34, 38)))
    shift, middle, high = rng.normal(3, 6), rng.uniform(30, 44), rng.uniform(62, 76)
    inside = ellipse(maps.x, maps.y, (shift, middle), (half, high))
    maps.displace(chord(inside, 20.0, 48.0))
    return (inside > 1) & (maps.y > -8) & (maps.wall > 0)


def big_heart(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """A heart of more than half the thorax; outlined whole."""
    size = maps.build.heart * graded(rng, grade, ((1.26, 1.42), (1.14, 1.24), (1.06, 1.12)))
    large = heart(maps.build, maps.x, maps.y, size)
    maps.displace(np.maximum(large - maps.heart, 0))
    return (large > 12) & (maps.above > -14)


def lesion(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """A single solid mass with a lobed border."""
    radius = graded(rng, grade, ((18, 28), (12, 18), (8, 11)))
    thick = graded(rng, grade, ((2.8, 3.4), (2.5, 3.1), (2.2, 2.8)))
    side = bool(rng.uniform() < 0.5)
    at = near(maps, spot(maps, side, rng.uniform(0.2, 0.85), rng.uniform(0.15, 0.9)), 1.5 * radius)
    mask = nothing(maps)
    if at:
        inside = blob(at, (radius, radius * rng.uniform(0.8, 1.1)), rng, 0.07)
        gone = chord(inside, 0.9 * radius, 0.5 * thick * radius) * np.float32(AERATED)
        maps.air[at.window] -= np.minimum(gone, np.minimum(maps.air[at.window], maps.lung[at.window]))
        mask[at.window] = (inside > -1.5) & (maps.lung[at.window] > 8)
    return mask


def edema(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """Haze on both sides about the hila, seldom even, and short septal lines at the chest wall."""
    strength = graded(rng, grade, ((0.36, 0.5), (0.2, 0.3), (0.1, 0.15)))
    reach, aside, low = rng.uniform(38, 80), np.float32(rng.uniform(30, 75)), np.float32(rng.uniform(-55, 25))
    uneven, phase, shift = rng.uniform(-0.5, 0.5), np.float32(rng.uniform(0, 6)), np.float32(rng.uniform(0, 300))
    at = np.flatnonzero(maps.lung)
    x, y, lung, wall, above, air = (
        layer.take(at) for layer in (maps.x, maps.y, maps.lung, maps.wall, maps.above, maps.air)
    )
    away = np.hypot(np.abs(x) - aside, (y - low) * np.float32(0.75)) * np.float32(1 / reach)
    share = np.exp(-away * away) * (1 + np.float32(uneven) * np.sign(x))
    clumps = cloud(maps.view.pitch, x + shift, y)
    lines = ramp(18 - np.abs(wall - 10), 8) * ramp(-40 - y, 30)
    septal = np.flatnonzero(lines)
    lines[septal] *= np.sin(y[septal] * np.float32(0.42) + phase + clumps[septal] * np.float32(1.5)) ** 8
    filled = np.float32(strength) * (share * (1 + np.float32(0.35) * clumps) + np.float32(0.3) * lines)
    maps.air.reshape(-1)[at] = air - filled.clip(0, 0.9) * np.minimum(air, lung)
    mask = nothing(maps)
    mask.reshape(-1)[at] = (share > 0.45) & (lung > 15) & (above > 0)
    return mask


def consolidation(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """Part of a lobe filled, densely, sharp where it meets a fissure."""
    half = graded(rng, grade, ((30, 46), (24, 34), (17, 24)))
    strength = graded(rng, grade, ((0.62, 0.8), (0.42, 0.56), (0.26, 0.34)))
    place = spot(maps, bool(rng.uniform() < 0.5), rng.uniform(0.3, 0.75), rng.uniform(0.12, 0.75))
    fissure, below = rng.normal(0, 0.25), bool(rng.uniform() < 0.5)
    at, mask = near(maps, place, 1.6 * half), nothing(maps)
    if at:
        edge = (at.dy - np.float32(fissure) * at.dx) * np.float32(-1 if below else 1) + 0.35 * half
        inside = smooth_min(blob(at, (half, 0.9 * half), rng, 0.1), edge, 6.0)
        haze(maps, at, inside, strength, 10.0, 0.18)
        mask[at.window] = (inside > 0) & (maps.lung[at.window] > 12)
    return mask


def pneumonia(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """One to three patchy infiltrates."""
    mask = nothing(maps)
    for _ in range(int(rng.integers(1, 4))):
        mask |= infiltrate(maps, rng, grade)
    return mask


def atelectasis(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """Plates of collapsed lung above the diaphragm."""
    thick = graded(rng, grade, ((7, 10), (5, 7), (3.5, 4.5)))
    strength = graded(rng, grade, ((0.42, 0.55), (0.32, 0.42), (0.24, 0.3)))
    left, mask = bool(rng.uniform() < 0.5), nothing(maps)
    for _ in range(int(rng.integers(1, 4))):
        x, y = spot(maps, left, rng.uniform(0.4, 0.65), rng.uniform(0.06, 0.26))
        length, tilt = rng.uniform(24, 42), rng.normal(0, 0.25)
        at = near(maps, (x, y), 1.3 * length)
        if at:
            dx, dy = length * np.cos(tilt), length * np.sin(tilt)
            inside = np.float32(thick / 2) - segments(at.dx, at.dy, [(-dx, -dy, dx, dy)])
            ends = ramp(length - np.abs(at.dx), 0.5 * length)
            maps.air[at.window] *= 1 - np.float32(strength) * ramp(inside + 1.5, 4) * ends
            mask[at.window] |= (inside > -1.5) & (maps.lung[at.window] > 12)
    return mask


def pneumothorax(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """Air between chest wall and lung: no vessels there, and the fine line of the pleura at the collapsed lung."""
    gap = graded(rng, grade, ((34, 52), (20, 30), (11, 16)))
    left = bool(rng.uniform() < 0.5)
    side = maps.x > 0 if left else maps.x <= 0
    apical = np.clip((maps.y + 60) * np.float32(1 / 150), 0.12, 1)
    edge = np.where(side, np.float32(gap) * apical - maps.wall, np.float32(-50))
    share = ramp(edge + 1, 2) * (maps.lung > 4)
    maps.air += share * np.maximum(np.float32(1.04) * maps.lung - maps.air, 0)
    maps.displace(np.float32(9) * np.clip(1.6 - np.abs(edge), 0, 1) * (maps.lung > 4))
    collapse = np.float32(min(0.3, gap / 160)) * side * (edge < -1)
    maps.air -= collapse * np.minimum(maps.air, maps.lung)
    return (edge > -1.5) & (maps.wall > 0) & (maps.above > -5) & (maps.lung > 4)


def thick_pleura(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """A plate of thickened, partly calcified pleura along the chest wall."""
    wide = graded(rng, grade, ((13, 18), (9, 12), (6, 8)))
    left, middle, length = bool(rng.uniform() < 0.5), rng.uniform(-80, 60), rng.uniform(38, 65)
    side = maps.x > 0 if left else maps.x <= 0
    ends = ramp(length - np.abs(maps.y - np.float32(middle)), 18)
    inside = np.where(side, np.float32(wide) * ends - maps.wall, np.float32(-50))
    maps.displace(np.float32(2.2 * wide) * ramp(inside, 4) * (maps.wall > 0))
    maps.bone += np.float32(1.2) * ramp(inside, 3) * ramp(7 - np.abs(maps.wall - 3), 3)
    mask: np.ndarray = (inside > 0) & (maps.wall > -2) & (ends > 0.25)
    return mask


def rib_fracture(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """Breaks of two or three neighbouring ribs at their turn: a gap, and the dense overlap of the ends beside it."""
    gap = graded(rng, grade, ((5, 7), (3.5, 5), (2.4, 3.2)))
    left, first = bool(rng.uniform() < 0.5), int(rng.integers(2, 7))
    mask = nothing(maps)
    for number in range(first, first + int(rng.integers(2, 4))):
        _, half, rise, _ = RIBS[number]
        u = rng.uniform(0.72, 0.88)
        height = rib_height(maps.build, number, left) + rise * float(np.sqrt(1 - u * u))
        at = near(maps, ((1 if left else -1) * u * half, height), 16)
        if at:
            away = np.hypot(at.dx, at.dy)
            line = at.dx * np.float32(1 if left else -1) - np.float32(0.5) * at.dy
            bone = maps.bone[at.window]
            break_ = ramp(gap / 2 + 0.8 - np.abs(line), 1.6) * ramp(11 - away, 3)
            heap = ramp(gap / 2 + 0.8 - np.abs(line - gap), 1.6) * ramp(10 - away, 3)
            maps.bone[at.window] = bone * (1 - np.float32(0.9) * break_ + np.float32(1.3) * heap)
            mask[at.window] |= away < 11
    return mask


def opacity(maps: Maps, rng: np.random.Generator, grade: str) -> np.ndarray:
    """A hazy opacity of no nearer kind."""
    return infiltrate(maps, rng, grade)


OBSERVATIONS: Mapping[str, Draw] = {
    "Enlarged Cardiomediastinum": wide_mediastinum,
    "Cardiomegaly": big_heart,
    "Lung Opacity": opacity,
    "Lung Lesion": lesion,
    "Edema": edema,
    "Consolidation": consolidation,
    "Pneumonia": pneumonia,
    "Atelectasis": atelectasis,
    "Pneumothorax": pneumothorax,
    "Pleural Effusion": effusion,
    "Pleural Other": thick_pleura,
    "Fracture": rib_fracture,
}
