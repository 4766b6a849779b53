"""Channels of the last convolution, one image at a time: the strongest, and what the logit is without them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from xraybench.explainers._batches import even_split
from xraybench.explainers._hooks import cam_layer, enlarged, layer_maps, logits_with
from xraybench.explainers._model import explained

Score = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def weighted(model: nn.Module, images: Tensor, targets: Tensor, count: int, score: Score) -> Tensor:
    """[B,H,W]: sum of the `count` channels of the largest mean activation, weighted by `score`, enlarged.

    score(maps [K,h,w], chosen int64 [k], image [1,C,H,W], target [1]) gives the weights [k].
    """
    layer, cams = cam_layer(model), []
    with explained(model), torch.no_grad():
        for image, target in zip(images.split(1), targets.split(1), strict=True):
            maps = layer_maps(model, layer, image)[0]
            chosen = maps.mean((1, 2)).topk(min(count, len(maps))).indices
            cams.append(torch.einsum("k,khw->hw", score(maps, chosen, image, target), maps[chosen]))
    return enlarged(torch.stack(cams), images)


def scaled(maps: Tensor, image: Tensor) -> Tensor:
    """Maps [k,h,w] enlarged to the image and scaled to [0, 1] each; a constant map keeps nothing."""
    large = enlarged(maps, image)
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    return (large - low) / (high - low).masked_fill(high == low, 1.0)


def ablated_logits(
    model: nn.Module, maps: Tensor, chosen: Tensor, image: Tensor, target: Tensor, batch_size: int
) -> Tensor:
    """[k+1]: the logit where the layer gives its maps [K,h,w] without each chosen channel, and last with all."""
    layer, count = cam_layer(model), len(chosen)
    kept = torch.ones(count + 1, len(maps)).to(maps)
    kept[torch.arange(count), chosen] = 0.0
    logits = []
    for piece in even_split(len(kept), batch_size):
        altered = maps * kept[piece, :, None, None]
        repeated = image.expand(len(altered), -1, -1, -1)
        logits.append(logits_with(model, layer, altered, repeated, target.expand(len(altered))))
    return torch.cat(logits)


def projected(model: nn.Module, layer: nn.Module, images: Tensor, count: int) -> Tensor:
    """[B,H,W]: the strongest channels' own activations sent back to the image; the positive part."""
    leaves = images.detach().clone().requires_grad_()
    maps = layer_maps(model, layer, leaves)
    order = maps.detach().flatten(2).amax(2).topk(min(count, maps.shape[1]), dim=1).indices
    chosen = torch.zeros_like(maps[:, :, 0, 0]).scatter(1, order, 1.0)[:, :, None, None]
    (gradient,) = torch.autograd.grad(maps, leaves, (maps.detach() * chosen).clamp(min=0))
    return gradient.clamp(min=0).sum(1)
