"""Exposure, window and rotation: definitions written out, and maps whose answer is known."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import rotate

from tests.metrics.cases import evidence
from xraybench.errors import UsageError
from xraybench.metrics.exposure_sensitivity import ExposureSensitivity
from xraybench.metrics.rotation_sensitivity import RotationSensitivity, turned
from xraybench.metrics.window_sensitivity import WindowSensitivity


def relative(changed, original):
    return np.linalg.norm(changed - original) / np.linalg.norm(original)


def one_by_one(here, change):
    """Mean over both signs of the relative change of each image's map, from `change(image, sign)`."""
    both = []
    for sign in (1, -1):
        changed = torch.stack([torch.from_numpy(change(image, sign)) for image in here.images.numpy()])
        maps = here.explain(changed.to(here.images)).double().numpy()
        both.append([relative(new, old) for new, old in zip(maps, here.maps.double().numpy(), strict=True)])
    return np.mean(both, axis=0)


def test_exposure_shifts_the_image_by_a_share_of_its_range():
    here = evidence()
    expected = one_by_one(here, lambda x, sign: x + sign * 0.05 * (x.max() - x.min()))
    np.testing.assert_allclose(ExposureSensitivity(amount=0.05)(here), expected, rtol=1e-4)


def test_a_window_stretches_about_the_mean():
    here = evidence()
    expected = one_by_one(here, lambda x, sign: x.mean() + (1 + sign * 0.2) * (x - x.mean()))
    np.testing.assert_allclose(WindowSensitivity(amount=0.2)(here), expected, rtol=1e-4)


def test_turning_is_scipys_where_nothing_comes_from_outside():
    image = torch.randn(1, 2, 15, 15, generator=torch.Generator().manual_seed(0))
    expected = rotate(image.numpy(), 10.0, axes=(2, 3), reshape=False, order=1, mode="nearest")
    ours = turned(image, 10.0).numpy()
    other_way = turned(image, -10.0).numpy()
    inside = (..., slice(3, 12), slice(3, 12))
    best = min((ours, other_way), key=lambda found: np.abs(found[inside] - expected[inside]).max())
    np.testing.assert_allclose(best[inside], expected[inside], atol=1e-5)
    np.testing.assert_allclose(turned(torch.ones(1, 1, 9, 7), 30.0), 1.0, atol=1e-6)


def test_an_oblong_image_is_turned_not_sheared():
    image = torch.zeros(1, 1, 21, 41)
    image[0, 0, 10, 30] = 1.0  # ten to the right of the middle
    found = turned(image, 90.0)[0, 0]
    assert sorted([int(found[0, 20].round()), int(found[20, 20].round())]) == [0, 1]


@pytest.mark.parametrize("metric", [RotationSensitivity(), RotationSensitivity(amount=20.0)])
def test_a_map_that_turns_with_the_image_is_not_sensitive(metric):
    here = evidence()
    copies = dataclasses.replace(here, maps=here.images[:, 0], explain=lambda images, model=None: images[:, 0])
    np.testing.assert_allclose(metric(copies), 0.0, atol=1e-6)
    fixed = dataclasses.replace(here, explain=lambda images, model=None: here.maps)
    assert (metric(fixed) > 0.05).all()


@pytest.mark.parametrize("metric", [ExposureSensitivity(), WindowSensitivity(), RotationSensitivity()])
def test_blank_maps_are_undefined_and_amounts_positive(metric):
    blank = evidence(maps=torch.zeros(6, 12, 12))
    assert metric(blank).isnan().all()
    with pytest.raises(UsageError):
        type(metric)(amount=0.0)
