"""Tables on a terminal: as few of them as its width allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.table import Table

T = TypeVar("T")


def fitting(console: Console, most: int, tables_of: Callable[[int], list[Table]]) -> list[Table]:
    """Tables of as many columns as the console's width allows."""
    tables: list[Table] = []
    unclipped = console.options.update(width=1000)
    for size in range(most, 0, -1):
        tables = tables_of(size)
        if all(console.measure(table, options=unclipped).maximum <= console.width for table in tables):
            break
    return tables


def batched(rows: Sequence[T], size: int) -> list[Sequence[T]]:
    """The rows in parts of at most `size`."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
