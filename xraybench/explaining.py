"""Explaining: run an explainer over images, count what it spends, and offer it to metrics that explain again."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xraybench.counting import counting
from xraybench.errors import ValidationError
from xraybench.memory import peak_memory
from xraybench.spec import TRAINING_MEAN, Context, Contrasting, Cost, Explainer, NamesBaseline
from xraybench.untouched import untouched


@dataclass(frozen=True)
class ExplainAgain:
    """An explainer bound to its images' targets and context, for metrics that explain altered images."""

    explainer: Explainer
    model: nn.Module
    targets: Tensor
    context: Context

    def __call__(self, images: Tensor, model: nn.Module | None = None) -> Tensor:
        """Maps [B,H,W] of altered images, in batches, under this model or another."""
        parts = []
        step = self.context.batch_size
        for start in range(0, len(images), step):
            part = slice(start, start + step)
            context = dataclasses.replace(self.context, seeds=self.context.seeds[part])
            parts.append(self.explainer(model or self.model, images[part], self.targets[part], context))
        return checked(torch.cat(parts), images)

    def against(self, images: Tensor, baselines: Tensor) -> Tensor:
        """Maps [B,H,W] of images each against a baseline of its own: an image at a time, as a context holds one."""
        parts = []
        for b in range(len(images)):
            one = slice(b, b + 1)
            context = dataclasses.replace(self.context, seeds=self.context.seeds[one], baseline=baselines[b])
            parts.append(self.explainer(self.model, images[one], self.targets[one], context))
        return checked(torch.cat(parts), images)

    def take(self, rows: Tensor) -> ExplainAgain:
        """The same for some of the images only."""
        context = dataclasses.replace(self.context, seeds=self.context.seeds[rows])
        return dataclasses.replace(self, targets=self.targets[rows], context=context)


def baseline_name(explainer: Explainer, context: Context) -> str | None:
    """What an explainer holds an image against, in words for its row; None where it holds it against nothing."""
    if isinstance(explainer, NamesBaseline):
        return explainer.baseline_name(context)
    return TRAINING_MEAN if isinstance(explainer, Contrasting) else None


def checked(maps: Tensor, images: Tensor) -> Tensor:
    """Maps as the contract asks: float32 [B,H,W], finite; ValidationError otherwise."""
    expected = (len(images), *images.shape[-2:])
    if tuple(maps.shape) != expected:
        raise ValidationError(
            f"maps have shape {tuple(maps.shape)}", f"an explainer returns one map an image: {expected}"
        )
    maps = maps.detach().to(torch.float32)
    if not bool(torch.isfinite(maps).all()):
        raise ValidationError("maps hold NaN or infinite values", "an explainer returns finite maps")
    return maps


def explain(explain_again: ExplainAgain, images: Tensor) -> tuple[Tensor, Cost]:
    """Maps [B,H,W] of the images, and what they cost per image.

    ValidationError where images, context or model are changed on the way, or a map that is not signed has a negative
    value.
    """
    explainer, context = explain_again.explainer, explain_again.context
    lent = {"images": images, "baseline": context.baseline, "background": context.background}
    model = explain_again.model
    with untouched(model, lent), counting(model) as count, peak_memory(images.is_cuda) as peak:
        start = time.perf_counter()
        maps = explain_again(images)
        if images.is_cuda:
            torch.cuda.synchronize()
        seconds, peak_bytes = time.perf_counter() - start, peak()
    if not explainer.signed and float(maps.min()) < 0:
        raise ValidationError(
            f"the least value of its maps is {float(maps.min()):.2g}", "an explainer with negative values is signed"
        )
    n = len(images)
    return maps, Cost(count.forwards / n, count.backwards / n, 1000 * seconds / n, peak_bytes)
