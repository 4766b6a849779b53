"""A network with random weights, images and maps for it, as evidence; and bare forwards to hold scoring against."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.scoring.pairs import seconds_of
from xraybench import registry
from xraybench.counting import counting
from xraybench.explaining import ExplainAgain
from xraybench.spec import Context, Cost, Evidence, Metric

BATCHES = (4, 8, 16, 32, 64)
OUTPUTS = 3


@dataclass
class Kept:
    """What depends on model and images alone, as a run keeps it for all its explainers."""

    tensors: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, key: str, compute: Callable[[], Tensor]) -> Tensor:
        if key not in self.tensors:
            self.tensors[key] = compute()
        return self.tensors[key]


@dataclass(frozen=True)
class Case:
    """Evidence of random images under one network, and other maps of the same images."""

    evidence: Evidence
    context: Context

    def fresh(self, seed: int = 0, **changes: Any) -> Evidence:
        """The evidence with random maps, unless others are given, and with nothing computed yet."""
        if "maps" not in changes:
            draw = torch.Generator().manual_seed(seed)
            changes["maps"] = torch.randn(self.evidence.maps.shape, generator=draw).to(self.evidence.maps)
        return dataclasses.replace(self.evidence, **({"shared": {}} | changes))

    def explain(self, name: str) -> ExplainAgain:
        """An explainer bound to the images."""
        built = registry.build("explainers", registry.parse_call(name))
        return ExplainAgain(built, self.evidence.model, self.evidence.targets, self.context)


def case_of(name: str, side: int, images: int, device: str, size: int | None = None) -> Case:
    """Random weights in channels_last, images [N,1,S,S] in [0,1], a square finding; the best batch size, or `size`."""
    torch.manual_seed(0)
    model = registry.load(registry.find("models", name))(OUTPUTS, 1, side).eval().to(device)
    model = model.requires_grad_(False).to(memory_format=torch.channels_last)
    inputs = torch.rand(images, 1, side, side).to(device)
    finding = torch.zeros(images, side, side, dtype=torch.bool, device=device)
    finding[:, side // 4 : side // 2, side // 4 : side // 2] = True
    targets, seeds = torch.arange(images, device=device) % OUTPUTS, torch.arange(images) + 7
    low, high = torch.zeros(1, 1, 1, device=device), torch.ones(1, 1, 1, device=device)
    size = size or best_batch(model, side, device)
    evidence = Evidence(
        model, inputs, inputs[:, 0], targets, torch.randn(images, side, side).to(device), {"finding": finding},
        inputs.mean(0), seeds, Cost(1, 0, 0.0, 0), batch_size=size,
    )  # fmt: skip
    return Case(evidence, Context(inputs.mean(0), inputs[:8], low, high, seeds, size))


def best_batch(model: nn.Module, side: int, device: str) -> int:
    """The batch size at which as many image-forwards as the largest batch has take least, the best of three times."""
    image = torch.rand(1, 1, side, side, device=device)

    def taken(size: int) -> float:
        return min(seconds_of(lambda: forwards(model, image, size, BATCHES[-1])) for _ in range(3))

    forwards(model, image, 1, 1)
    return min(BATCHES, key=taken)


def forwards(model: nn.Module, image: Tensor, size: int, count: int) -> None:
    """So many image-forwards of an image [1,1,S,S], in batches, back to back in inference mode."""
    whole = image.expand(size, -1, -1, -1).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        for start in range(0, count, size):
            model(whole[: count - start])


def bare(evidence: Evidence, count: int) -> None:
    """So many image-forwards of the evidence's network, at its batch size."""
    forwards(evidence.model, evidence.images[:1], evidence.batch_size, count)


def spent(metric: Metric, evidence: Evidence) -> int:
    """How many image-forwards a metric makes."""
    with counting(evidence.model) as count:
        metric(evidence)
    return count.image_forwards
