"""Maps that no model made, for the images on a bench."""

from __future__ import annotations

import torch
from torch import Tensor

from xraybench.cells.bench import Bench
from xraybench.errors import NotApplicableError
from xraybench.explaining import checked
from xraybench.scoring import REASONS
from xraybench.spec import Cost, Reference

READ = "human-read"  # the region that images have which the human benchmark's radiologists read
NOTE = "maps left out, as no radiologist of the human benchmark read the image"
POINT, STANDS_OUT = "human-point", 1 + 2**-10  # where they pointed, and what the map is there
FREE = Cost(0, 0, 0, 0)


def drawn(desk: Bench, reference: Reference) -> Tensor:
    """Maps float32 [M,S,S]; NotApplicable where the data lack the region that they are drawn from."""
    images = desk.explained_images
    return checked(reference(images, _masks(desk, reference), desk.mean_training_mask, desk.seeds), images)


def drawn_where_read(desk: Bench, reference: Reference) -> tuple[Tensor, Cost, dict[str, float | None]]:
    """The same, at no cost. A map of an image that nobody read is NaN, which leaves its scores undefined; noted is
    how many those are. The points that radiologists marked stand out of what they outlined by so little that no
    threshold tells them apart: they are the map's maximum, on which the pointing game turns, and come first where a
    metric ranks pixels.
    """
    maps = drawn(desk, reference)
    if reference.region != "human" or READ not in desk.regions:
        return maps, FREE, {}
    if POINT in desk.regions:
        maps = maps.masked_fill(_pointed(desk.regions[POINT], maps > 0), STANDS_OUT)
    unread = ~desk.regions[READ].flatten(1).any(1)
    return maps.masked_fill(unread[:, None, None], float("nan")), FREE, {NOTE: float(unread.sum())}


def _pointed(points: Tensor, outlined: Tensor) -> Tensor:
    """Bool [M,S,S]: squares about points as far as they lie in the outline; whole where an outline holds none of its
    points; none where nothing was outlined."""
    inside = points & outlined
    astray = outlined.flatten(1).any(1) & ~inside.flatten(1).any(1)
    return torch.where(astray[:, None, None], points, inside)


def _masks(desk: Bench, reference: Reference) -> Tensor:
    """Bool [M,S,S]; blank for those that look at none."""
    images, region = desk.explained_images, reference.region
    if region is None:
        return torch.zeros((len(images), *images.shape[-2:]), dtype=torch.bool, device=images.device)
    if region == "human" and desk.split == "validation":
        region = "finding"  # nobody reads validation images, and any share of a mask's maximum cuts it alike
    if region not in desk.regions:
        raise NotApplicableError(REASONS[region])
    return desk.regions[region]
