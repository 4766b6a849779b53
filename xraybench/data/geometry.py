"""Geometric steps: each moves an image and, exactly alike, the masks on it.

An image is float32 [H,W]; `apply` gives another. A mask is carried along as its coverage, an image of 0 and 1: a pixel
belongs to the moved mask where at least half of it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image


class Geometry(Protocol):
    """A step that moves pixels."""

    def apply(self, image: np.ndarray) -> np.ndarray: ...


def apply_mask(geometry: Geometry, mask: np.ndarray) -> np.ndarray:
    """The mask, bool, where the step moves the image to."""
    moved: np.ndarray = geometry.apply(mask.astype(np.float32)) >= 0.5
    return moved


@dataclass(frozen=True)
class Crop:
    """The rectangle of so many rows and columns from (top, left)."""

    top: int
    left: int
    height: int
    width: int

    def apply(self, image: np.ndarray) -> np.ndarray:
        """[H,W] -> [height,width]."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


def box_around(mask: np.ndarray, margin: float) -> Crop:
    """The bounding box of a mask that is not empty, each side moved out by a share of the box, inside the image."""
    ends = []
    for axis in (1, 0):
        hit, size = np.flatnonzero(mask.any(axis)), mask.shape[1 - axis]
        first, last = int(hit[0]), int(hit[-1]) + 1
        more = round(margin * (last - first))
        ends.append((max(0, first - more), min(size, last + more)))
    (top, bottom), (left, right) = ends
    return Crop(top, left, bottom - top, right - left)


@dataclass(frozen=True)
class Pad:
    """Rows and columns of zeros on each side."""

    top: int
    bottom: int
    left: int
    right: int

    def apply(self, image: np.ndarray) -> np.ndarray:
        """[H,W] -> [top+H+bottom,left+W+right]."""
        return np.pad(image, ((self.top, self.bottom), (self.left, self.right)))


def square(height: int, width: int) -> Pad:
    """The padding that centres an image in a square; an odd row or column goes to the bottom or right."""
    return centred(height, width, max(height, width), max(height, width))


def centred(height: int, width: int, rows: int, columns: int) -> Pad:
    """The padding that centres an image of height x width in one of rows x columns."""
    top, left = (rows - height) // 2, (columns - width) // 2
    return Pad(top, rows - height - top, left, columns - width - left)


@dataclass(frozen=True)
class Resize:
    """To height x width pixels: triangle filter, widened where the image shrinks (antialiased)."""

    height: int
    width: int

    def apply(self, image: np.ndarray) -> np.ndarray:
        """[H,W] -> [height,width]."""
        if image.shape == (self.height, self.width):
            return image
        picture = Image.fromarray(np.ascontiguousarray(image, np.float32))
        resized = picture.resize((self.width, self.height), Image.Resampling.BILINEAR)
        return np.clip(np.asarray(resized, np.float32), 0, 1)


@dataclass(frozen=True)
class Flip:
    """Left and right change places."""

    def apply(self, image: np.ndarray) -> np.ndarray:
        """[H,W] -> [H,W]."""
        return image[:, ::-1]


@dataclass(frozen=True)
class Rotate:
    """About the centre, anticlockwise, bilinear; what comes from outside is 0, and the size stays."""

    degrees: float

    def apply(self, image: np.ndarray) -> np.ndarray:
        """[H,W] -> [H,W]."""
        picture = Image.fromarray(np.ascontiguousarray(image, np.float32))
        return np.asarray(picture.rotate(self.degrees, Image.Resampling.BILINEAR), np.float32)


@dataclass(frozen=True)
class Chain:
    """Steps in order; coverage is carried through all of them, so that a mask is rounded once."""

    steps: Sequence[Geometry]

    def apply(self, image: np.ndarray) -> np.ndarray:
        """[H,W] -> what the last step gives."""
        for step in self.steps:
            image = step.apply(image)
        return image
