"""What a training loop reads one batch at a time is what all images at once would be, bit for bit."""

import numpy as np
import pytest
import torch

from xraybench.cells.stored import stored_images
from xraybench.data.prepare import Recipe, prepare
from xraybench.data.prepared import Prepared
from xraybench.data.sources import phantom_wrist

SETTINGS = {"size": 64, "train": 30, "validation": 5, "test": 5}


@pytest.fixture(scope="module", params=[np.uint8, np.uint16])
def prepared(request, tmp_path_factory):
    """A prepared source, its pixels eight or sixteen bits wide."""
    folder = tmp_path_factory.mktemp("prepared")
    recipe = Recipe(64, ["fracture"], "positive", 4)
    prepare(phantom_wrist.open_source(None, SETTINGS), folder, recipe, 1, lambda done, total: None)
    shape, values = Prepared(folder).pixels.shape, np.random.default_rng(0)
    top = np.iinfo(request.param).max
    np.save(folder / "images.npy", values.integers(0, top, shape, dtype=request.param, endpoint=True))
    return Prepared(folder)


def test_batches_are_what_all_at_once_would_be(prepared):
    rows = np.array([7, 3, 3, 20, 11])
    images = stored_images(prepared, rows, torch.device("cpu"))
    facts = prepared.statistics
    whole = ((torch.from_numpy(prepared.grey(rows)) - facts.mean) / facts.std).unsqueeze(1)
    assert len(images) == 5
    assert torch.equal(images[0:5], whole)
    assert torch.equal(images[torch.tensor([4, 0])], whole[[4, 0]])
    assert not isinstance(images.pixels, torch.Tensor), "mapped from the disk, not read"


@pytest.mark.gpu
def test_what_fits_lies_on_the_gpu(prepared):
    rows, gpu = np.arange(20), torch.device("cuda")
    images = stored_images(prepared, rows, gpu)
    assert images.pixels.is_cuda
    expected = stored_images(prepared, rows, torch.device("cpu"))[torch.arange(3, 9)]
    torch.testing.assert_close(images[torch.arange(3, 9)].cpu(), expected, atol=1e-6, rtol=1e-6)
