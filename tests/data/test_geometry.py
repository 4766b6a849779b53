"""Masks follow the image: every move, checked on an image that *is* the mask, on areas, and on where things end up."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from xraybench.data import geometry
from xraybench.data.geometry import Chain, Crop, Flip, Pad, Resize, Rotate, apply_mask, square

SHAPES = st.tuples(st.integers(12, 60), st.integers(12, 60))


@st.composite
def moves(draw, height, width):
    """A move of an image of height x width, with the affine map of pixel centres that defines it.

    The map takes (row, column) to A @ (row, column) + b.
    """
    kind = draw(st.sampled_from(["crop", "pad", "resize", "flip", "rotate"]))
    if kind == "crop":
        top, left = draw(st.integers(0, height // 3)), draw(st.integers(0, width // 3))
        size = (draw(st.integers(height // 2, height - top)), draw(st.integers(width // 2, width - left)))
        return Crop(top, left, *size), np.eye(2), np.array([-top, -left])
    if kind == "pad":
        sides = [draw(st.integers(0, 10)) for _ in range(4)]
        return Pad(*sides), np.eye(2), np.array([sides[0], sides[2]])
    if kind == "resize":
        rows, columns = draw(st.integers(24, 80)), draw(st.integers(24, 80))
        scale = np.array([rows / height, columns / width])
        return Resize(rows, columns), np.diag(scale), scale / 2 - 0.5
    if kind == "flip":
        return Flip(), np.diag([1, -1]), np.array([0, width - 1])
    degrees = draw(st.floats(-180, 180))
    angle, centre = np.deg2rad(degrees), np.array([height - 1, width - 1]) / 2
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Rotate(degrees), matrix, centre - matrix @ centre


@st.composite
def cases(draw):
    """A move, its map, and a rectangular mask."""
    height, width = draw(SHAPES)
    move, matrix, shift = draw(moves(height, width))
    top, left = draw(st.integers(0, height - 8)), draw(st.integers(0, width - 8))
    mask = np.zeros((height, width), bool)
    mask[top : draw(st.integers(top + 8, height)), left : draw(st.integers(left + 8, width))] = True
    return move, matrix, shift, mask


@given(cases())
def test_a_mask_goes_where_an_image_of_it_goes(case):
    move, _, _, mask = case
    np.testing.assert_array_equal(apply_mask(move, mask), move.apply(mask.astype(np.float32)) >= 0.5)
    assert apply_mask(move, mask).dtype == bool
    assert not apply_mask(move, np.zeros_like(mask)).any()


@given(cases())
def test_area_and_position_are_those_of_the_move(case):
    """Of a mask that stays inside: its area grows by the map's determinant, its centre goes where the map takes it."""
    move, matrix, shift, mask = case
    moved = apply_mask(move, mask)
    rows, columns = np.nonzero(mask)
    corners = np.array([(r, c) for r in (rows.min(), rows.max()) for c in (columns.min(), columns.max())])
    reached = corners @ matrix.T + shift
    assume((reached >= 0).all() and (reached <= np.array(moved.shape) - 1).all())
    scale = abs(np.linalg.det(matrix))
    sides = np.ptp(rows) + 1, np.ptp(columns) + 1
    edge = sum(sides) * max(1, np.sqrt(scale)) + 4  # half a pixel along the border, either way
    assert abs(moved.sum() - scale * mask.sum()) <= edge
    centre = matrix @ np.array([rows.mean(), columns.mean()]) + shift
    np.testing.assert_allclose(np.argwhere(moved).mean(0), centre, atol=1.0)


@given(cases(), st.data())
def test_a_chain_is_its_moves_one_after_another(case, data):
    move, _, _, mask = case
    image = np.random.default_rng(0).random(mask.shape, np.float32)
    second, *_ = data.draw(moves(*move.apply(image).shape))
    np.testing.assert_array_equal(Chain([move, second]).apply(image), second.apply(move.apply(image)))


@given(cases())
def test_greys_stay_in_range_and_are_float32(case):
    move, _, _, mask = case
    moved = move.apply(np.random.default_rng(0).random(mask.shape, np.float32))
    assert moved.dtype == np.float32
    assert moved.min() >= 0
    assert moved.max() <= 1


@given(st.integers(1, 40), st.integers(1, 40))
def test_a_square_is_centred(height, width):
    padded = square(height, width).apply(np.ones((height, width), np.float32))
    assert padded.shape == (max(height, width),) * 2
    assert padded.sum() == height * width
    for axis in (0, 1):
        lines = np.flatnonzero(padded.any(1 - axis))
        assert lines[0] in (len(padded) - 1 - lines[-1], len(padded) - 2 - lines[-1])


def test_the_default_preprocessing_against_numbers_worked_out_by_hand():
    """A ramp of 4 x 8 in a square of 8, halved: a triangle of half-width 2 over four pixels weighs them 1 3 3 1."""
    ramp = np.arange(8, dtype=np.float32) / 8
    fitted = Chain([square(4, 8), Resize(4, 4)]).apply(np.repeat(ramp[None], 4, 0))
    across = np.array([np.dot([3, 3, 1], ramp[:3]) / 7, *(np.dot([1, 3, 3, 1], ramp[k : k + 4]) / 8 for k in (1, 3))])
    down = np.array([1 / 7, 7 / 8, 7 / 8, 1 / 7])  # of 3 3 1 at the border, and of 1 3 3 1, what lies on the image
    np.testing.assert_allclose(fitted[:, :3], np.outer(down, across), atol=1e-6)


def test_an_image_of_the_right_size_is_left_alone():
    image = np.random.default_rng(0).random((32, 32), np.float32)
    np.testing.assert_array_equal(Chain([square(32, 32), Resize(32, 32)]).apply(image), image)


def test_a_box_and_its_mask_agree_through_a_chain():
    """A box followed by arithmetic alone: crop, pad, flip and doubling."""
    mask = np.zeros((40, 30), bool)
    mask[10:20, 5:15] = True
    chain = Chain([Crop(4, 3, 30, 20), Pad(0, 0, 5, 5), geometry.Flip(), Resize(60, 60)])
    expected = np.zeros((60, 60), bool)
    expected[12:32, 26:46] = True  # rows (10-4)*2...; columns from the right: 30 - (15-3+5) = 13, to 23, doubled
    np.testing.assert_array_equal(apply_mask(chain, mask), expected)
