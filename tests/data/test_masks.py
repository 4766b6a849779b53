"""Masks against their definitions: a pixel belongs to a shape where its centre lies in it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco

from xraybench.data.masks import from_boxes, from_polygons, from_rle, from_yolo, paste, read_mask, resized
from xraybench.data.radiograph import read_radiograph
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


COVID = Path(__file__).parents[2] / "../shared/data/covid_ieee8023_open"
LESIONS, LUNGS = ("Ground Glass Opacities", "Consolidation"), ("Left Lung", "Right Lung")


def pasted(table, classes):
    """The union of an image's crops of these classes, on its canvas."""
    rows = table[table["class"].isin(classes)].to_dict("records")
    width, height = map(int, rows[0]["resolution_WxH"].split("x"))
    crops = [read_mask(COVID / "masks_generalblockchain" / row["mask"]) for row in rows]
    places = [(row["left"], row["top"], (height, width)) for row in rows]
    return np.logical_or.reduce([paste(crop, *place) for crop, place in zip(crops, places, strict=True)])


@pytest.mark.skipif(not COVID.is_dir(), reason=f"no real data at {COVID}")
def test_real_lesions_lie_in_the_lungs_and_the_lungs_in_the_image():
    masks = pd.read_csv(COVID / "masks.csv")
    annotated = dict(list(masks.groupby("filename")))
    assert len(annotated) == 2
    for filename, table in annotated.items():
        lesion, lungs = pasted(table, LESIONS), pasted(table, LUNGS)
        assert lesion.shape == lungs.shape == read_radiograph(COVID / "images" / filename).shape
        assert 0.1 < lungs.mean() < 0.6
        crop = read_mask(COVID / "masks_generalblockchain" / table["mask"].iloc[0])
        assert 0 < crop.mean() < 1  # alpha is 255 all over: were it the mask, crops were full
        assert (lesion & lungs).sum() > 0.9 * lesion.sum() > 0
        left, right = (np.flatnonzero(pasted(table, [side]).any(0)).mean() for side in LUNGS)
        assert right < left  # the patient's right lung is on the image's left


def test_a_crop_that_does_not_fit_is_refused():
    crop = np.ones((3, 4), bool)
    assert paste(crop, 6, 2, (5, 10)).sum() == 12
    assert np.argwhere(paste(crop, 6, 2, (5, 10))).min(0).tolist() == [2, 6]
    for place in ((7, 2), (6, 3), (-1, 0)):
        with pytest.raises(DataError, match="leaves its image"):
            paste(crop, *place, (5, 10))


def test_a_resized_mask_has_the_pixels_of_which_half_belongs_to_it():
    mask = np.zeros((4, 6), bool)
    mask[:2, :2] = mask[2, 2:4] = mask[3, 5] = True
    assert resized(mask, (2, 3)).tolist() == [[True, False, False], [False, True, False]]
    assert resized(mask, (4, 6)) is mask
