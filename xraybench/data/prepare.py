"""Preparation: every radiograph of a source decoded once, at the task's size, into the folder that `Prepared` reads.

Memory is that of a few chunks, whatever the size of the set. An interrupted preparation goes on where it ended, and two
at once do the same work twice; the result is the same to the byte.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from xraybench.data._chunks import Chunk, Item, Part, Site, make_explained, make_images, make_regions, make_room
from xraybench.data._parallel import stream
from xraybench.data._totals import Totals
from xraybench.data.pairs import LEFT, RIGHT, pair_views
from xraybench.data.prepared import (
    EXPLAINED,
    FLIPPED,
    ROWS,
    STORED,
    TWINS,
    VALIDATION,
    Prepared,
    Quarantined,
    Statistics,
)
from xraybench.data.splits import check_split, choose_explained, split_digest
from xraybench.errors import DataError
from xraybench.identity import digest
from xraybench.results import replacing
from xraybench.spec import Source
from xraybench.steps import DEFAULT, SideBySide, Step

TOLERATED = 0.01  # share of images that may fail to decode
EXPLAINED_CHUNK = 16  # explained images a unit of work: their masks and twins weigh more than pixels
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Recipe:
    """What is made of a source: `count` test images are explained, of those with a finding or of all with a label."""

    image_size: int
    labels: Sequence[str]
    explained: Literal["positive", "all"]
    count: int
    steps: tuple[Step, ...] = DEFAULT

    def eligible(self, index: pd.DataFrame) -> pd.Series:
        """Which rows may be explained."""
        labels = index[list(self.labels)]
        return labels.eq(1).any(axis=1) if self.explained == "positive" else labels.notna().any(axis=1)

    def cases(self, index: pd.DataFrame) -> pd.DataFrame:
        """One row an image to be made: the index itself, or its pairs of views."""
        pairing = next((step for step in self.steps if isinstance(step, SideBySide)), None)
        return index if pairing is None else pair_views(index, pairing, self.labels)

    def choose(self, cases: pd.DataFrame) -> pd.DataFrame:
        """The rows that are explained, in their order; DataError where there are none."""
        chosen = choose_explained(cases, self.eligible(cases), self.count)
        if chosen.empty:
            hint = "the test split holds no image of the kind the task explains"
            raise DataError("no test image can be explained", hint)
        return chosen


def prepare(source: Source, folder: Path, recipe: Recipe, workers: int, progress: Progress) -> Prepared:
    """Decode `source` into `folder`, unless it is there already; DataError where over 1 % of it does not decode."""
    if Statistics.read(folder) is not None:
        return Prepared(folder)
    try:
        return _build(source, folder, recipe, workers, progress)
    except FileNotFoundError:  # a preparation beside this one was done first, and has tidied up
        if Statistics.read(folder) is None:
            raise
        return Prepared(folder)


def prepare_validation(source: Source, folder: Path, recipe: Recipe, workers: int, progress: Progress) -> None:
    """The regions of as many validation images as are explained, beside a preparation of theirs, unless they are there.

    Apart from `prepare`, so that only runs that tune something pay for them.
    """
    if (folder / VALIDATION).exists():
        return
    try:
        _build_validation(source, folder, recipe, workers, progress)
    except FileNotFoundError:  # as in `prepare`
        if not (folder / VALIDATION).exists():
            raise


def _build_validation(source: Source, folder: Path, recipe: Recipe, workers: int, progress: Progress) -> None:
    listed, kept = source.index().reset_index(drop=True), Prepared(folder).index
    cases = recipe.cases(listed)
    chosen = choose_explained(kept, recipe.eligible(kept), recipe.count, "validation")
    site = Site(source, folder, recipe.image_size, tuple(recipe.steps))
    work = _Work(site, listed, cases, np.zeros(len(cases), bool))
    places: list[Path] = []
    with closing(stream(make_regions, work.explained(chosen, "validation"), workers)) as parts:
        for place in parts:
            places.append(place)
            progress(min(EXPLAINED_CHUNK * len(places), len(chosen)), len(chosen))
    _write_explained(folder / VALIDATION, chosen, places)
    shutil.rmtree(folder / "parts", ignore_errors=True)


def _build(source: Source, folder: Path, recipe: Recipe, workers: int, progress: Progress) -> Prepared:
    listed = source.index().reset_index(drop=True)
    cases = recipe.cases(listed)
    check_split(cases)
    recipe.choose(cases)
    site = Site(source, folder, recipe.image_size, tuple(recipe.steps))
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    make_room(folder / "images.npy", (len(cases), site.size, site.size), site.dtype)
    work = _Work(site, listed, cases, _annotated(source, recipe, cases))
    totals = Totals.of(site.size)
    with closing(stream(make_images, work.chunks(), workers)) as parts:
        for start, part in zip(work.starts(), parts, strict=True):
            stop = min(start + site.chunk, len(cases))
            totals.add(part, folder / "images.npy", work.training(start, stop, part))
            progress(stop, len(cases))
    _refuse_many(folder, totals.quarantine, len(cases))
    kept = _kept(cases, totals.quarantine)
    chosen = recipe.choose(kept)
    with closing(stream(make_explained, work.explained(chosen), workers)) as places:
        _write_explained(folder / EXPLAINED, chosen, list(places))
    totals.write_means(folder)
    with replacing(folder / "index.parquet") as path:
        kept.to_parquet(path)
    totals.statistics(split_digest(kept), _unpaired(listed, cases)).write(folder)
    shutil.rmtree(folder / "parts", ignore_errors=True)
    return Prepared(folder)


@dataclass(frozen=True)
class _Work:
    """The chunks of a preparation, made as they are needed. annotated: rows whose masks make the mean mask."""

    site: Site
    listed: pd.DataFrame
    cases: pd.DataFrame
    annotated: np.ndarray

    def starts(self) -> Iterator[int]:
        """The first row of each chunk."""
        return iter(range(0, len(self.cases), self.site.chunk))

    def chunks(self) -> Iterator[Chunk]:
        """Chunks of all images."""
        for start in self.starts():
            numbers = np.arange(start, min(start + self.site.chunk, len(self.cases)))
            yield Chunk(self.site, self.site.folder / "parts" / f"images-{start:09d}.npz", self._items(numbers))

    def explained(self, chosen: pd.DataFrame, kind: str = "explained") -> Iterator[Chunk]:
        """Chunks of the chosen images. They change with what does not decode, and are named by what they hold."""
        numbers = chosen[STORED].to_numpy()
        for start in range(0, len(numbers), EXPLAINED_CHUNK):
            mine = numbers[start : start + EXPLAINED_CHUNK]
            name = f"{kind}-{digest(mine.tolist())}.npz"
            yield Chunk(self.site, self.site.folder / "parts" / name, self._items(mine))

    def _items(self, numbers: np.ndarray) -> list[Item]:
        """The rows that the images are made from, as plain mappings."""
        cases = self.cases.iloc[numbers]
        if LEFT in cases:
            sides = [self.listed.iloc[cases[side]].to_dict("records") for side in (LEFT, RIGHT)]
        else:
            sides = [cases.to_dict("records")]
        rows = zip(*sides, strict=True)
        return [
            Item(int(number), tuple(row), bool(self.annotated[number]))
            for number, row in zip(numbers, rows, strict=True)
        ]

    def training(self, start: int, stop: int, part: Part) -> np.ndarray:
        """The rows of a chunk that hold training images that decode."""
        bad = [entry.row for entry in part.quarantine]
        training = start + np.flatnonzero((self.cases["split"].iloc[start:stop] == "train").to_numpy())
        return np.setdiff1d(training, bad)


def _annotated(source: Source, recipe: Recipe, cases: pd.DataFrame) -> np.ndarray:
    """The training images whose finding masks make the mean mask, bool [N]."""
    if "finding" not in source.offers:
        return np.zeros(len(cases), bool)
    annotated: np.ndarray = ((cases["split"] == "train") & recipe.eligible(cases)).to_numpy()
    return annotated


def _kept(cases: pd.DataFrame, quarantine: Sequence[Quarantined]) -> pd.DataFrame:
    """The cases that decode, with the place of their pixels; DataError where a split is left empty."""
    kept = cases.assign(**{STORED: np.arange(len(cases))})
    kept = kept.drop(index=[entry.row for entry in quarantine]).reset_index(drop=True)
    check_split(kept)
    return kept


def _refuse_many(folder: Path, quarantine: Sequence[Quarantined], total: int) -> None:
    """DataError, naming the list, where more than is tolerated does not decode."""
    path = folder / "quarantine.csv"
    path.unlink(missing_ok=True)
    if len(quarantine) <= TOLERATED * total:
        return
    with replacing(path) as temporary:
        pd.DataFrame(quarantine).to_csv(temporary, index=False)
    raise DataError(
        f"{len(quarantine)} of {total} images do not decode, over {TOLERATED:.0%}; the first, {quarantine[0].path}: "
        f"{quarantine[0].reason}",
        f"{path} lists them; obtain them again, or take them out of the data set, and give the same command again",
    )


def _unpaired(listed: pd.DataFrame, cases: pd.DataFrame) -> int:
    return len(listed) - 2 * len(cases) if LEFT in cases else 0


def _write_explained(place: Path, chosen: pd.DataFrame, parts: Sequence[Path]) -> None:
    """One file from the chunks': a missing region is blank; twins and flips stand only where all have one."""
    stored: list[dict[str, np.ndarray]] = []
    for each in parts:
        with np.load(each, allow_pickle=False) as part:
            stored.append({name: part[name] for name in part.files})
    names = sorted({name for part in stored for name in part} - {TWINS, FLIPPED})
    lengths = np.diff([*range(0, len(chosen), EXPLAINED_CHUNK), len(chosen)])
    arrays: dict[str, Any] = {ROWS: chosen.index.to_numpy()}
    for name in names:
        width = next(part[name].shape[1] for part in stored if name in part)
        blank = [np.zeros((length, width), np.uint8) for length in lengths]
        arrays[name] = np.concatenate([part.get(name, none) for part, none in zip(stored, blank, strict=True)])
    for name in (TWINS, FLIPPED):
        if all(name in part for part in stored):
            arrays[name] = np.concatenate([part[name] for part in stored])
    with replacing(place) as path, path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
