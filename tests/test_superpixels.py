"""Superpixels are made once for an image, and nobody can spoil them for the next."""

import torch

from xraybench import superpixels as module
from xraybench.superpixels import superpixels


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


def test_numbers_have_no_gaps_and_are_at_most_as_many_as_asked():
    image = torch.rand(1, 20, 30, generator=torch.Generator().manual_seed(6))
    for segments in (2, 7, 40):
        found = superpixels(image, segments)
        assert found.dtype == torch.int64
        assert found.shape == (20, 30)
        assert found.unique().tolist() == list(range(int(found.max()) + 1))
        assert found.max() < segments
    assert superpixels(torch.ones(1, 8, 8), 4).amax() < 4
