"""Explanations from what the logit does when parts of the image are replaced by the baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import Context, Needs

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Occlusion:
    """The logit's fall when a sliding window shows the baseline (Zeiler and Fergus, ECCV 2014), mean over windows.

    window, stride: shares of the image's side; the last windows may stand over the edge. By default 22 along a side of
    224 pixels, which is the budget of the other perturbation methods: about 500 forwards.
    """

    window: float = 0.1875
    stride: float = 0.042
    family: ClassVar[str] = "perturbation"
    contrasting: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "nothing"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.window <= 1:
            hint = "shares of the image's side: 0 < stride <= window <= 1"
            raise UsageError(f"occlusion with window={self.window}, stride={self.stride}", hint)

    def cost(self, image_size: int) -> int:
        """A forward a window, and one of the image."""
        return 1 + len(self._starts(image_size)) ** 2

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        import torch

        from xraybench.explainers._batches import groups, in_batches
        from xraybench.explainers._masking import masked_logits
        from xraybench.explainers._model import explained, target_logits

        windows = self._windows(images)
        coverage = windows.sum(0)
        maps = []
        with explained(model), torch.no_grad():
            whole = in_batches(lambda x, t: target_logits(model, x, t), images, targets, context.forwards_at_once)
            for group in groups(len(images), len(windows), context.forwards_at_once):
                kept = (1 - windows).expand(len(images[group]), -1, -1, -1)
                falls = whole[group, None] - masked_logits(model, images[group], kept, targets[group], context)
                maps.append(torch.einsum("bp,phw->bhw", falls, windows) / coverage)
        return torch.cat(maps)

    def _size(self, side: int) -> int:
        return max(1, round(self.window * side))

    def _starts(self, side: int) -> range:
        step = max(1, round(self.stride * side))
        return range(0, step * math.ceil(max(0, side - self._size(side)) / step) + 1, step)

    def _windows(self, images: Tensor) -> Tensor:
        """1 inside the window, 0 outside: [P,H,W]."""
        import torch

        sides = []
        for side in images.shape[2:]:
            first = torch.tensor(list(self._starts(side)), device=images.device)[:, None]
            place = torch.arange(side, device=images.device)
            sides.append(((place >= first) & (place < first + self._size(side))).to(images.dtype))
        return torch.einsum("ih,jw->ijhw", *sides).flatten(0, 1)


@dataclass(frozen=True)
class Rise:
    """Mean of random masks weighted by the logit they leave (Petsiuk et al., BMVC 2018, eq. 6), their mean taken off.

    masks: drawn from the image's seed; cells: of the coarse grid along a side; p: the share of cells that is kept.
    A logit has no natural zero as a probability has: the masks' mean response is subtracted, so that a constant logit
    gives a zero map.
    """

    masks: int = 500
    cells: int = 8
    p: float = 0.5
    family: ClassVar[str] = "perturbation"
    contrasting: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    needs: ClassVar[Needs] = "nothing"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.masks < 2:
            raise UsageError(f"rise with masks={self.masks}", "two masks or more")
        if self.cells < 1:
            raise UsageError(f"rise with cells={self.cells}", "a cell or more a side")
        if not 0 < self.p < 1:
            raise UsageError(f"rise with p={self.p}", "a share of the image that is kept, above 0 and below 1")

    def cost(self, image_size: int) -> int:
        """A forward a mask."""
        return self.masks

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        import torch

        from xraybench.explainers._batches import groups
        from xraybench.explainers._masking import masked_logits, smooth_masks
        from xraybench.explainers._model import explained

        maps = []
        with explained(model), torch.no_grad():
            for group in groups(len(images), self.masks, context.forwards_at_once):
                kept = smooth_masks(context.seeds[group], self.masks, self.cells, self.p, images)
                logits = masked_logits(model, images[group], kept, targets[group], context)
                weights = (logits - logits.mean(1, keepdim=True)) / (self.masks * self.p)
                maps.append(torch.einsum("bp,bphw->bhw", weights, kept))
        return torch.cat(maps)
