"""Preparation: every radiograph of a source decoded once, at the task's size, into arrays that lie in a folder.

<folder>/images.npy     uint16 [N,S,S], 65535 = 1.0, in the index's order
<folder>/index.parquet  the source's index
<folder>/explained.npz  for the explained test images: rows [M], regions by name [M,S,S], twins [M,S,S]
<folder>/prepared.json  the statistics of the training images; written last
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xraybench.data.radiograph import fit, fit_mask
from xraybench.data.splits import check_split, choose_explained, split_digest
from xraybench.errors import DataError
from xraybench.results import replacing
from xraybench.spec import Source

SCALE = 65535
CHUNK = 128  # images a unit of parallel work
TWIN = "_twin"  # how a twin's pixels travel among the regions
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Statistics:
    """Of the training images: what inputs are normalised with; and the digests of what was prepared."""

    mean: float
    std: float
    split_digest: str
    image_size: int


@dataclass(frozen=True)
class Prepared:
    """A prepared source, read from its folder without decoding anything."""

    folder: Path

    @cached_property
    def statistics(self) -> Statistics:
        """The training images' statistics."""
        return Statistics(**json.loads((self.folder / "prepared.json").read_text()))

    @cached_property
    def index(self) -> pd.DataFrame:
        """The source's index."""
        return pd.read_parquet(self.folder / "index.parquet")

    @cached_property
    def pixels(self) -> np.ndarray:
        """uint16 [N,S,S], memory-mapped."""
        return np.asarray(np.load(self.folder / "images.npy", mmap_mode="r"))

    def grey(self, rows: np.ndarray) -> np.ndarray:
        """float32 [len(rows),S,S] in [0,1]."""
        grey: np.ndarray = self.pixels[rows].astype(np.float32) / np.float32(SCALE)
        return grey

    @cached_property
    def explained(self) -> Explained:
        """The test images that are explained, with what is known of them."""
        with np.load(self.folder / "explained.npz") as stored:
            regions = {name: stored[name] for name in stored.files if not name.startswith("_")}
            return Explained(stored["_rows"], regions, stored[TWIN] if TWIN in stored.files else None)

    @cached_property
    def mean_training_mask(self) -> np.ndarray:
        """float32 [S,S]: the mean of the finding masks of the training images (zeros where there are none)."""
        return np.asarray(np.load(self.folder / "mean_mask.npy"))


@dataclass(frozen=True)
class Explained:
    """rows [M] into the index; regions by name, bool [M,S,S]; twins float32 [M,S,S] or None."""

    rows: np.ndarray
    regions: Mapping[str, np.ndarray]
    twins: np.ndarray | None


@dataclass(frozen=True)
class Decoded:
    """One radiograph at the task's size: pixels uint16 [S,S]; regions (and twin) by name."""

    pixels: np.ndarray
    regions: Mapping[str, np.ndarray]


def prepare(
    source: Source,
    folder: Path,
    image_size: int,
    explained: Callable[[pd.DataFrame], pd.Series],
    count: int,
    workers: int,
    progress: Progress,
) -> Prepared:
    """Decode `source` into `folder`, unless it is there already; `explained` marks the rows that may be explained."""
    if (folder / "prepared.json").exists():
        return Prepared(folder)
    index = source.index().reset_index(drop=True)
    check_split(index)
    eligible = explained(index)
    chosen = choose_explained(index, eligible, count)
    if chosen.empty:
        raise DataError("no test image can be explained", "the test split holds no image of the kind the task explains")
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = index.to_dict("records")  # type: ignore[assignment]
    annotated = _with_training_mask(source, index, eligible)
    jobs = [_Job(source, part, image_size, set(chosen.index), annotated) for part in _chunks(rows)]
    pixels, masks, mask_sum, masked = _collect(jobs, len(rows), image_size, workers, progress)
    train = pixels[(index["split"] == "train").to_numpy()].astype(np.float64) / SCALE
    with replacing(folder / "images.npy") as path, path.open("wb") as file:
        np.save(file, pixels)
    with replacing(folder / "mean_mask.npy") as path, path.open("wb") as file:
        np.save(file, (mask_sum / max(masked, 1)).astype(np.float32))
    with replacing(folder / "explained.npz") as path, path.open("wb") as file:
        np.savez_compressed(
            file, allow_pickle=False, _rows=chosen.index.to_numpy(), **_stack(masks, list(chosen.index))
        )
    with replacing(folder / "index.parquet") as path:
        index.to_parquet(path)
    statistics = Statistics(float(train.mean()), float(train.std()), split_digest(index), image_size)
    with replacing(folder / "prepared.json") as path:
        path.write_text(json.dumps(asdict(statistics)))
    return Prepared(folder)


