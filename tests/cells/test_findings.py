"""What is on record of a model's explained images: which findings it finds, and how large they are."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from xraybench.cells.findings import keep_findings
from xraybench.results import FINDINGS, FindingsRecord, read_record

IMAGES, SIDE = 20, 6


def desk_of(folder, kind, logits, regions):
    """A bench of images that hold their own logits."""
    return SimpleNamespace(
        place=SimpleNamespace(task=SimpleNamespace(kind=kind), model_folder=lambda job: folder),
        regions=regions,
        explained_images=logits,
        explained_table=pd.DataFrame({"image_id": [f"image-{n}" for n in range(IMAGES)]}),
        targets=lambda model: torch.arange(IMAGES) % logits.shape[1],
    )


@pytest.mark.parametrize(("kind", "outputs"), [("binary", 1), ("multi-label", 3), ("multi-class", 3)])
def test_a_finding_counts_as_found_where_the_explained_logit_says_so(tmp_path, kind, outputs):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(IMAGES, outputs)).astype(np.float32)
    masks = rng.random((IMAGES, SIDE, SIDE)) < rng.random(IMAGES)[:, None, None]
    masks[[3, 8]] = False
    desk = desk_of(tmp_path, kind, torch.from_numpy(logits), {"finding": torch.from_numpy(masks)})
    keep_findings(desk, None, nn.Identity(), "weights")
    expected = {}
    for n in range(IMAGES):
        explained = n % outputs
        found = max(logits[n]) == logits[n, explained] if kind == "multi-class" else logits[n, explained] > 0
        if masks[n].any():
            expected[f"image-{n}"] = (found, pytest.approx(masks[n].sum() / SIDE**2))
    record = read_record(tmp_path / FINDINGS, FindingsRecord)
    assert {name: (one.found, one.share) for name, one in record.findings.items()} == expected
    assert {one.found for one in record.findings.values()} == {True, False}
    assert not {"image-3", "image-8"} & set(record.findings)


def test_it_is_written_once_for_weights_and_not_at_all_without_masks(tmp_path):
    logits, mask = torch.ones(IMAGES, 1), torch.ones(IMAGES, SIDE, SIDE, dtype=torch.bool)
    keep_findings(desk_of(tmp_path, "binary", logits, {}), None, nn.Identity(), "weights")
    assert list(tmp_path.iterdir()) == []

    def found(sign, weights):
        keep_findings(desk_of(tmp_path, "binary", sign * logits, {"finding": mask}), None, nn.Identity(), weights)
        return {one.found for one in read_record(tmp_path / FINDINGS, FindingsRecord).findings.values()}

    assert found(1, "weights") == {True}
    assert found(-1, "weights") == {True}
    assert found(-1, "others") == {False}
