"""The named steps: frames, lungs, contrast, rounding; and that regions and twins go along."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xraybench.data._frame import find_frame
from xraybench.data._lungs import find_lungs, lung_box
from xraybench.data.geometry import Crop, box_around
from xraybench.data.masks import read_mask
from xraybench.data.pairs import beside
from xraybench.data.preprocessing import FALLEN_BACK, SEGMENTED, View, process
from xraybench.data.radiograph import read_radiograph
from xraybench.data.sources import phantom_wrist
from xraybench.errors import DataError
from xraybench.steps import DEFAULT, Clahe, CropFrame, Flip, LungRoi, PadToSquare, Quantise, Resize, Rotate

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data at {SHARED.name}/data beside the checkout")


def noise(height, width, low=0.3, high=0.7, seed=0):
    return np.random.default_rng(seed).uniform(low, high, (height, width)).astype(np.float32)


# --- film frame


@given(
    st.tuples(*[st.integers(0, 9)] * 4),
    st.tuples(*[st.integers(0, 5)] * 4),
    st.sampled_from([(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]),
)
def test_a_frame_goes_and_the_radiograph_stays(outer, inner, greys):
    """A radiograph in a band of one grey that lies in a band of another: lines above, below, left, right."""
    image = np.pad(noise(50, 60), ((inner[0], inner[1]), (inner[2], inner[3])), constant_values=greys[1])
    image = np.pad(image, ((outer[0], outer[1]), (outer[2], outer[3])), constant_values=greys[0])
    whole = [sum(pair) for pair in zip(outer, inner, strict=True)]
    assert find_frame(image, 0.02, 0.4) == Crop(whole[0], whole[2], 50, 60)


def test_no_more_than_the_limit_is_cut_off():
    image = np.zeros((100, 80), np.float32)
    image[60:, 70:] = noise(40, 10)
    cut = find_frame(image, 0.02, 0.25)
    assert (cut.top, cut.left) == (25, 20)
    assert find_frame(np.zeros((40, 50), np.float32), 0.02, 0.25) == Crop(0, 0, 40, 50)  # no radiograph in it


def test_phantoms_lose_their_upright_frames_and_keep_their_findings():
    source = phantom_wrist.open_source(None, {"size": 96, "train": 0, "validation": 0, "test": 60})
    for row in source.index().to_dict("records"):
        view = View.of(source.image(row), source.regions(row), source.twin(row), row["image_id"])
        cut = process(view, [CropFrame(step="crop-frame")], 96)
        assert cut.masks["finding"].sum() == view.masks["finding"].sum()
        assert cut.twin is None or cut.twin.shape == cut.image.shape
        for line in (cut.image[0], cut.image[-1], cut.image[:, 0], cut.image[:, -1]):
            assert np.ptp(line) > 0 or min(cut.image.shape) <= 48


# --- lungs


def chest(height=120, width=100):
    """Two dark ellipses in a bright body on a dark ground, and the mask of the ellipses."""
    row, column = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    lungs = np.zeros((height, width), bool)
    for middle in (0.3, 0.7):
        lungs |= ((row - 0.45) / 0.28) ** 2 + ((column - middle) / 0.13) ** 2 < 1
    body = (np.abs(column - 0.5) < 0.44) & (row > 0.03)
    return (np.where(lungs, 0.3, np.where(body, 0.8, 0.05))).astype(np.float32), lungs


def test_drawn_lungs_are_found_and_the_view_is_cut_to_them():
    image, lungs = chest()
    found = find_lungs(image)
    assert 2 * (found & lungs).sum() / (found.sum() + lungs.sum()) > 0.9
    cut = process(View(image), [LungRoi(step="lung-roi", margin=0)], 64)
    assert cut.notes == (SEGMENTED,)
    np.testing.assert_allclose(cut.image.shape, np.ptp(np.nonzero(lungs), axis=1) + 1, atol=8)
    assert lung_box(image, 0).apply(lungs).sum() > 0.95 * lungs.sum()


def test_where_no_lungs_are_found_the_whole_image_stays_and_that_is_noted():
    for image in (np.full((50, 60), 0.4, np.float32), noise(50, 60), 1 - chest()[0]):
        assert find_lungs(image) is None
        view = process(View(image), [LungRoi(step="lung-roi")], 64)
        assert view.notes == (FALLEN_BACK,)
        np.testing.assert_array_equal(view.image, image)


def test_the_sets_lung_mask_comes_first_and_the_margin_is_a_share_of_the_box():
    lung, finding = np.zeros((100, 80), bool), np.zeros((100, 80), bool)
    lung[20:60, 30:50] = True
    finding[25:30, 35:38] = True
    image = noise(100, 80)
    view = View.of(image, {"lung": lung, "finding": finding}, image / 2, "x")
    cut = process(view, [LungRoi(step="lung-roi", margin=0.1)], 64)
    assert cut.notes == ()
    np.testing.assert_array_equal(cut.image, image[16:64, 28:52])
    np.testing.assert_array_equal(cut.twin, image[16:64, 28:52] / 2)
    assert cut.masks["finding"].nonzero()[0].min() == 9
    assert cut.masks["finding"].sum() == finding.sum()
    assert box_around(lung, 5) == Crop(0, 0, 100, 80)


@needs_shared
def test_real_chests_are_cut_to_boxes_that_hold_the_radiologists_lungs():
    folder = SHARED / "covid_ieee8023_open"
    for path in sorted((folder / "masks_lungVAE").glob("*_mask.png")):
        (picture,) = (folder / "images").glob(f"{path.stem.removesuffix('_mask')}.*")
        image = read_radiograph(picture)
        truth = read_mask(path, image.shape)
        held = lung_box(image, LungRoi(step="lung-roi").margin).apply(truth).sum() / truth.sum()
        assert held > 0.95


@needs_shared
def test_on_real_chests_the_segmentation_mostly_finds_lungs_where_lungs_are():
    images = [read_radiograph(path) for path in sorted((SHARED / "nih_cxr14" / "images").glob("*.png"))]
    found = [lungs for lungs in map(find_lungs, images) if lungs is not None]
    assert len(found) >= len(images) / 2
    for lungs in found:
        rows, columns = lungs.nonzero()
        assert 0.2 < rows.mean() / len(lungs) < 0.7
        assert 0.4 < columns.mean() / lungs.shape[1] < 0.6


# --- greys


def test_clahe_is_scikit_images_and_leaves_regions_where_they_are():
    from skimage.exposure import equalize_adapthist

    image, lungs = chest(64, 64)
    view = process(View.of(image, {"lung": lungs}, image, "x"), [Clahe(step="clahe", clip=0.02, tiles=4)], 64)
    np.testing.assert_allclose(view.image, equalize_adapthist(image, 16, 0.02), atol=1e-6)
    np.testing.assert_array_equal(view.twin, view.image)
    np.testing.assert_array_equal(view.masks["lung"], lungs)
    flat = np.full((16, 16), 0.3, np.float32)
    np.testing.assert_array_equal(process(View(flat), [Clahe(step="clahe")], 16).image, flat)


@given(st.integers(1, 16))
def test_quantising_gives_so_many_levels_and_the_nearest(bits):
    image = np.linspace(0, 1, 5000, dtype=np.float32).reshape(50, 100)
    rounded = process(View(image), [Quantise(step="quantise", bits=bits)], 50).image
    assert len(np.unique(rounded)) == min(2**bits, 5000)
    assert np.abs(rounded - image).max() <= 0.5 / (2**bits - 1) + 1e-6


# --- together


@given(st.integers(20, 60), st.integers(20, 60), st.integers(16, 40), st.integers(0, 2**32 - 1))
def test_regions_and_twin_take_the_same_way_as_the_image(height, width, size, seed):
    """A region that is a threshold of the image is a threshold of what becomes of the image, but for its border."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width), 0.25, np.float32)
    top, left = rng.integers(2, height - 12), rng.integers(2, width - 12)
    image[top : top + 10, left : left + 10] = 0.75
    image[0, 0] = image[-1, -1] = 0.26  # no line of one grey that a frame could be
    steps = (Flip(step="flip"), *DEFAULT, Rotate(step="rotate", degrees=30), Quantise(step="quantise"))
    view = process(View.of(image, {"finding": image > 0.5}, 1 - image, "x"), steps, size)
    mask = view.masks["finding"]
    assert view.image.shape == view.twin.shape == mask.shape == (size, size)
    inside = view.regions["finding"] > 0.99
    assert (view.image[inside] > 0.7).all()
    assert (view.twin[inside] < 0.3).all()
    assert (view.image[view.regions["finding"] == 0] < 0.27).all()


