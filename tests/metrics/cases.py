"""A small model, an explainer of two forwards, and evidence made of them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from xraybench.spec import Annotated, Contrast, Cost, Evidence, Explain, Twins

EXPLAINER_COST = 2  # forwards; the backward passes of the case are left out of the count


def small_cnn(channels: int = 1) -> nn.Module:
    """Four layers with weights (three convolutions, two of them normalised, and a linear one), in eval mode."""
    return copy.deepcopy(_drawn_cnn(channels))


@cache
def _drawn_cnn(channels: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(channels, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 6, 3, padding=1, stride=2),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 6, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(24, 3),
        )
        model.train()
        for _ in range(3):
            model(torch.randn(16, channels, 12, 12))
    return model.eval()


def linear_model(size: int, channels: int = 1, seed: int = 0) -> nn.Module:
    """Additive: one logit, a weighted sum of the pixels."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, 1)).eval()


def gradients(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Mean gradient of the target logit at x and x / 2, summed over channels: [B,H,W]."""
    total = torch.zeros_like(images)
    for scale in (1.0, 0.5):
        point = (images * scale).detach().requires_grad_()
        logits = model(point).gather(1, targets[:, None]).sum()
        total += torch.autograd.grad(logits, point)[0] / 2
    return total.sum(1)


def explain_with(model: nn.Module, targets: Tensor) -> Explain:
    def explain(images: Tensor, model: nn.Module | None = model) -> Tensor:
        return gradients(model or trained, images, targets)

    trained = model
    return explain


def contrast_with(model: nn.Module, targets: Tensor) -> Contrast:
    """Integrated gradients by two nodes between each image and its baseline."""

    def contrast(images: Tensor, baselines: Tensor) -> Tensor:
        total = torch.zeros_like(images)
        for share in (0.25, 0.75):
            point = (baselines + share * (images - baselines)).detach().requires_grad_()
            logits = model(point).gather(1, targets[:, None]).sum()
            total += torch.autograd.grad(logits, point)[0] / 2
        return ((images - baselines) * total).sum(1)

    return contrast


def validation_with(
    model: nn.Module, count: int, size: int, channels: int, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> Callable[[], Annotated]:
    """Explains so many other images, whose finding is a rectangle elsewhere, when first asked."""
    draw = torch.Generator().manual_seed(99)
    images = torch.randn(count, channels, size, size, generator=draw).to(device, dtype)
    targets = torch.arange(count, device=device) % 3
    finding = torch.zeros(count, size, size, dtype=torch.bool, device=device)
    finding[:, 5:9, 1:8] = True
    names = ("one", "two", "three")
    return cache(lambda: Annotated(gradients(model, images, targets), targets, {"finding": finding}, names))


def evidence(
    count: int = 6,
    size: int = 12,
    channels: int = 1,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    **changes: Any,
) -> Evidence:
    """Evidence of random images; the finding is a rectangle, darker in the twin; fields can be replaced by name.

    In double precision a metric and its definition differ by what they compute, not by how a machine rounds.
    """
    draw = torch.Generator().manual_seed(seed)
    images = torch.randn(count, channels, size, size, generator=draw).to(dtype)
    targets = torch.randint(0, 3, (count,), generator=draw)
    finding = torch.zeros(count, size, size, dtype=torch.bool)
    finding[:, 3:7, 2:6] = True
    model = (changes.pop("model", None) or small_cnn(channels)).to(dtype)
    explain = explain_with(model, targets)
    made = Evidence(
        model=model,
        images=images,
        grey=torch.rand(count, size, size, generator=draw),
        targets=targets,
        maps=gradients(model, images, targets) if "maps" not in changes else changes["maps"],
        regions={"finding": finding, "box": finding.roll(1, 1), "text": finding.roll(-2, 2)},
        baseline=torch.full((channels, size, size), 0.25, dtype=dtype),
        seeds=torch.arange(count) + 1000 * seed + 7,
        cost=Cost(forwards=2, backwards=2, milliseconds=1.0, peak_bytes=0),
        twins=Twins(images - 2.0 * finding[:, None], finding),
        explain=explain,
        contrast=contrast_with(model, targets),
        batch_size=5,
        validation=validation_with(model, count, size, channels, dtype=dtype),
        explain_targets=partial(gradients, model, images),
    )
    return dataclasses.replace(made, **changes)


def subset(whole: Evidence, rows: Tensor) -> Evidence:
    """The evidence of some of its images, in the order of `rows`, with nothing shared yet."""
    targets = whole.targets[rows]
    return dataclasses.replace(
        whole,
        images=whole.images[rows],
        grey=whole.grey[rows],
        targets=targets,
        maps=whole.maps[rows],
        regions={name: masks[rows] for name, masks in whole.regions.items()},
        seeds=whole.seeds[rows],
        twins=Twins(whole.twins.images[rows], whole.twins.difference[rows]) if whole.twins else None,
        explain=explain_with(whole.model, targets),
        contrast=contrast_with(whole.model, targets),
        shared={},
        true_labels=None if whole.true_labels is None else whole.true_labels[rows],
        explain_targets=partial(gradients, whole.model, whole.images[rows]),
    )


def on_device(whole: Evidence, device: torch.device | str) -> Evidence:
    """The same evidence, model included, on another device; a cell's seeds stay on the CPU, as draws do."""
    model, targets = copy.deepcopy(whole.model).to(device), whole.targets.to(device)
    tensors = {name: getattr(whole, name).to(device) for name in ("images", "grey", "maps", "baseline")}
    twins = Twins(whole.twins.images.to(device), whole.twins.difference.to(device)) if whole.twins else None
    regions = {name: masks.to(device) for name, masks in whole.regions.items()}
    again = {"explain": explain_with(model, targets), "contrast": contrast_with(model, targets)}
    count, channels, size, _ = whole.images.shape
    validation = validation_with(model, count, size, channels, device)
    return dataclasses.replace(
        whole,
        model=model,
        targets=targets,
        regions=regions,
        twins=twins,
        shared={},
        validation=validation,
        explain_targets=partial(gradients, model, tensors["images"]),
        **again,
        **tensors,
    )


def map_evidence(maps: Tensor, finding: Tensor) -> Evidence:
    """Evidence for metrics that look at the map [B,H,W] and the finding [B,H,W] alone."""
    count = len(maps)
    return Evidence(
        model=nn.Identity(),
        images=maps[:, None],
        grey=maps,
        targets=torch.zeros(count, dtype=torch.int64),
        maps=maps,
        regions={"finding": finding},
        baseline=torch.zeros_like(maps[:1]),
        seeds=torch.arange(count),
        cost=Cost(forwards=0, backwards=0, milliseconds=0.0, peak_bytes=0),
    )
