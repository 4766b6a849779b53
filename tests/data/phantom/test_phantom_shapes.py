"""Thickness of solids against closed forms."""

import numpy as np
import pytest

from xraybench.data.phantom.anatomy import Bone, Tissue, add_bone
from xraybench.data.phantom.shapes import Outline, Shaft, chord, ellipse, segments, smooth_max, smooth_min
from xraybench.data.phantom.view import View

VIEW = View(size=201, pitch=0.1, centre=(0.0, 0.0))


def test_chord_of_a_tube_is_that_of_a_cylinder():
    x = np.linspace(-7, 7, 141, dtype=np.float32)
    exact = 2 * np.sqrt(np.clip(6.0**2 - x**2, 0, None))
    np.testing.assert_allclose(chord(6 - np.abs(x), 6.0, 6.0), exact, atol=1e-3)


def test_hollow_cylinder_has_the_thickness_of_its_wall():
    radius, wall = 6.0, 1.5
    shape = Shaft(((-50, radius), (50, radius)))
    bone = Bone(name="tube", shape=shape, shaft=radius, flatness=radius**0.5, cortex=(wall, 0.0), fill=(0.0, 0.0))
    tissue = Tissue.empty(VIEW.size)
    add_bone(tissue, VIEW, bone)
    x = VIEW.body[0]
    exact = 2 * (np.sqrt(np.clip(radius**2 - x**2, 0, None)) - np.sqrt(np.clip((radius - wall) ** 2 - x**2, 0, None)))
    np.testing.assert_allclose(tissue.compact, exact, atol=0.02)
    assert tissue.spongy.max() == 0


def test_bone_thickness_scales_with_the_bone():
    bone = Bone(name="b", shape=Outline(ellipse(4, 3)))
    twice = Bone(name="b", shape=Outline(ellipse(4, 3)), scale=2.0)
    one, two = Tissue.empty(201), Tissue.empty(201)
    add_bone(one, VIEW, bone)
    add_bone(two, View(201, 0.2, (0.0, 0.0)), twice)
    np.testing.assert_allclose(two.compact, 2 * one.compact, atol=1e-4)


def test_outline_is_zero_on_a_circle_and_linear_about_it():
    x, y = VIEW.body
    inside, _ = Outline(ellipse(5, 5, 24)).inside(x, y)
    np.testing.assert_allclose(inside, 5 - np.hypot(x, y), atol=0.02)


def test_outline_is_cut_below_its_parabola():
    x, y = VIEW.body
    inside, _ = Outline(ellipse(5, 5), cut=(1.0, 0.0, 0.0)).inside(x, y)
    assert not (inside[y < 1] > 0).any()
    assert (inside[y > 1.5] > 0).any()


def test_smooth_minimum_is_the_minimum_beyond_its_blend():
    a, b = np.meshgrid(np.linspace(-5, 5, 41), np.linspace(-5, 5, 41))
    low, far = smooth_min(a, b, 2.0), np.abs(a - b) >= 2
    np.testing.assert_allclose(low[far], np.minimum(a, b)[far])
    assert (low <= np.minimum(a, b)).all()
    np.testing.assert_allclose(np.diagonal(low), np.diagonal(a) - 0.5)
    np.testing.assert_allclose(smooth_max(a, b, 2.0), -smooth_min(-a, -b, 2.0))


def test_distance_to_a_stroke():
    x, y = (np.array(values) for values in ([0.0, 3.0, -2.0], [2.0, 0.0, 0.0]))
    np.testing.assert_allclose(segments(x, y, [(0, 0, 1, 0)]), [2, 2, 2])


def test_distance_to_strokes_is_that_to_the_nearest_of_their_points():
    rng = np.random.default_rng(2)
    x, y = rng.uniform(-5, 5, (2, 6, 7))
    strokes = rng.uniform(-5, 5, (5, 4))
    t = np.linspace(0, 1, 4001)
    points = np.concatenate([np.outer(1 - t, stroke[:2]) + np.outer(t, stroke[2:]) for stroke in strokes])
    expected = np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1]).min(-1)
    np.testing.assert_allclose(segments(x, y, strokes.tolist()), expected, atol=2e-3)
    assert segments(x.astype(np.float32), y.astype(np.float32), strokes.tolist()).dtype == np.float32
    assert np.isinf(segments(x, y, [])).all()


@pytest.mark.parametrize("mirror", [False, True])
def test_view_takes_points_to_the_film_and_back(mirror):
    view = View(size=50, pitch=0.5, centre=(3.0, -4.0), angle=0.4, mirror=mirror)
    (right, up), (x, y) = view.film, view.body
    for row, column in ((0, 0), (10, 40), (49, 3)):
        at = view.on_film(float(x[row, column]), float(y[row, column]))
        np.testing.assert_allclose(at, (right[row, column], up[row, column]), atol=1e-4)


def test_window_holds_all_pixels_between_its_corners():
    view = View(size=60, pitch=0.5, centre=(1.0, 2.0), angle=-0.7)
    x, y = view.body
    near = (np.abs(x - 5) <= 4) & (np.abs(y - 6) <= 2)
    window = view.window([(1, 4), (1, 8), (9, 4), (9, 8)])
    assert near.any()
    assert near[window].sum() == near.sum()
    assert view.window([(500, 0), (510, 0)]) is None
