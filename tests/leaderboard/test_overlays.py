"""Pictures: colours, outlines, digests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xraybench.errors import RecordError
from xraybench.leaderboard import overlays


def test_zero_is_without_colour_and_signs_have_their_own():
    image = np.full((1, 3), 100, dtype=np.uint8)
    negative, zero, positive = overlays.lay_over(image, np.array([[-2.0, 0.0, 2.0]]), 2.0, signed=True)[0]
    assert zero.tolist() == [100, 100, 100]
    assert negative[2] > negative[0]
    assert positive[0] > positive[2]


def test_full_colour_is_the_stated_mixture():
    mixed = overlays.lay_over(np.full((1, 1), 200, dtype=np.uint8), np.array([[5.0]]), 1.0, signed=True)[0, 0]
    expected = [round(200 * 0.15 + channel * 0.85) for channel in overlays.POSITIVE]
    assert mixed.tolist() == expected


def test_unsigned_maps_show_nothing_below_zero():
    image = np.full((1, 2), 77, dtype=np.uint8)
    assert overlays.lay_over(image, np.array([[-1.0, 0.0]]), 1.0, signed=False)[0].tolist() == [[77] * 3] * 2


def test_the_scale_is_the_stated_percentile_and_never_zero():
    values = np.linspace(-1, 1, 401).reshape(1, -1)
    assert overlays.colour_scale(values) == pytest.approx(np.percentile(np.abs(values), 99.5))
    assert overlays.colour_scale(np.zeros((4, 4))) == 1.0
    spike = np.zeros((100, 100))
    spike[3, 3] = 5
    assert overlays.colour_scale(spike) == 5.0
    assert overlays.colour_scale(np.array([[np.nan, np.inf]])) == 1.0


def rasterise(path: str, shape: tuple[int, int]) -> np.ndarray:
    """Fill an outline by the even-odd rule over its vertical edges."""
    crossings = np.zeros((shape[0], shape[1] + 1), dtype=int)
    for step in path.split("M")[1:]:
        start, _, rest = step.partition(" ")
        if "V" in rest:
            top, bottom = map(int, rest.split("V"))
            crossings[top:bottom, int(start)] += 1
    return (np.cumsum(crossings, axis=1)[:, :-1] % 2).astype(bool)


@settings(max_examples=60, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_an_outline_encloses_its_mask(mask):
    np.testing.assert_array_equal(rasterise(overlays.outline(mask), mask.shape), mask)
    turned = overlays.outline(mask.T)
    np.testing.assert_array_equal(rasterise(turned, mask.T.shape), mask.T)


def test_the_outline_of_a_rectangle_is_its_four_sides():
    mask = np.zeros((6, 8), dtype=bool)
    mask[1:4, 2:7] = True
    assert overlays.outline(mask) == "M2 1H7M2 4H7M2 1V4M7 1V4"
    assert overlays.outline(np.zeros((3, 3), dtype=bool)) == ""


def test_a_picture_is_read_back_pixel_by_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, size=(9, 7, 3)).astype(np.uint8)
    made = overlays.picture(pixels)
    np.testing.assert_array_equal(overlays.decode(made.uri), pixels)
    assert made.digest == overlays.pixel_digest(pixels)
    assert (made.width, made.height) == (7, 9)


def test_pages_differ_by_digest_and_not_by_payload():
    one = overlays.picture(np.zeros((4, 4), dtype=np.uint8))
    other = overlays.picture(np.ones((4, 4), dtype=np.uint8))
    tag = '<img src="{}" data-digest="{}" alt="">'
    assert overlays.without_payloads(tag.format(one.uri, one.digest)) == tag.format("", one.digest)
    assert overlays.false_digests(tag.format(one.uri, one.digest)) == []
    assert overlays.false_digests(tag.format(other.uri, one.digest)) == [one.digest]
    assert overlays.false_digests(tag.format("data:image/png;base64,AAAA", one.digest)) == [one.digest]


def test_a_gallery_that_is_missing_is_empty_and_one_that_is_torn_is_named(run_folder, tmp_path):
    assert overlays.read_gallery(tmp_path / "gallery.npz", signed=True) == []
    path = tmp_path / "gallery.npz"
    path.write_bytes(next(run_folder.glob("cells/*/gallery.npz")).read_bytes()[:300])
    with pytest.raises(RecordError, match=r"gallery\.npz"):
        overlays.read_gallery(path, signed=True)


def test_examples_come_best_first(run_folder):
    examples = overlays.read_gallery(next(run_folder.glob("cells/*/gallery.npz")), signed=True)
    assert [one.kind for one in examples] == ["best", "best", "random", "random", "worst", "worst"]
    assert all(one.outline and one.scale > 0 for one in examples)
