"""Finding the film frame: outer rows and columns of one grey, bright or dark, one band or several."""

from __future__ import annotations

import numpy as np

from xraybench.data.geometry import Crop

OUTLIERS = 2.0  # percent at each end of a line that may differ: corners, scratches


def find_frame(image: np.ndarray, tolerance: float, limit: float) -> Crop:
    """What is left of [H,W] when lines of one grey are taken off its sides, again and again, `limit` of a side at most.

    Taking a bright line off the left shows whether the rows are of one grey beside it: a frame within a frame goes too.
    """
    height, width = image.shape
    most_rows, most_columns = int(limit * height), int(limit * width)
    top, bottom, left, right = 0, height, 0, width
    while True:
        before = (top, bottom, left, right)
        rows = _flat(image[top:bottom, left:right], 1, tolerance)
        top, bottom = _shrunk(rows, top, most_rows, height)
        columns = _flat(image[top:bottom, left:right], 0, tolerance)
        left, right = _shrunk(columns, left, most_columns, width)
        if before == (top, bottom, left, right):
            return Crop(top, left, bottom - top, right - left)


def _flat(window: np.ndarray, axis: int, tolerance: float) -> np.ndarray:
    """Which lines are of one grey, OUTLIERS aside."""
    low, high = np.percentile(window, (OUTLIERS, 100 - OUTLIERS), axis=axis)
    flat: np.ndarray = high - low <= tolerance
    return flat


def _shrunk(flat: np.ndarray, start: int, most: int, size: int) -> tuple[int, int]:
    """The part between the flat lines at both ends of the lines from `start`, no more than `most` off a side."""
    full = np.flatnonzero(~flat)
    first, last = (int(full[0]), int(full[-1]) + 1) if len(full) else (0, len(flat))
    return min(start + first, max(start, most)), max(start + last, min(start + len(flat), size - most))
