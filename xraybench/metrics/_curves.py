"""The two curves of an image, a map and an imputer, computed once for all metrics that need them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from xraybench.metrics._imputers import IMPUTERS
from xraybench.metrics._localisation import undefined
from xraybench.metrics._logits import original_logits, target_logits
from xraybench.metrics._orders import places
from xraybench.metrics._parts import in_parts
from xraybench.metrics._removal import Removal, imputed
from xraybench.spec import Evidence

Name = Literal["insertion", "deletion"]


def curve(evidence: Evidence, name: Name, removal: Removal) -> Tensor:
    """Float64 [B,steps+1]: the target logit as the top k pixels are the only ones kept, or are the ones replaced."""
    key = next(iter(removal.curve_cost(name)))
    return evidence.once(key, lambda: _curve(evidence, name, removal))


def counts(pixels: int, steps: int) -> Tensor:
    """Int64 [steps+1]: how many pixels make up the fractions 0, 1/steps, ..., 1, rounded."""
    return torch.tensor([round(pixels * step / steps) for step in range(steps + 1)])


def area(evidence: Evidence, name: Name, removal: Removal) -> Tensor:
    """Float64 [B]: the area under a curve over the fraction of pixels; NaN where the map is not finite."""
    pixels = evidence.maps[0].numel()
    fractions = counts(pixels, removal.steps).double() / pixels
    areas = torch.trapezoid(curve(evidence, name, removal), fractions.to(evidence.maps.device), dim=1)
    return areas.masked_fill(undefined(evidence.maps), float("nan"))


def imputed_logits(evidence: Evidence, imputer: str) -> Tensor:
    """Float64 [B]: f of the images with every pixel replaced, computed once."""

    def compute() -> Tensor:
        fill = IMPUTERS[imputer](evidence)
        rows = torch.arange(len(evidence.images), device=evidence.images.device)
        nothing = torch.zeros_like(evidence.images[:, :1], dtype=torch.bool)
        return target_logits(evidence, rows, lambda some: fill(rows[some], nothing[some]))

    return evidence.of_model(imputed(imputer), compute)


def _curve(evidence: Evidence, name: Name, removal: Removal) -> Tensor:
    original, nothing = original_logits(evidence), imputed_logits(evidence, removal.imputer)
    between = _between(evidence, name, removal)
    first, last = (nothing, original) if name == "insertion" else (original, nothing)
    return torch.cat([first[:, None], between, last[:, None]], dim=1)


def _places(evidence: Evidence) -> Tensor:
    """[B,P] of the images' own type: the place of each pixel in its map's order, 0 for the most relevant."""
    kind = evidence.images.dtype  # float32 counts to 2^24 pixels
    return in_parts(lambda some, seeds: places(some.flatten(1), seeds).to(kind), evidence.maps, evidence.seeds)


def _between(evidence: Evidence, name: Name, removal: Removal) -> Tensor:
    """Float64 [B,steps-1]: the points between the ends, all images and steps in one stream of batches."""
    maps, fill = evidence.maps, IMPUTERS[removal.imputer](evidence)
    place = evidence.once("places of the pixels", lambda: _places(evidence)).view_as(maps)
    inner = counts(maps[0].numel(), removal.steps)[1:-1].to(maps.device)
    rows = torch.arange(len(maps), device=maps.device).repeat_interleave(len(inner))
    tops = inner.to(place).repeat(len(maps))

    def images(some: slice) -> Tensor:
        here, top = place.index_select(0, rows[some])[:, None], tops[some, None, None, None]
        return fill(rows[some], here.lt_(top) if name == "insertion" else here.ge_(top))

    return target_logits(evidence, rows, images).view(len(maps), len(inner))
