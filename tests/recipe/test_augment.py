"""Each augmentation does what its field says, no more, from the generator alone."""

import pytest
import torch
from torch.nn import functional

from xraybench.recipe.augment import augment
from xraybench.tasks import Stage


def augmented(images, seed=0, **fields):
    stage = Stage(epochs=1, batch_size=1, learning_rate=1, **fields)
    return augment(images, stage, torch.Generator().manual_seed(seed))


def dots(n, side=17, row=8, column=2):
    images = torch.zeros(n, 1, side, side)
    images[:, :, row, column] = 1
    return images


def centres(images):
    """Row and column of each image's centre of mass."""
    mass = images[:, 0] / images[:, 0].sum((1, 2), keepdim=True)
    place = torch.arange(images.shape[-1], dtype=torch.float32)
    return torch.stack([(mass.sum(2) * place).sum(1), (mass.sum(1) * place).sum(1)], dim=1)


def test_flips_half_of_them_left_to_right():
    images = augmented(dots(400), flip=True)
    flipped = images[:, 0, 8, 14] == 1
    assert 0.4 < flipped.float().mean() < 0.6
    assert torch.equal(images[~flipped], dots(400)[~flipped])


def test_shifts_by_a_share_of_the_side():
    blurred = functional.avg_pool2d(dots(300, side=33, row=16, column=16), 3, 1, 1)
    moved = centres(augmented(blurred, shift=0.25)) - 16
    assert moved.abs().max() < 0.25 * 33 + 0.1
    assert moved.abs().max() > 0.22 * 33


def test_shifts_by_whole_pixels():
    images = dots(500, side=20, row=9, column=10)
    moved = augmented(images, shift_pixels=4)
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    offsets = centres(moved) - torch.tensor([9.0, 10.0])
    assert {tuple(offset) for offset in offsets.round().int().tolist()} == {
        (row, column) for row in range(-4, 5) for column in range(-4, 5)
    }


def test_rotates_about_the_centre():
    images = functional.avg_pool2d(dots(300, side=33, row=16, column=26), 3, 1, 1)
    arms = centres(augmented(images, rotation=30)) - 16
    angles = torch.rad2deg(torch.atan2(arms[:, 0], arms[:, 1]))
    assert angles.abs().max() < 30.5
    assert angles.min() < -25
    assert angles.max() > 25
    torch.testing.assert_close(arms.norm(dim=1), torch.full((300,), 10.0), atol=0.15, rtol=0)


def test_scales_about_the_centre():
    images = functional.avg_pool2d(dots(300, side=33, row=16, column=26), 3, 1, 1)
    arms = (centres(augmented(images, scale=0.2)) - 16).norm(dim=1)
    assert 7.9 < arms.min() < 8.5
    assert 11.5 < arms.max() < 12.1


def test_adds_noise_of_the_stated_deviation():
    noisy = augmented(torch.zeros(100, 1, 16, 16), noise=0.5)
    assert float(noisy.std()) == pytest.approx(0.5, rel=0.02)


def test_salts_and_peppers_the_stated_share_with_the_images_own_extremes():
    images = torch.rand(50, 3, 20, 20, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.2
    salted = augmented(images, salt_and_pepper=0.1)
    changed = (salted != images).any(1)
    assert float(changed.float().mean()) == pytest.approx(0.1, abs=0.01)
    low, high = (torch.tensor([float(extreme(image)) for image in images]) for extreme in (torch.min, torch.max))
    for index, pixels in enumerate(salted):
        values = pixels[:, changed[index]]
        assert ((values == low[index]) | (values == high[index])).all()
    assert float((salted == high[:, None, None, None]).float().mean()) == pytest.approx(0.05, abs=0.01)


def test_the_draws_are_the_generators():
    fields = {"flip": True, "rotation": 10, "shift": 0.1, "scale": 0.1, "shift_pixels": 1, "noise": 0.1}
    images = torch.rand(4, 1, 16, 16)
    assert torch.equal(augmented(images, 3, **fields), augmented(images, 3, **fields))
    assert not torch.equal(augmented(images, 3, **fields), augmented(images, 4, **fields))
