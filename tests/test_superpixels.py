"""Superpixels are made once for an image, and nobody can spoil them for the next."""

import numpy as np
import pytest
import torch

from xraybench import superpixels as module
from xraybench.superpixels import REMEMBERED, Remembered, superpixels


def test_one_image_is_segmented_once_whoever_asks(monkeypatch):
    calls = []
    monkeypatch.setattr(
        module, "_slic", lambda grey, wanted, own=module._slic: calls.append(wanted) or own(grey, wanted)
    )
    image = torch.rand(2, 24, 24, generator=torch.Generator().manual_seed(5))
    first = superpixels(image, 9)
    again = first.clone()
    first += 100
    assert torch.equal(superpixels(image.clone(), 9), again)
    once = len(calls)
    assert once >= 1
    superpixels(image + 0.25 * torch.eye(24), 9)
    assert len(calls) > once  # another image is another key


def test_the_latest_are_remembered_as_far_as_they_fit():
    made = []

    def ask(number: int) -> None:
        content = np.full(100, number, np.uint8)
        found = remembered((bytes([number]), 5), lambda: made.append(number) or content)
        assert (found == number).all()

    remembered = Remembered(300)
    for number in (1, 2, 3, 1, 4, 1, 3, 2):  # 4 takes the place of 2, and 2 later that of 4
        ask(number)
    assert made == [1, 2, 3, 4, 2]
    assert len(remembered.arrays) == 3
    Remembered(99)((b"", 1), lambda: np.zeros(100, np.uint8))  # larger than all there is room for


@pytest.mark.parametrize(("segments", "size"), [(50, 1), (300, 2)])
def test_a_thousand_images_of_224_pixels_fit(segments, size, monkeypatch):
    kept = Remembered(REMEMBERED)
    monkeypatch.setattr(module, "_remembered", kept)
    found = superpixels(torch.rand(1, 224, 224, generator=torch.Generator().manual_seed(7)), segments)
    assert sum(array.nbytes for array in kept.arrays.values()) == size * 224**2 < REMEMBERED / 1000
    assert torch.equal(
        found, superpixels(torch.rand(1, 224, 224, generator=torch.Generator().manual_seed(7)), segments)
    )


def test_numbers_have_no_gaps_and_are_at_most_as_many_as_asked():
    image = torch.rand(1, 20, 30, generator=torch.Generator().manual_seed(6))
    for segments in (2, 7, 40):
        found = superpixels(image, segments)
        assert found.dtype == torch.int64
        assert found.shape == (20, 30)
        assert found.unique().tolist() == list(range(int(found.max()) + 1))
        assert found.max() < segments
    assert superpixels(torch.ones(1, 8, 8), 4).amax() < 4
