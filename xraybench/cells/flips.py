"""What a mark adds to a model's output: the same radiographs with it and without it."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from xraybench import stats
from xraybench.cells.bench import Bench
from xraybench.identity import seed_of
from xraybench.results import Interval
from xraybench.training import predict

MARK = "text"  # the region of what a source flips


def flips(desk: Bench, model: nn.Module) -> dict[str, Interval]:
    """By region: mean over the explained images of f(with the mark) - f(without it), f the explained logit.

    With its 95 % interval over patients (none under 30 of them); nothing where the source cannot flip a mark.
    """
    if desk.flipped is None or MARK not in desk.regions:
        return {}
    marked = desk.regions[MARK].flatten(1).any(1)
    targets = desk.targets(model)[:, None]
    now, then = (predict(model, images).gather(1, targets)[:, 0] for images in (desk.explained_images, desk.flipped))
    added = torch.where(marked, now - then, then - now).double().cpu().numpy()
    index = np.unique(desk.explained_table["patient_id"], return_inverse=True)[1]
    low = high = None
    if index.max() + 1 >= stats.MIN_PATIENTS:
        drawn = stats.resample_means(added[None, None], index, np.random.default_rng(seed_of("flips", len(added))))
        low, high = map(float, np.quantile(drawn, [stats.ALPHA / 2, 1 - stats.ALPHA / 2]))
    return {MARK: Interval(mean=float(added.mean()), low=low, high=high, n=len(added))}
