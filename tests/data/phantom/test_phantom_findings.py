"""Fracture lines and look-alikes in a bone's own coordinates."""

import numpy as np
import pytest

from xraybench.data.phantom.findings import Fracture, fracture, groove, line_profile
from xraybench.data.phantom.view import View

X, Y = View(size=301, pitch=0.1, centre=(0.0, 0.0)).body
INSIDE = 8 - np.abs(X)


@pytest.mark.parametrize(("width", "pitch"), [(1.0, 0.1), (0.5, 1.5), (2.0, 0.3)])
def test_a_line_removes_as_much_as_it_is_wide_or_less_where_it_saturates(width, pitch):
    at = np.linspace(-20, 20, 40001)
    removed = line_profile(at, width, pitch).sum() * (at[1] - at[0])
    assert removed == pytest.approx(width, rel=0.05)


def test_a_gap_through_the_whole_bone():
    line = Fracture((0, 0), 0.0, (), gap=2.0, loss=1.0, side=1, across=30, half_width=8)
    kept = line.kept(X, Y, INSIDE, 0.1)
    assert kept[np.abs(Y) < 0.1].max() < 0.05
    assert kept[np.abs(Y) > 5].min() > 0.999


def test_a_partial_line_leaves_the_far_cortex():
    line = Fracture((0, 0), 0.0, (), gap=1.0, loss=1.0, side=1, across=8, half_width=8)
    kept = line.kept(X, Y, INSIDE, 0.1)[np.abs(Y[:, 0]).argmin()]
    assert kept[X[0] > 4].max() < 0.1
    assert kept[X[0] < -4].min() == 1


def test_displacement_is_a_step_that_ends_at_the_lever():
    line = Fracture((0, 0), 0.0, (), gap=1.0, loss=1.0, side=1, across=30, half_width=8, shift=3.0, lever=10.0)
    moved, along = line.move(X, Y)
    shift = X - moved
    assert (along == Y).all()
    assert (shift[Y < 0] == 0).all()
    np.testing.assert_allclose(shift[Y > 0], 3 * np.clip(1 - Y[Y > 0] / 10, 0, 1), atol=1e-5)


@pytest.mark.parametrize("grade", ["displaced", "moderate", "hairline"])
def test_region_holds_the_line_at_the_bone(grade):
    made = fracture(grade, (0.5, 1.0), 8.0, 12.0, np.random.default_rng(1))
    region = made.region(X, Y, INSIDE)
    lost = (1 - made.kept(X, Y, INSIDE, 0.1)) * (INSIDE > 0)
    assert lost[region].sum() > 0.9 * lost.sum()
    assert (INSIDE[region] > -2).all()
    assert bool(made.shift) == (grade == "displaced")


def test_a_groove_reaches_neither_cortex():
    for seed in range(20):
        lost = 1 - groove((0, 0), 8.0, np.random.default_rng(seed)).kept(X, Y, INSIDE, 0.1)
        assert lost.max() > 0.15
        assert np.abs(lost[np.abs(X) > 7.8]).max() < 0.3
        assert (np.abs(lost[np.abs(Y) > 8]) == 0).all()
