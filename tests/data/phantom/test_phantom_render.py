"""The physics against closed forms."""

import numpy as np

from xraybench.data.phantom import render
from xraybench.data.phantom.anatomy import Tissue
from xraybench.data.phantom.render import Exposure

EXPOSURE = Exposure(dose=5000, scatter=0.0, blur=0.3, window=(-0.2, 2.0), gamma=1.0)


def slab(soft: float, compact: float, size: int = 128) -> Tissue:
    tissue = Tissue.empty(size)
    tissue.soft += soft
    tissue.compact += compact
    return tissue


def test_beer_lambert_of_a_slab():
    passed = render.transmitted(render.attenuation(slab(30, 4)))
    np.testing.assert_allclose(passed, np.exp(-(render.SOFT * 26 + render.COMPACT * 4)), rtol=1e-5)


def test_bone_takes_the_place_of_soft_tissue():
    line = render.attenuation(slab(0, 4))
    np.testing.assert_allclose(line, render.COMPACT * 4, rtol=1e-5)


def test_scatter_of_a_slab_is_uniform():
    share = render.scattered(slab(30, 0).soft, 0.5, 0.15)
    np.testing.assert_allclose(share, 0.15 * np.exp(-render.SOFT * 30), rtol=1e-4)


def test_noise_has_the_variance_of_counted_quanta():
    noise = np.random.default_rng(0).standard_normal((256, 256)).astype(np.float32)
    signal, pitch = np.full((256, 256), 0.4, np.float32), 0.5
    counts = render.detected(signal, pitch, EXPOSURE, noise)
    np.testing.assert_allclose(counts.mean(), 0.4, rtol=1e-3)
    np.testing.assert_allclose(counts.var(), 0.4 / (EXPOSURE.dose * pitch**2), rtol=0.03)


def test_blur_keeps_the_signal():
    signal = np.zeros((65, 65), np.float32)
    signal[32, 32] = 1
    seen = render.detected(signal, 0.3, EXPOSURE, np.zeros((65, 65), np.float32))
    np.testing.assert_allclose((seen[seen > 1e-4]).sum(), 1, rtol=0.02)
    assert seen.max() < 0.2


def test_binning_averages():
    fine = np.arange(16, dtype=np.float32).reshape(4, 4)
    np.testing.assert_array_equal(render.binned(fine, 2), [[2.5, 4.5], [10.5, 12.5]])
    assert render.binned(fine, 1) is fine


def test_display_is_a_fixed_window_in_256_levels():
    counts = np.exp(-np.array([[-1.0, -0.2, 0.9, 2.0, 5.0]], np.float32))
    np.testing.assert_allclose(render.displayed(counts, EXPOSURE), [[0, 0, 128 / 255, 1, 1]], atol=1 / 255)
    levels = render.displayed(np.random.default_rng(0).uniform(0.1, 1, (50, 50)), EXPOSURE) * 255
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)
