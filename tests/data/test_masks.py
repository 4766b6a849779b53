"""Masks against their definitions: a pixel belongs to a shape where its centre lies in it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco

from xraybench.data.masks import from_boxes, from_polygons, from_rle, from_yolo, read_mask
from xraybench.errors import DataError

sides = st.integers(1, 12)
corners = st.floats(-3, 15, allow_nan=False)


@given(sides, sides, st.lists(st.tuples(corners, corners, corners.map(abs), corners.map(abs)), max_size=3))
def test_a_box_holds_the_pixels_whose_centres_it_holds(height, width, boxes):
    expected = [
        [any(x <= j + 0.5 < x + w and y <= i + 0.5 < y + h for x, y, w, h in boxes) for j in range(width)]
        for i in range(height)
    ]
    assert from_boxes(boxes, (height, width)).tolist() == expected


def test_yolo_lines_are_relative_and_of_one_class():
    mask = from_yolo(["3 0.5 0.5 0.5 0.5", "8 0.1 0.1 0.2 0.2", ""], 3, (4, 8))
    assert np.argwhere(mask).min(0).tolist() == [1, 2]
    assert np.argwhere(mask).max(0).tolist() == [2, 5]
    assert mask.sum() == 8


@given(st.integers(0, 5), st.integers(0, 5), st.integers(1, 6), st.integers(1, 6))
def test_a_rectangular_polygon_is_its_box(x, y, width, height):
    corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
    box = from_boxes([(x, y, width, height)], (9, 10))
    assert np.array_equal(from_polygons([corners], (9, 10)), box)
    assert np.array_equal(from_polygons([np.ravel(corners)], (9, 10)), box)


@given(st.integers(0, 2**30))
def test_run_lengths_come_back(seed):
    mask = np.random.default_rng(seed).random((7, 5)) < 0.4
    coded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert np.array_equal(from_rle(coded), mask)
    assert np.array_equal(from_rle({"size": coded["size"], "counts": coded["counts"].decode()}), mask)
    runs = np.flatnonzero(np.diff(np.r_[0, mask.ravel("F"), 2])) + 0
    counts = np.diff(np.r_[0, runs]).tolist()
    assert np.array_equal(from_rle({"size": [7, 5], "counts": counts}), mask)


def test_alpha_is_not_the_mask_and_another_size_is_refused(tmp_path):
    pixels = np.zeros((3, 4, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[1, 2, 0] = 9
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    assert np.argwhere(read_mask(tmp_path / "mask.png", (3, 4))).tolist() == [[1, 2]]
    with pytest.raises(DataError, match=r"mask\.png: the mask is"):
        read_mask(tmp_path / "mask.png", (4, 3))
