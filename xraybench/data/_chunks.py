"""Chunks of a preparation: what one worker decodes in one go, and the mark that it leaves when that is done.

A worker writes its rows of images.npy, then a part file; a chunk with a part file is not decoded again. Whatever is
written is a function of the source and the recipe alone, so two preparations of one folder write the same bytes.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from xraybench import steps
from xraybench.data.pairs import beside
from xraybench.data.prepared import FLIPPED, TWINS, Quarantined, as_stored, packed
from xraybench.data.preprocessing import View, process
from xraybench.errors import DataError
from xraybench.results import replacing
from xraybench.spec import Flipping, Source
from xraybench.steps import Step

Row = Mapping[str, Any]
Wanted = Literal["pixels", "finding", "regions", "everything", "flipped"]
CHUNK_IMAGES, CHUNK_PIXELS = 128, 2**23  # a chunk has no more of either, and at least one image


@dataclass(frozen=True)
class Site:
    """Where a preparation works, on what, how."""

    source: Source
    folder: Path
    size: int
    steps: tuple[Step, ...]

    @property
    def chunk(self) -> int:
        """Images a chunk."""
        return max(1, min(CHUNK_IMAGES, CHUNK_PIXELS // self.size**2))

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 where the last step leaves no more than 8 bits, else uint16."""
        last = self.steps[-1]
        return np.dtype(np.uint8 if isinstance(last, steps.Quantise) and last.bits <= 8 else np.uint16)


@dataclass(frozen=True)
class Item:
    """One image to be made: its row of images.npy, and the one or two rows of the index that it is made from."""

    number: int
    rows: tuple[Row, ...]
    annotated: bool


@dataclass(frozen=True)
class Chunk:
    """Items that are worked on in one go; what is kept of them lies in `place`."""

    site: Site
    place: Path
    items: Sequence[Item]


@dataclass(frozen=True)
class Part:
    """What a chunk of images leaves beside its pixels: masks summed over `masked` training images, uint16 [S,S]."""

    quarantine: tuple[Quarantined, ...]
    notes: Mapping[str, int]
    masked: int
    mask_sum: np.ndarray

    def write(self, place: Path) -> None:
        """The chunk's mark."""
        facts = {"quarantine": [asdict(entry) for entry in self.quarantine], "notes": self.notes, "masked": self.masked}
        with replacing(place) as path, path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, facts=json.dumps(facts), mask_sum=self.mask_sum)

    @classmethod
    def read(cls, place: Path) -> Part:
        """What was written."""
        with np.load(place, allow_pickle=False) as stored:
            facts, mask_sum = json.loads(str(stored["facts"])), stored["mask_sum"]
        quarantine = tuple(Quarantined(**entry) for entry in facts["quarantine"])
        return cls(quarantine, facts["notes"], facts["masked"], mask_sum)


def make_images(chunk: Chunk) -> Part:
    """Decode the chunk's images into images.npy, unless that is done; one that does not decode leaves zeros.

    A chunk with images that did not decode is done again: their files may have been mended since.
    """
    if chunk.place.exists() and not (part := Part.read(chunk.place)).quarantine:
        return part
    site = chunk.site
    pixels = np.zeros((len(chunk.items), site.size, site.size), site.dtype)
    mask_sum, masked = np.zeros((site.size, site.size), np.uint16), 0
    quarantine: list[Quarantined] = []
    notes: Counter[str] = Counter()
    for position, item in enumerate(chunk.items):
        view = view_of(site, item, "finding" if item.annotated else "pixels")
        if isinstance(view, Quarantined):
            quarantine.append(view)
            continue
        pixels[position] = as_stored(view.image, site.dtype)
        notes.update(view.notes)
        finding = view.masks.get("finding") if item.annotated else None
        if finding is not None and finding.any():
            mask_sum += finding
            masked += 1
    _write_rows(site.folder / "images.npy", chunk.items[0].number, pixels)
    part = Part(tuple(quarantine), dict(sorted(notes.items())), masked, mask_sum)
    part.write(chunk.place)
    return part


