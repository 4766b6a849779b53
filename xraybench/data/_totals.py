"""Sums over the training images: exact integers, so that no order of adding gives another result."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from xraybench.data._chunks import Part
from xraybench.data.prepared import Quarantined, Statistics
from xraybench.results import replacing


@dataclass
class Totals:
    """What is summed up while chunks come in. image, mask: uint64 [S,S]; sum, squares: over all pixels."""

    image: np.ndarray
    mask: np.ndarray
    images: int = 0
    masked: int = 0
    sum: int = 0
    squares: int = 0
    largest: int = 1
    quarantine: list[Quarantined] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, size: int) -> Totals:
        """Nothing yet."""
        return cls(np.zeros((size, size), np.uint64), np.zeros((size, size), np.uint64))

    def add(self, part: Part, images: Path, training: np.ndarray) -> None:
        """A chunk, of which the rows `training` of the array count."""
        pixels = np.load(images, mmap_mode="r")
        self.largest = int(np.iinfo(pixels.dtype).max)
        for row in training:
            image = pixels[row].astype(np.uint64)
            self.image += image
            self.sum += int(image.sum())
            self.squares += int(np.vdot(image, image))
        self.images += len(training)
        self.mask += part.mask_sum
        self.masked += part.masked
        self.quarantine += part.quarantine
        self.notes.update(part.notes)

    def statistics(self, split_digest: str, unpaired: int) -> Statistics:
        """Mean and standard deviation over all pixels of all training images."""
        count = self.images * self.image.size
        variance = (count * self.squares - self.sum**2) / count**2
        return Statistics(
            mean=self.sum / count / self.largest,
            std=math.sqrt(variance) / self.largest,
            split_digest=split_digest,
            image_size=len(self.image),
            quarantine=tuple(self.quarantine),
            notes=dict(sorted(self.notes.items())),
            unpaired=unpaired,
        )

    def write_means(self, folder: Path) -> None:
        """mean_mask.npy and mean_image.npy."""
        for name, total, count in (
            ("mean_mask.npy", self.mask, self.masked),
            ("mean_image.npy", self.image, self.images * self.largest),
        ):
            with replacing(folder / name) as path, path.open("wb") as file:
                np.save(file, (total / max(count, 1)).astype(np.float32))