def test_the_default_is_to_pad_and_to_resize():
    view = process(View(noise(30, 50)), DEFAULT, 25)
    assert view.image.shape == (25, 25)
    assert not view.image[:4].any()
    direct = process(View(noise(30, 50)), [PadToSquare(step="pad"), Resize(step="resize")], 25)
    np.testing.assert_array_equal(view.image, direct.image)


def test_a_mask_or_a_twin_of_another_size_is_an_error_that_names_the_image():
    image = noise(10, 12)
    with pytest.raises(DataError, match=r"a\.png: its region 'finding' is \(12, 10\), the image \(10, 12\)"):
        View.of(image, {"finding": np.zeros((12, 10), bool)}, None, "a.png")
    with pytest.raises(DataError, match=r"a\.png: its twin"):
        View.of(image, {}, noise(12, 10), "a.png")


def test_two_views_stand_side_by_side_centred_in_height():
    left, right = noise(10, 6), noise(20, 8, seed=1)
    both = beside(View(left, {"finding": (left > 0.5).astype(np.float32)}), View(right, twin=right / 2))
    assert both.image.shape == (20, 14)
    np.testing.assert_array_equal(both.image[5:15, :6], left)
    np.testing.assert_array_equal(both.image[:, 6:], right)
    assert both.image[:5, :6].sum() == both.image[15:, :6].sum() == 0
    np.testing.assert_array_equal(both.masks["finding"][5:15, :6], left > 0.5)
    assert not both.masks["finding"][:, 6:].any()
    np.testing.assert_array_equal(both.twin[5:15, :6], left)
    np.testing.assert_array_equal(both.twin[:, 6:], right / 2)
