"""Shapes made of shapes, and defects beside fractures, against closed forms."""

import numpy as np
import pytest

from xraybench.data.phantom.anatomy import Placed
from xraybench.data.phantom.blemishes import Plate, Spot, Worn
from xraybench.data.phantom.compound import Joined, Ring, bearing, lump, tube
from xraybench.data.phantom.lettering import STROKES, Word, width_of
from xraybench.data.phantom.shapes import Shaft
from xraybench.data.phantom.view import View

X, Y = View(size=301, pitch=0.2, centre=(0.0, 0.0)).body
INSIDE = np.full_like(X, 5)


def test_a_circular_ring_is_the_band_about_its_circle():
    inside, _ = Ring((20, 20), 3).inside(X, Y)
    radius = np.hypot(X, Y)
    np.testing.assert_allclose(inside[radius > 5], (3 - np.abs(radius - 20))[radius > 5], atol=2e-3)
    assert (inside[radius < 5] < -10).all()


def test_a_rib_is_the_upper_part_of_its_ring():
    inside, _ = Ring((20, 12), 2, above=0.0).inside(X, Y)
    assert (inside[Y < 0] < 0).all()
    assert (inside > 0).any()


def test_joined_shapes_hold_their_parts_and_little_more():
    shaft, knob = Placed(shape=Shaft(((-20, 4), (20, 4)))), lump((6, 5), (5, 5))
    joined, _ = Joined((shaft, knob), blend=2.0).inside(X, Y)
    parts = [part.shape.inside(*part.local(X, Y))[0] for part in (shaft, knob)]
    assert (joined >= np.maximum(*parts) - 1e-4).all()
    assert (joined <= np.maximum(*parts) + 2.0 / 4 + 1e-4).all()


@pytest.mark.parametrize(("end", "angle"), [((0, 5), 0), ((-5, 0), 90), ((0, -5), 180), ((5, 0), -90)])
def test_bearing_points_up_to_the_end(end, angle):
    assert np.degrees(bearing((0, 0), end)) == pytest.approx(angle)


def test_a_tube_lies_between_its_ends():
    rod = tube((-10, -4), (10, 6), 2.0)
    inside = rod.shape.inside(*rod.local(X, Y))[0] > 0
    along = np.stack([X[inside] + 10, Y[inside] + 4]).T @ np.array([20, 10]) / np.hypot(20, 10)
    assert along.min() > -0.3
    assert along.max() < np.hypot(20, 10) + 0.3
    assert inside.sum() * 0.2**2 == pytest.approx(4 * np.hypot(20, 10), rel=0.1)


def test_a_spot_takes_its_share_inside_and_nothing_far_outside():
    kept = Spot((2, -3), (6, 4), loss=0.8, soft=0.5).kept(X, Y, INSIDE, 0.2)
    radius = np.hypot((X - 2) / 6, (Y + 3) / 4)
    np.testing.assert_allclose(kept[radius < 0.85], 0.2, atol=1e-5)
    np.testing.assert_allclose(kept[radius > 1.15], 1, atol=1e-5)


def test_a_growth_plate_is_dark_between_dense_borders():
    kept = Plate(1.0, 1.5, 0.0, 0.0).kept(X, Y, INSIDE, 0.2)[:, 150]
    assert kept.min() < 0.6
    assert kept.max() > 1.05
    np.testing.assert_allclose(kept[np.abs(Y[:, 150] - 1) > 6], 1, atol=0.01)


def test_a_worn_end_reaches_further_and_is_denser_below_its_surface():
    worn = Worn((0, 10), 0.0, 8, reach=1.5, dense=1.0, deep=3)
    moved, along = worn.move(X, Y)
    np.testing.assert_array_equal(moved, X)
    at = np.abs(Y[:, 150] - 10).argmin()
    assert Y[at, 150] - along[at, 150] == pytest.approx(1.5, abs=0.02)
    np.testing.assert_array_equal(along[Y < -5], Y[Y < -5])
    kept = worn.kept(X, Y, INSIDE, 0.2)
    assert kept[at, 150] == pytest.approx(2, abs=0.1)
    assert (kept >= 1).all()


def test_words_are_as_wide_as_their_box():
    word = Word("LEFT", (-25, -5), 10.0, 1.2, False)
    shadow = word.shadow(X, Y, 0.2) > 1
    assert (word.region(X, Y, 0.7) | ~shadow).all()
    columns = X[0, shadow.any(0)]
    assert columns.max() - columns.min() == pytest.approx(width_of("LEFT", 10), abs=1.5)
    assert set("LEFTRIGHTAPOBL ") <= set(STROKES)