@dataclass(frozen=True)
class _Job:
    source: Source
    rows: Sequence[tuple[int, Mapping[str, Any]]]
    image_size: int
    chosen: set[int]
    annotated: set[int]


def _with_training_mask(source: Source, index: pd.DataFrame, positive: pd.Series) -> set[int]:
    """The training images whose finding masks make the mean mask."""
    return set(index.index[(index["split"] == "train") & positive]) if "finding" in source.offers else set()


def _chunks(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[tuple[int, Mapping[str, Any]]]]:
    numbered = list(enumerate(rows))
    return (numbered[start : start + CHUNK] for start in range(0, len(numbered), CHUNK))


def _decode(job: _Job) -> list[tuple[int, Decoded]]:
    return [(number, _decode_row(job, number, row)) for number, row in job.rows]


def _decode_row(job: _Job, number: int, row: Mapping[str, Any]) -> Decoded:
    """Masks only where somebody needs them: of explained images, and of training images with a finding."""
    pixels = np.round(fit(job.source.image(row), job.image_size) * SCALE).astype(np.uint16)
    if number not in job.chosen and number not in job.annotated:
        return Decoded(pixels, {})
    regions = {name: fit_mask(mask, job.image_size) for name, mask in job.source.regions(row).items()}
    if number not in job.chosen:
        return Decoded(pixels, {name: mask for name, mask in regions.items() if name == "finding"})
    twin = job.source.twin(row)
    return Decoded(pixels, regions if twin is None else {**regions, TWIN: fit(twin, job.image_size)})


def _collect(
    jobs: Sequence[_Job], total: int, size: int, workers: int, progress: Progress
) -> tuple[np.ndarray, dict[int, Mapping[str, np.ndarray]], np.ndarray, int]:
    pixels, masks = np.zeros((total, size, size), np.uint16), {}
    mask_sum, masked, done = np.zeros((size, size)), 0, 0
    for part in _map(jobs, workers):
        for number, decoded in part:
            pixels[number] = decoded.pixels
            chosen = number in jobs[0].chosen
            if chosen:
                masks[number] = decoded.regions
            elif "finding" in decoded.regions and decoded.regions["finding"].any():
                mask_sum += decoded.regions["finding"]
                masked += 1
        done += len(part)
        progress(done, total)
    return pixels, masks, mask_sum, masked


def _map(jobs: Sequence[_Job], workers: int) -> Iterator[list[tuple[int, Decoded]]]:
    if workers == 1 or len(jobs) == 1:
        yield from map(_decode, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_decode, jobs)


def _stack(masks: Mapping[int, Mapping[str, np.ndarray]], order: Sequence[int]) -> dict[str, np.ndarray]:
    """Regions of all explained images by name; an image without such a region is all False there."""
    names = sorted({name for regions in masks.values() for name in regions})
    twins_whole = all(TWIN in regions for regions in masks.values())
    blank = np.zeros_like(next(iter(masks.values()))[names[0]]) if names else None
    return {
        name: np.stack([masks[number].get(name, np.zeros_like(blank, bool)) for number in order])
        for name in names
        if name != TWIN or twins_whole
    }
