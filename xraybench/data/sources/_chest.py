"""What the sources of chest phantoms share: how rows of an index name cases, and what the sources say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xraybench.errors import DataError, UsageError
from xraybench.spec import About

SPLITS = ("train", "validation", "test")


def about(title: str) -> About:
    """Of computed radiographs."""
    return About(
        title=title,
        licence="Apache-2.0, as xraybench",
        citation="computed by xraybench; no patients",
        obtain="computed where it is used",
    )


def refuse_folder(source: str, root: Path | None) -> None:
    """UsageError if a folder is given, for phantoms are computed."""
    if root is not None:
        raise UsageError(f"{source} reads no folder", "leave out --data, or name the source that reads it")


def image_id(family: str, split: str, number: int) -> str:
    """The name of a split's image `number`."""
    return f"{family}-{split}-{number:06d}"


def case_of(source: str, family: str, row: Mapping[str, Any]) -> tuple[str, int]:
    """Split and number of a row of the index; DataError where it is none."""
    try:
        named, split, number = str(row["image_id"]).rsplit("-", 2)
        known = named == family and split in SPLITS and number.isdigit()
    except (KeyError, ValueError):
        known = False
    if not known:
        raise DataError(f"not a row of {source}: {dict(row)!r}", "pass a row of this source's index()")
    return split, int(number)
