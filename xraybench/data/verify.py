"""Verification of a data set: what is there and what is missing, beside what its publisher counts.

Every image that is there is decoded once. Duplicates are images whose decoded pixels are equal, whatever file holds
them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xraybench.data._parallel import stream
from xraybench.data.prepare import TOLERATED
from xraybench.data.sources._files import sizes
from xraybench.data.sources._folder import COLUMNS, FolderSource
from xraybench.data.splits import SPLITS
from xraybench.errors import DataError
from xraybench.identity import digest_bytes
from xraybench.spec import Source

CHUNK = 64  # images a unit of parallel work
UNCERTAIN = -1
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Counts:
    """How many of what."""

    images: int
    patients: int
    studies: int


@dataclass(frozen=True)
class LabelCounts:
    """Images of a split by a label's value: 1, 0, -1 (uncertain), none."""

    positive: int
    negative: int
    uncertain: int
    blank: int


@dataclass(frozen=True)
class Official:
    """A count as its publisher states it, and ours; None where the index does not tell."""

    official: int
    listed: int | None


@dataclass(frozen=True)
class Broken:
    """An image that does not decode, or whose annotation does not fit it."""

    image_id: str
    path: str
    reason: str


@dataclass(frozen=True)
class Duplicates:
    """Images with the same pixels, and the splits that they stand in."""

    image_ids: tuple[str, ...]
    splits: tuple[str, ...]


@dataclass(frozen=True)
class SharedPatient:
    """A patient whose images stand in more than one split."""

    patient_id: str
    splits: tuple[str, ...]


@dataclass(frozen=True)
class Verification:
    """What was found. listed: by the set's tables; found: of those, the images whose files are there.

    splits and labels count what was found; annotated: images with a region of that name that is not empty.
    """

    source: str
    title: str
    licence: str
    citation: str
    obtain: str
    pixels_may_be_published: bool
    listed: Counts
    found: Counts
    missing: tuple[str, ...]
    official: Mapping[str, Official]
    splits: Mapping[str, Counts]
    labels: Mapping[str, Mapping[str, LabelCounts]]
    annotated: Mapping[str, int]
    undecodable: tuple[Broken, ...]
    misfits: tuple[Broken, ...]
    duplicates: tuple[Duplicates, ...]
    shared_patients: tuple[SharedPatient, ...]

    @property
    def across_splits(self) -> tuple[Duplicates, ...]:
        """The duplicates that stand in more than one split."""
        return tuple(group for group in self.duplicates if len(group.splits) > 1)

    @property
    def refusals(self) -> list[str]:
        """Why a run would refuse this data set; empty where it would not."""
        reasons = []
        if self.shared_patients:
            reasons.append(f"{len(self.shared_patients)} patients stand in more than one split")
        if len(self.undecodable) > TOLERATED * self.found.images:
            reasons.append(f"over {TOLERATED:.0%} of the images do not decode")
        if self.misfits:
            reasons.append(f"the annotation of {len(self.misfits)} images does not fit them")
        if not self.found.images:
            reasons.append("no image is there")
        return reasons


def verify(source: Source, workers: int, progress: Progress) -> Verification:
    """Read the whole set; DataError only where its tables cannot be read."""
    listed = source.index().reset_index(drop=True)
    there = _there(source, listed)
    found = listed[there].reset_index(drop=True)
    seen: list[_Seen] = []
    with closing(stream(_look, _jobs(source, found), workers)) as chunks:
        for chunk in chunks:
            seen += chunk
            progress(len(seen), len(found))
    about = source.about
    return Verification(
        source=source.name,
        title=about.title,
        licence=about.licence,
        citation=about.citation,
        obtain=about.obtain,
        pixels_may_be_published=source.redistributable,
        listed=_counts(listed),
        found=_counts(found),
        missing=tuple(listed["path"][~there]),
        official={what: Official(count, listed_count(listed, what)) for what, count in about.official.items()},
        splits={split: _counts(part) for split, part in _parts(found).items()},
        labels=_labels(found),
        annotated=_annotated(seen),
        undecodable=tuple(one.broken for one in seen if one.broken is not None and one.pixels is None),
        misfits=tuple(one.broken for one in seen if one.broken is not None and one.pixels is not None),
        duplicates=_duplicates(found, seen),
        shared_patients=_shared(listed),
    )


@dataclass(frozen=True)
class _Seen:
    """What was seen of an image: a digest of its pixels (None: it does not decode), its regions, what is wrong."""

    pixels: str | None
    regions: frozenset[str] = frozenset()
    broken: Broken | None = None


@dataclass(frozen=True)
class _Job:
    source: Source
    rows: Sequence[Mapping[str, Any]]


