"""Boolean masks from the forms in which data sets annotate: boxes, polygons, run lengths, mask files.

A pixel belongs to a shape where its centre lies in it; coordinates are pixels, x to the right, y down, and (0, 0) is
the top left corner of the top left pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from xraybench.errors import DataError

Mask = NDArray[np.bool_]
Shape = tuple[int, int]  # height, width


def from_boxes(boxes: Iterable[Sequence[float]], shape: Shape, drawn_in: Shape | None = None) -> Mask:
    """The union of boxes (x, y, width, height); parts outside the image are cut off.

    drawn_in: the size of the image whose pixels the boxes count, where this one may be a resized copy of it.
    """
    mask = np.zeros(shape, bool)
    height_of, width_of = drawn_in or shape
    rows = (np.arange(shape[0]) + 0.5) * (height_of / shape[0])
    columns = (np.arange(shape[1]) + 0.5) * (width_of / shape[1])
    for x, y, width, height in boxes:
        inside_rows = (rows >= y) & (rows < y + height)
        mask |= inside_rows[:, None] & ((columns >= x) & (columns < x + width))
    return mask


def from_yolo(lines: Iterable[str], wanted: int, shape: Shape) -> Mask:
    """The union of one class's boxes in YOLO's lines `class cx cy w h`, all relative to the image."""
    scale = np.array([shape[1], shape[0], shape[1], shape[0]], float)
    boxes = []
    for number, *numbers in (line.split() for line in lines if line.strip()):
        if int(number) == wanted:
            centre_x, centre_y, width, height = np.array(numbers[:4], float) * scale
            boxes.append((centre_x - width / 2, centre_y - height / 2, width, height))
    return from_boxes(boxes, shape)


def from_polygons(polygons: Iterable[ArrayLike], shape: Shape) -> Mask:
    """The union of polygons, each [[x, y], ...] (or flat x, y, x, y, ... as COCO writes them)."""
    from skimage.draw import polygon2mask

    mask = np.zeros(shape, bool)
    for polygon in polygons:
        points = np.asarray(polygon, float).reshape(-1, 2)
        if len(points) >= 3:
            mask |= polygon2mask(shape, points[:, ::-1] - 0.5)
    return mask


def from_rle(coded: Mapping[str, Any]) -> Mask:
    """COCO's run lengths {"size": [height, width], "counts": compressed text}, column by column."""
    from pycocotools import mask as coco

    counts = coded["counts"]
    if isinstance(counts, list):  # the uncompressed form
        coded = coco.frPyObjects(dict(coded), *coded["size"])
    elif isinstance(counts, str):
        coded = {**coded, "counts": counts.encode("ascii")}
    return np.asarray(coco.decode(coded), bool)


def resized(mask: Mask, shape: Shape) -> Mask:
    """A mask for a copy of its image of another size: a pixel belongs to it where at least half of it does."""
    if mask.shape == shape:
        return mask
    share = Image.fromarray(mask.astype(np.float32)).resize(shape[::-1], Image.Resampling.BOX)
    return np.asarray(np.asarray(share) >= 0.5, bool)


def paste(crop: Mask, left: int, top: int, shape: Shape) -> Mask:
    """A mask that is stored as a crop, at its place in the image; DataError where it does not fit in there."""
    bottom, right = top + crop.shape[0], left + crop.shape[1]
    if min(left, top) < 0 or bottom > shape[0] or right > shape[1]:
        raise DataError(
            f"a crop of {crop.shape} at left {left}, top {top} leaves its image of {shape}",
            "places count pixels of the image that the crop was cut from",
        )
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = crop
    return mask


def read_mask(path: Path, shape: Shape | None = None) -> Mask:
    """A mask file: True where any colour is not 0 (alpha says nothing). DataError where its size is not `shape`."""
    try:
        with Image.open(path) as picture:
            colours = np.asarray(picture.convert("RGB") if picture.mode in ("P", "RGBA", "LA") else picture)
    except OSError as error:
        raise DataError(f"{path}: does not decode: {error}", "is it a whole mask file?") from error
    mask = colours.any(-1) if colours.ndim == 3 else colours > 0
    if shape is not None and mask.shape != shape:
        raise DataError(f"{path}: the mask is {mask.shape}, its image {shape}", "masks are as large as their images")
    return np.asarray(mask, bool)
