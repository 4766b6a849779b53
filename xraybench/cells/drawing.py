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
FREE = Cost(0, 0, 0, 0)


def drawn(desk: Bench, reference: Reference) -> Tensor:
    """Maps float32 [M,S,S]; NotApplicable where the data lack the region that they are drawn from."""
    images = desk.explained_images
    return checked(reference(images, _masks(desk, reference), desk.mean_training_mask, desk.seeds), images)


def drawn_where_read(desk: Bench, reference: Reference) -> tuple[Tensor, Cost, dict[str, float | None]]:
    """The same, at no cost. A map of an image that nobody read is NaN, which leaves its scores undefined; noted is
    how many those are."""
    maps = drawn(desk, reference)
    if reference.region != "human" or READ not in desk.regions:
        return maps, FREE, {}
    unread = ~desk.regions[READ].flatten(1).any(1)
    return maps.masked_fill(unread[:, None, None], float("nan")), FREE, {NOTE: float(unread.sum())}


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
