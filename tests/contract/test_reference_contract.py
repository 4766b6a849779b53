"""The contract, for every reference map."""

import pytest
import torch

from xraybench import registry
from xraybench.spec import Reference


@pytest.mark.parametrize("name", registry.REFERENCES)
def test_reference_maps(name):
    built = registry.build("references", registry.parse_call(name))
    assert isinstance(built, Reference)
    assert built.role in ("control", "ceiling")
    images = torch.rand(5, 2, 24, 20)
    masks = torch.rand(5, 24, 20) > 0.8
    seeds = torch.arange(5) + 2**40
    before = images.clone()
    maps = built(images, masks, masks.float().mean(0), seeds)
    assert maps.shape == (5, 24, 20)
    assert maps.dtype == torch.float32
    assert bool(maps.isfinite().all())
    assert torch.equal(images, before)
    alone = torch.cat(
        [built(images[i : i + 1], masks[i : i + 1], masks.float().mean(0), seeds[i : i + 1]) for i in range(5)]
    )
    torch.testing.assert_close(alone, maps)
