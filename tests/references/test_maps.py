"""Reference maps against what they say they are."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from xraybench.references.blurred import BlurredOracle, BlurredRandom
from xraybench.references.ceilings import Oracle
from xraybench.references.controls import Blank, CentreGaussian, Image, MeanMask, Random, Sobel

IMAGES = torch.rand(3, 2, 18, 22, generator=torch.Generator().manual_seed(0))
MASKS = torch.rand(3, 18, 22, generator=torch.Generator().manual_seed(1)) > 0.7
ARGUMENTS = (IMAGES, MASKS, MASKS.float().mean(0), torch.tensor([4, 5, 4]))


def test_random_is_uniform_and_the_images_own():
    maps = Random()(*ARGUMENTS)
    assert torch.equal(maps[0], maps[2])
    assert not torch.equal(maps[0], maps[1])
    large = Random()(torch.zeros(1, 1, 300, 300), *ARGUMENTS[1:3], torch.tensor([1]))
    assert np.histogram(large, bins=4, range=(0, 1))[0] == pytest.approx([22500] * 4, rel=0.03)


def test_centre_gaussian_is_the_density_around_the_middle():
    found = CentreGaussian(sigma=0.3)(*ARGUMENTS)[0].numpy()
    y, x = np.mgrid[:18, :22]
    expected = np.exp(-((y - 8.5) ** 2 + (x - 10.5) ** 2) / (2 * (0.3 * 18) ** 2))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_sobel_is_scipys():
    grey = IMAGES.mean(1).numpy()
    expected = [np.hypot(*(ndimage.sobel(image, axis=axis, mode="nearest") for axis in (0, 1))) for image in grey]
    np.testing.assert_allclose(Sobel()(*ARGUMENTS), np.stack(expected), atol=1e-5)


def test_the_others_are_what_their_names_say():
    torch.testing.assert_close(Image()(*ARGUMENTS), IMAGES.mean(1))
    torch.testing.assert_close(MeanMask()(*ARGUMENTS)[1], MASKS.float().mean(0))
    assert Blank()(*ARGUMENTS).abs().max() == 0
    torch.testing.assert_close(Oracle()(*ARGUMENTS), MASKS.float())


@pytest.mark.parametrize(("blurred", "sharp"), [(BlurredOracle(), Oracle()), (BlurredRandom(0.1), Random())])
def test_blurred_maps_are_scipys_gaussian_of_the_sharp_ones(blurred, sharp):
    sigma = blurred.sigma * 18
    found, maps = blurred(*ARGUMENTS), sharp(*ARGUMENTS)
    radius = int(np.ceil(3 * sigma))
    expected = [ndimage.gaussian_filter(one, sigma, mode="mirror", radius=radius) for one in maps.numpy()]
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-5)
