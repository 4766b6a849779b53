"""What the sources of computed radiographs share: plain settings, checked key by key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from xraybench.errors import UsageError

SMALLEST, LARGEST = 64, 512  # pixels a side
T = TypeVar("T")


def parse(made: type[T], source: str, settings: Mapping[str, Any]) -> T:
    """A dataclass of settings from plain keys, lists as tuples; UsageError names an unknown key, and the near one."""
    known = [item.name for item in fields(made)]  # type: ignore[arg-type]
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes: {', '.join(known)}"
            raise UsageError(f"{source} has no setting {key!r}", hint)
    return made(**{key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()})


def check_counts(source: str, settings: object, names: Iterable[str]) -> None:
    """UsageError for a number of images, or a seed, that is none, and for a size out of range."""
    for name in ("size", *names):
        value = getattr(settings, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise UsageError(f"{source}: {name} = {value!r}", f"{name} is a whole number from 0")
    size = settings.size  # type: ignore[attr-defined]
    if not SMALLEST <= size <= LARGEST:
        raise UsageError(f"{source}: size = {size}", f"sizes go from {SMALLEST} to {LARGEST} pixels")


def check_shares(source: str, shares: Mapping[str, object]) -> None:
    """UsageError for a share outside 0 to 1."""
    for name, share in shares.items():
        if not isinstance(share, int | float) or isinstance(share, bool) or not 0 <= share <= 1:
            raise UsageError(f"{source}: {name} = {share!r}", "shares are numbers from 0 to 1")


def check_parts(source: str, key: str, named: object, known: Iterable[str]) -> None:
    """UsageError for an empty list, or a name in it that is not known."""
    names = tuple(known)
    if not isinstance(named, tuple) or not named:
        raise UsageError(f"{source}: {key} = {named!r}", f"{key} is a list of: {', '.join(names)}")
    for name in named:
        if name not in names:
            near = difflib.get_close_matches(str(name), names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
            raise UsageError(f"{source}: {key} has no {name!r}", hint)