def _jobs(source: Source, found: pd.DataFrame) -> Iterator[_Job]:
    for start in range(0, len(found), CHUNK):
        rows: list[Any] = found.iloc[start : start + CHUNK].to_dict("records")
        yield _Job(source, rows)


def _look(job: _Job) -> list[_Seen]:
    return [_look_at(job.source, row) for row in job.rows]


def _look_at(source: Source, row: Mapping[str, Any]) -> _Seen:
    """Decode an image and its annotation."""

    def broken(reason: str) -> Broken:
        return Broken(str(row["image_id"]), str(row["path"]), reason)

    try:
        image = source.image(row)
    except DataError as error:
        return _Seen(None, broken=broken(error.message))
    pixels = digest_bytes(repr(image.shape).encode(), np.ascontiguousarray(image).data)
    try:
        regions = source.regions(row)
    except DataError as error:
        return _Seen(pixels, broken=broken(error.message))
    for name, mask in regions.items():
        if mask.shape != image.shape:
            return _Seen(pixels, broken=broken(f"its region {name!r} is {mask.shape}, the image {image.shape}"))
    return _Seen(pixels, frozenset(name for name, mask in regions.items() if mask.any()))


def _there(source: Source, listed: pd.DataFrame) -> np.ndarray:
    """Which images' files are there, bool [N]; of a source that is not a folder's, all."""
    if not isinstance(source, FolderSource):
        return np.ones(len(listed), bool)
    there: np.ndarray = sizes(source.root, listed["path"]) >= 0
    return there


def _counts(table: pd.DataFrame) -> Counts:
    return Counts(len(table), int(table["patient_id"].nunique()), int(table["study_id"].nunique()))


def listed_count(listed: pd.DataFrame, what: str) -> int | None:
    """Our count of what `About.official` counts: "images", "train images", "fracture=1", "train + validation images".

    None where we cannot tell.
    """
    counts = _counts(listed)
    if what in ("images", "patients", "studies"):
        return int(getattr(counts, what))
    column, equals, value = what.partition("=")
    if equals:
        return int((listed[column].astype(str).isin({value, f"{value}.0"})).sum()) if column in listed else None
    split, _, kind = what.rpartition(" ")
    part = listed[listed["split"].isin(split.split(" + "))]
    return None if part.empty or kind not in ("images", "patients", "studies") else int(getattr(_counts(part), kind))


def label_columns(table: pd.DataFrame) -> list[str]:
    """The columns that hold 1, 0, -1 or nothing, and something at all."""
    columns = [column for column in table if column not in COLUMNS and pd.api.types.is_numeric_dtype(table[column])]
    return [str(c) for c in columns if table[c].notna().any() and table[c].dropna().isin([1, 0, UNCERTAIN]).all()]


def _labels(found: pd.DataFrame) -> dict[str, dict[str, LabelCounts]]:
    """By label and split."""
    parts, labels = _parts(found), label_columns(found)
    return {label: {split: _label_counts(part[label]) for split, part in parts.items()} for label in labels}


def _parts(found: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The images by split, in the order of SPLITS; then of whatever other names stand there."""
    names = [*SPLITS, *sorted(set(found["split"].astype(str)) - set(SPLITS))]
    parts = {name: found[found["split"].astype(str) == name] for name in names}
    return {name: part for name, part in parts.items() if len(part)}


def _label_counts(values: pd.Series) -> LabelCounts:
    one, zero, uncertain = (int((values == value).sum()) for value in (1, 0, UNCERTAIN))
    return LabelCounts(one, zero, uncertain, int(values.isna().sum()))


def _annotated(seen: Sequence[_Seen]) -> dict[str, int]:
    names = sorted({name for one in seen for name in one.regions})
    return {name: sum(name in one.regions for one in seen) for name in names}


def _duplicates(found: pd.DataFrame, seen: Sequence[_Seen]) -> tuple[Duplicates, ...]:
    groups: dict[str, list[int]] = defaultdict(list)
    for position, one in enumerate(seen):
        if one.pixels is not None:
            groups[one.pixels].append(position)
    same = [found.iloc[positions] for positions in groups.values() if len(positions) > 1]
    return tuple(Duplicates(tuple(part["image_id"].astype(str)), tuple(part["split"].unique())) for part in same)


def _shared(listed: pd.DataFrame) -> tuple[SharedPatient, ...]:
    pairs = listed[["patient_id", "split"]].drop_duplicates()
    several = pairs[pairs["patient_id"].duplicated(keep=False)]
    return tuple(
        SharedPatient(str(patient), tuple(part["split"])) for patient, part in several.groupby("patient_id", sort=False)
    )
