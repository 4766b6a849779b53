"""Which logit is explained: what tasks say, on images that hold their own logits."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from xraybench.cells.bench import Bench

LOGITS = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
CLASSES = torch.arange(20) % 4
TRUE = torch.tensor([[0.0, 1, 1, 0], [torch.nan, 0, 0, 1]]).repeat(10, 1)


@pytest.mark.parametrize(
    ("kind", "target", "labels", "expected"),
    [
        ("binary", "predicted", CLASSES, [0] * 20),
        ("multi-class", "predicted", CLASSES, [row.tolist().index(max(row)) for row in LOGITS]),
        ("multi-label", "predicted", TRUE, [row.tolist().index(max(row)) for row in LOGITS]),
        ("multi-class", "label", CLASSES, CLASSES.tolist()),
        ("multi-label", "label", TRUE, [1, 3] * 10),
    ],
)
def test_the_explained_logit_is_the_one_that_the_task_names(kind, target, labels, expected):
    task = SimpleNamespace(kind=kind, explained=SimpleNamespace(target=target))
    desk = SimpleNamespace(
        place=SimpleNamespace(task=task),
        device="cpu",
        items=SimpleNamespace(labels=None),
        explained_rows=np.arange(20),
        explained_images=torch.from_numpy(LOGITS),
        labels=lambda rows: labels[rows],
    )
    assert Bench.targets(desk, nn.Identity()).tolist() == expected
