"""What is known of a radiograph before its pixels are decoded, and what is refused on that ground."""

from __future__ import annotations

from dataclasses import dataclass

from xraybench.errors import DataError

LARGEST = 80_000_000  # pixels; the largest detectors give a third of that


@dataclass(frozen=True)
class Header:
    """Size in pixels; spacing in mm between the centres of rows and of columns, None where the file does not say."""

    height: int
    width: int
    spacing: tuple[float, float] | None


def refuse_bomb(height: int, width: int) -> None:
    """DataError for a size that no radiograph has, before memory is spent on it."""
    if height < 1 or width < 1 or height * width > LARGEST:
        raise DataError(
            f"is {height} x {width} pixels, more than {LARGEST:,} or none", "no radiograph is so large; leave it out"
        )
