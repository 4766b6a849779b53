"""A prepared source: arrays that lie in a folder, read without decoding anything.

<folder>/images.npy      uint8 or uint16 [N,S,S], the largest number = 1.0, a row for each image of the source's index
<folder>/index.parquet   the source's index without the images that do not decode; `stored` is a row of images.npy
<folder>/explained.npz   for the explained test images: positions in the index [M], regions by name, eight pixels a byte
                         [M,S*S/8], twins and the same images with the legend flipped, [M,S,S] in the numbers of
                         images.npy, where the source gives them
<folder>/validation.npz  the same for validation images, only regions: there where a run has asked for it
<folder>/mean_mask.npy   float32 [S,S]: the mean finding mask of the training images
<folder>/mean_image.npy  float32 [S,S]: the mean training image
<folder>/prepared.json   statistics of the training images, what does not decode, what happened; written last
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xraybench.results import replacing

FORMAT = 3  # of the folder: raised with what is kept there (3: flipped legends)
STORED = "stored"
TWINS, FLIPPED, ROWS = "_twins", "_flipped", "_rows"
EXPLAINED, VALIDATION = "explained.npz", "validation.npz"
BATCH = 256  # images that are turned to float at once


@dataclass(frozen=True)
class Quarantined:
    """An image that does not decode: its row of images.npy, its id, its path as the index gives it, and why."""

    row: int
    image_id: str
    path: str
    reason: str


@dataclass(frozen=True)
class Statistics:
    """Of the training images: what inputs are normalised with; the digest of the split; what was left out and why.

    notes: how often something happened that a person should know of, such as a preprocessing step that fell back.
    unpaired: images of no case, where two views make one.
    """

    mean: float
    std: float
    split_digest: str
    image_size: int
    quarantine: tuple[Quarantined, ...] = ()
    notes: Mapping[str, int] = field(default_factory=dict)
    unpaired: int = 0

    def write(self, folder: Path) -> None:
        """The folder's commit mark."""
        with replacing(folder / "prepared.json") as path:
            path.write_text(json.dumps({"format": FORMAT} | asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Statistics | None:
        """What was written; None where the folder is not prepared, or was by an older version."""
        path = folder / "prepared.json"
        stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if stored.pop("format", None) != FORMAT:
            return None
        quarantine = tuple(Quarantined(**entry) for entry in stored.pop("quarantine"))
        return cls(**stored, quarantine=quarantine)


@dataclass(frozen=True)
class Explained:
    """rows [M] into the index; regions by name, bool [M,S,S]; twins and flipped float32 [M,S,S] or None."""

    rows: np.ndarray
    regions: Mapping[str, np.ndarray]
    twins: np.ndarray | None
    flipped: np.ndarray | None


@dataclass(frozen=True)
class Prepared:
    """A prepared source."""

    folder: Path

    @cached_property
    def statistics(self) -> Statistics:
        """The training images' statistics; FileNotFoundError where the folder is not prepared."""
        statistics = Statistics.read(self.folder)
        if statistics is None:
            raise FileNotFoundError(self.folder / "prepared.json")
        return statistics

    @cached_property
    def index(self) -> pd.DataFrame:
        """The source's index, without the images that do not decode."""
        return pd.read_parquet(self.folder / "index.parquet")

    @cached_property
    def pixels(self) -> np.ndarray:
        """uint8 or uint16 [N,S,S], memory-mapped; its rows are the index's column `stored`."""
        pixels: np.ndarray = np.load(self.folder / "images.npy", mmap_mode="r")
        return pixels

    def grey(self, rows: np.ndarray) -> np.ndarray:
        """float32 [len(rows),S,S] in [0,1], of positions in the index."""
        return as_grey(self.pixels[self.stored[rows]])

    def batches(self, rows: np.ndarray, size: int = BATCH) -> Iterator[np.ndarray]:
        """The same, `size` images at a time."""
        return (self.grey(rows[start : start + size]) for start in range(0, len(rows), size))

    def report(self) -> dict[str, Any]:
        """Where it lies, and what it holds."""
        facts = self.statistics
        return {
            "folder": str(self.folder),
            "images": len(self.index),
            "splits": {str(split): int(count) for split, count in self.index["split"].value_counts(sort=False).items()},
            "pixels": f"{facts.image_size} x {facts.image_size}, {self.pixels.dtype}",
            "bytes": self.pixels.nbytes,
            "mean": facts.mean,
            "std": facts.std,
            "explained": len(self.explained.rows),
            "regions": sorted(self.explained.regions),
            "left out": [entry.path or entry.image_id for entry in facts.quarantine],
            "unpaired": facts.unpaired,
            "notes": dict(facts.notes),
        }

    @cached_property
    def stored(self) -> np.ndarray:
        """int64 [N]: the row of `pixels` of each image of the index."""
        return np.asarray(self.index[STORED])

    @cached_property
    def explained(self) -> Explained:
        """The test images that are explained, with what is known of them."""
        return self._known(EXPLAINED)

    @cached_property
    def validation(self) -> Explained | None:
        """Validation images with their regions, chosen as the explained ones are; None where no run asked for them."""
        return self._known(VALIDATION) if (self.folder / VALIDATION).exists() else None

    def _known(self, name: str) -> Explained:
        side = self.statistics.image_size
        with np.load(self.folder / name, allow_pickle=False) as stored:
            regions = {name: unpacked(stored[name], side) for name in stored.files if not name.startswith("_")}
            twins, flipped = (as_grey(stored[name]) if name in stored.files else None for name in (TWINS, FLIPPED))
            return Explained(stored[ROWS], regions, twins, flipped)

    @cached_property
    def mean_training_mask(self) -> np.ndarray:
        """float32 [S,S]: the mean of the finding masks of the training images (zeros where there are none)."""
        return np.asarray(np.load(self.folder / "mean_mask.npy"))

    @cached_property
    def mean_training_image(self) -> np.ndarray:
        """float32 [S,S] in [0,1]."""
        return np.asarray(np.load(self.folder / "mean_image.npy"))


def as_grey(pixels: np.ndarray) -> np.ndarray:
    """Stored numbers to float32 in [0,1]."""
    grey: np.ndarray = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return grey


def as_stored(grey: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """float32 in [0,1] to stored numbers."""
    stored: np.ndarray = np.round(np.clip(grey, 0, 1) * np.float32(np.iinfo(dtype).max)).astype(dtype)
    return stored


def packed(mask: np.ndarray) -> np.ndarray:
    """bool [...,S,S] -> uint8 [...,S*S/8]."""
    return np.packbits(mask.reshape(*mask.shape[:-2], -1), axis=-1)


def unpacked(bits: np.ndarray, side: int) -> np.ndarray:
    """The inverse of `packed`."""
    flat = np.unpackbits(bits, axis=-1, count=side * side)
    return flat.reshape(*bits.shape[:-1], side, side).astype(bool)
