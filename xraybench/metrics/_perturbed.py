"""Slightly changed images and their maps, made once for all robustness metrics of a cell."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.linalg import vector_norm

from xraybench.metrics._draws import generator
from xraybench.metrics._explain import explainer_of
from xraybench.metrics._robustness import Robustness
from xraybench.spec import Evidence


def changes(evidence: Evidence, design: Robustness) -> list[Tensor]:
    """Float32 [B,C,H,W], one a draw: what is added to the images."""
    largest = radii(evidence, design)
    return [largest * _noise(evidence, draw) for draw in range(design.draws)]


def perturbed_maps(evidence: Evidence, design: Robustness) -> list[Tensor]:
    """Float32 [B,H,W], one a draw."""
    explain = explainer_of(evidence)
    return evidence.once(
        design.maps_name, lambda: [explain(evidence.images + change) for change in changes(evidence, design)]
    )


def relative_changes(evidence: Evidence, design: Robustness) -> Tensor:
    """Float64 [B,draws]: ||map(x + d) - map(x)|| / ||map(x)||; NaN where the map is all zero or the radius is 0."""
    maps = evidence.maps.double()
    distances = [norm(other.double() - maps) for other in perturbed_maps(evidence, design)]
    return (torch.stack(distances, 1) / norm(maps)[:, None]).masked_fill(incomparable(evidence, design), float("nan"))


def incomparable(evidence: Evidence, design: Robustness) -> Tensor:
    """Bool [B,1]: nothing to compare: an all-zero map, or an all-equal image, which has no radius."""
    return ((norm(evidence.maps) == 0) | (radii(evidence, design).flatten() == 0))[:, None]


def radii(evidence: Evidence, design: Robustness) -> Tensor:
    """Float32 [B,1,1,1]."""
    values = evidence.images.flatten(1)
    return (values.amax(1) - values.amin(1)).mul(design.radius)[:, None, None, None]


def norm(values: Tensor) -> Tensor:
    """Float64 [B]: Euclidean, over all that an image has; squares of 1e-30 are 0 in single precision."""
    found: Tensor = vector_norm(values.flatten(1).double(), dim=1)
    return found


def _noise(evidence: Evidence, draw: int) -> Tensor:
    """Float32 [B,C,H,W], uniform in [-1, 1], each image's from its own seed."""
    shape = evidence.images.shape[1:]
    seeds = evidence.seeds.tolist()
    drawn = [torch.rand(shape, generator=generator("max-sensitivity", seed, draw)) for seed in seeds]
    return (2 * torch.stack(drawn) - 1).to(evidence.images)
