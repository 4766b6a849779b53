"""What depends on model and images alone is computed once for all cells, and found again by later runs."""

import torch

from tests.metrics.cases import small_cnn
from xraybench.cells.artefacts import ModelArtefacts


def test_the_second_cell_finds_what_the_first_computed(tmp_path):
    model, images = small_cnn(), torch.rand(5, 1, 12, 12)
    described = [(f"image-{n}", 0) for n in range(5)]
    calls = []

    def compute():
        calls.append(1)
        with torch.no_grad():
            return model(images)[:, 0].double()

    first = ModelArtefacts(tmp_path, model, "weights", described)
    second = ModelArtefacts(tmp_path, model, "weights", described)
    assert torch.equal(first("f(x)", compute), second("f(x)", compute))
    assert (len(calls), first.image_forwards, second.image_forwards) == (1, 5, 0)
    other_logit = [(name, 1) for name, _ in described]
    for weights, pictures, key in (("others", described, "f(x)"), ("weights", other_logit, "f(x)"),
                                   ("weights", described[:4], "f(x)"), ("weights", described, "f(y)")):  # fmt: skip
        before = len(calls)
        ModelArtefacts(tmp_path, model, weights, pictures)(key, compute)
        assert len(calls) == before + 1