def make_explained(chunk: Chunk) -> Path:
    """Write the packed regions, twins and flips of explained images, unless that is done."""
    if chunk.place.exists():
        return chunk.place
    site = chunk.site
    views = [_decoded(site, item) for item in chunk.items]
    kept = _regions(site, views)
    if all(view.twin is not None for view in views):
        kept[TWINS] = np.stack([as_stored(view.twin, site.dtype) for view in views if view.twin is not None])
    if isinstance(site.source, Flipping):
        flipped = [_decoded(site, item, "flipped") for item in chunk.items]
        kept[FLIPPED] = np.stack([as_stored(view.image, site.dtype) for view in flipped])
    return _keep(chunk, kept)


def make_regions(chunk: Chunk) -> Path:
    """Write the packed regions of images alone, unless that is done."""
    if chunk.place.exists():
        return chunk.place
    return _keep(chunk, _regions(chunk.site, [_decoded(chunk.site, item, "regions") for item in chunk.items]))


def _regions(site: Site, views: Sequence[View]) -> dict[str, np.ndarray]:
    names = sorted({name for view in views for name in view.regions})
    none = np.zeros((site.size, site.size), bool)
    return {name: packed(np.stack([view.masks.get(name, none) for view in views])) for name in names}


def _keep(chunk: Chunk, kept: Mapping[str, np.ndarray]) -> Path:
    with replacing(chunk.place) as path, path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **kept)
    return chunk.place


def _decoded(site: Site, item: Item, wanted: Wanted = "everything") -> View:
    view = view_of(site, item, wanted)
    if isinstance(view, Quarantined):
        raise DataError(view.reason, "it decoded a moment ago: is the disk well?")
    return view


def view_of(site: Site, item: Item, wanted: Wanted) -> View | Quarantined:
    """An image at the recipe's size, with the regions that are wanted; or why it does not decode.

    DataError where its annotation is broken: that is no accident of one file.
    """
    cut = next((place for place, step in enumerate(site.steps) if isinstance(step, steps.SideBySide)), None)
    before, after = (site.steps, ()) if cut is None else (site.steps[:cut], site.steps[cut + 1 :])
    views = []
    for row in item.rows:
        view = _loaded(site, item.number, row, wanted)
        if isinstance(view, Quarantined):
            return view
        views.append(process(view, before, site.size))
    whole = views[0] if cut is None else beside(*views)
    return process(whole, after, site.size)


def _loaded(site: Site, number: int, row: Row, wanted: Wanted) -> View | Quarantined:
    """What the source gives for a row; lung masks too, where a step cuts to the lungs."""
    try:
        image = _flipped(site.source, row) if wanted == "flipped" else site.source.image(row)
    except DataError as error:
        path = str(row["path"])
        reason = error.message.partition(f"{path}: ")[2] or error.message  # the folder is this machine's alone
        return Quarantined(number, str(row["image_id"]), path, reason)
    lungs = any(isinstance(step, steps.LungRoi) for step in site.steps)
    keep = {"finding"} if wanted == "finding" else set()
    keep |= {"lung"} if lungs else set()
    every = wanted in ("regions", "everything")
    name = f"image {row['image_id']} ({row['path'] or 'computed'})"
    try:
        regions = site.source.regions(row) if keep or every else {}
    except DataError as error:
        raise DataError(f"{name}: {error.message}", error.hint) from error
    kept = {what: mask for what, mask in regions.items() if what in keep or every}
    twin = site.source.twin(row) if wanted == "everything" else None
    return View.of(image, kept, twin, name)


def _flipped(source: Source, row: Row) -> np.ndarray:
    assert isinstance(source, Flipping)
    return source.flipped(row)


def make_room(path: Path, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
    """Create an array of zeros that takes no space until it is written, unless it is there; whole or not at all.

    DataError where an array of another kind is there.
    """
    if path.exists():
        array = np.load(path, mmap_mode="r")
        if array.shape != shape or array.dtype != dtype:
            raise DataError(f"{path}: belongs to another preparation", "remove its folder, or choose another")
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        np.lib.format.open_memmap(temporary, mode="w+", dtype=dtype, shape=shape)
        os.link(temporary, path)  # unlike a move, it never takes the place of one that another process made
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)


def _write_rows(path: Path, start: int, pixels: np.ndarray) -> None:
    """Rows from `start` on. Written, not mapped: a full disk is then an error of this write, not a crash."""
    with path.open("r+b") as file:
        array = np.load(path, mmap_mode="r")
        file.seek(array.offset + start * pixels[0].nbytes)
        file.write(pixels.tobytes())
        file.flush()
        os.fsync(file.fileno())
