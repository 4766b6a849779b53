"""From thickness maps of a chest to a radiograph: beam, scatter, detector, and the display's equalisation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, reduce

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from xraybench.data.phantom import render
from xraybench.data.phantom.render import Exposure
from xraybench.data.phantom.shapes import Array

GRID = 8.0  # mm between the points at which slowly varying fields are computed


@dataclass(frozen=True)
class Technique:
    """How a site makes chest radiographs.

    exposure: see `Exposure`; reach: of scattered radiation, mm; equalise: share of the coarse structure (of a size of
    `coarse` mm) that the display takes away, as digital systems do to show lungs and mediastinum in one picture.
    """

    exposure: Exposure
    reach: float = 30.0
    equalise: float = 0.35
    coarse: float = 32.0


def smooth_field(values: Array, pitch: float, reach: float) -> Array:
    """A field [H,W] blurred over `reach` mm, computed on a coarse grid and interpolated."""
    step = max(1, round(GRID / pitch))
    size = values.shape[0] // step * step
    tall = _added_rows(values[:size, :size], step)
    blocks = np.add.reduceat(tall, np.arange(0, size, step), axis=1) * np.float32(1 / step**2)
    coarse = gaussian_filter(blocks, reach / (pitch * step), mode="nearest")
    weights = _interpolation(values.shape[0], step)
    value: Array = _stretched(_stretched(coarse, *weights).T.copy(), *weights).T.copy()
    return value


def _added_rows(values: Array, step: int) -> Array:
    """Sums of `step` rows each, as `np.add.reduceat` rounds them; up to 8 rows, whole rows are quicker."""
    if not 1 < step < 9:
        reduced: Array = np.add.reduceat(values, np.arange(0, len(values), step), axis=0)
        return reduced
    first, *rest = (values[row::step] for row in range(step))
    value: Array = first + reduce(np.add, rest)
    return value


@cache
def _interpolation(size: int, step: int) -> tuple[NDArray[np.intp], Array, Array]:
    """The block of `step` samples before each of `size` samples, and the weights [size,1] of it and the next block."""
    blocks = size // step
    at = np.clip((np.arange(size, dtype=np.float32) + 0.5) / step - 0.5, 0, blocks - 1)
    first = np.minimum(at.astype(np.intp), blocks - 2)
    part = (at - first).astype(np.float32)[:, None]
    return first, 1 - part, part


def _stretched(coarse: Array, first: NDArray[np.intp], before: Array, after: Array) -> Array:
    """Rows of a coarse grid interpolated to those of the samples: whole rows are moved, which is quick."""
    rows = coarse[first]
    rows *= before
    following = coarse[first + 1]
    following *= after
    rows += following
    return rows


def binned(fine: Array, factor: int) -> Array:
    """Mean over factor x factor samples: a detector element integrates over its area."""
    if factor == 1:
        return fine
    parts = [fine[row::factor, column::factor] for row in range(factor) for column in range(factor)]
    value: Array = sum(parts[1:], parts[0]) * np.float32(1 / len(parts))
    return value


@dataclass(frozen=True)
class Background:
    """What twins share: scattered radiation and the display's coarse structure, both [H,W], of the normal anatomy."""

    scatter: Array
    coarse: Array

    @classmethod
    def of(cls, line_integral: Array, pitch: float, technique: Technique) -> Background:
        """From the normal anatomy's line integral at the samples of `pitch` mm."""
        passed = render.transmitted(line_integral)
        scatter = np.float32(technique.exposure.scatter) * smooth_field(passed, pitch, technique.reach)
        coarse = smooth_field(-np.log(passed + scatter), pitch, technique.coarse)
        return cls(scatter, np.float32(technique.equalise) * coarse)


def radiograph(
    line_integral: Array, background: Background, factor: int, pitch: float, technique: Technique, noise: Array
) -> Array:
    """Grey values [H,W] of k/255 from line integrals at factor x factor samples a pixel of `pitch` mm.

    noise: standard-normal [H,W].
    """
    exposure = technique.exposure
    signal = binned(render.transmitted(line_integral) + background.scatter, factor)
    counts = render.detected(signal, pitch, exposure, noise)
    return render.displayed(counts * np.exp(binned(background.coarse, factor)), exposure)
