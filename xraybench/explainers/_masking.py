"""Images partly replaced by the baseline, and the smooth random masks of RISE."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import interpolate

from xraybench.explainers._batches import even_split
from xraybench.explainers._draws import per_image
from xraybench.explainers._model import target_logits
from xraybench.spec import Context


def masked_logits(model: nn.Module, images: Tensor, kept: Tensor, targets: Tensor, context: Context) -> Tensor:
    """The target's logit for every mask: images [B,C,H,W], kept [B,P,H,W] in [0,1] -> [B,P]."""
    baseline = context.baseline.to(images)
    count = kept.shape[1]
    owner = torch.arange(len(images), device=images.device).repeat_interleave(count)
    logits = []
    for piece in even_split(len(owner), context.forwards_at_once):
        share = kept.flatten(0, 1)[piece].unsqueeze(1)
        shown = baseline + share * (images - baseline)[owner[piece]]
        logits.append(target_logits(model, shown, targets[owner[piece]]))
    return torch.cat(logits).view(len(images), count)


def smooth_masks(seeds: Tensor, count: int, cells: int, p: float, images: Tensor) -> Tensor:
    """[B,count,H,W] in [0,1]: binary grids of one cell more than `cells`, enlarged bilinearly, cut at a random shift.

    Enlarging and cutting are one product with a row and a column matrix for each mask (Petsiuk et al., section 3.2).
    """
    height, width = images.shape[2:]

    def draw(generator: Generator) -> Tensor:
        grid = (torch.rand(count, cells + 1, cells + 1, generator=generator) < p).float()
        rows = _shifted(height, cells, torch.rand(count, generator=generator))
        columns = _shifted(width, cells, torch.rand(count, generator=generator))
        return rows @ grid @ columns.mT

    return per_image(seeds, draw).to(images)


def _shifted(side: int, cells: int, shift: Tensor) -> Tensor:
    """Bilinear weights of each pixel on the grid's cells, shifted by up to a cell: [N] in [0,1) -> [N,side,cells+1]."""
    cell = math.ceil(side / cells)
    enlarge = interpolate(torch.eye(cells + 1)[None], size=(cells + 1) * cell, mode="linear", align_corners=False)[0].T
    start = (shift * cell).long()
    return enlarge[start[:, None] + torch.arange(side)]
