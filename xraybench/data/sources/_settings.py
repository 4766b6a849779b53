"""A source's settings: the plain keys of a task file, as a dataclass."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from xraybench.errors import UsageError

T = TypeVar("T")


def parse_settings(made: type[T], source: str, settings: Mapping[str, Any]) -> T:
    """A dataclass from plain keys, lists as tuples; UsageError names an unknown key, and the near one."""
    known = [field.name for field in fields(made)]  # type: ignore[arg-type]
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes: {', '.join(known)}"
            raise UsageError(f"source {source!r} has no setting {key!r}", hint)
    return made(**{key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()})


def check_counts(settings: object, keys: Iterable[str]) -> None:
    """UsageError where the value of a key is no whole number from 0, and not None."""
    for key in keys:
        value = getattr(settings, key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise UsageError(f"{key} = {value!r} is no setting of a source", f"{key} is a whole number from 0")


def check_choice(source: str, key: str, chosen: object, known: tuple[str, ...]) -> None:
    """UsageError where a list names something that is not known; it names the near one."""
    if not isinstance(chosen, tuple):
        raise UsageError(f"source {source!r}: {key} = {chosen!r}", f"{key} is a list of: {', '.join(known)}")
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
            raise UsageError(f"source {source!r}: {key} has no {name!r}", hint)
