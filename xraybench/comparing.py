"""Comparing: how alike are the layers of two models, over the same images?

Every matrix has its null beside it: the same layers, the second model's images permuted. What is left in it is what few
samples give by themselves, and what all images share at the same place (the film's edge, the bone in the middle).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from xraybench.errors import NotApplicableError
from xraybench.similarity import Layer, debiased_cka, layer, linear_cka, mean_cca, pwcca, svcca

Values = NDArray[np.float64]
Measure = Callable[[Layer, Layer], float]
MEASURES: dict[str, Measure] = {
    "cca": mean_cca,
    "svcca": svcca,
    "pwcca": pwcca,
    "linear-cka": linear_cka,
    "debiased-cka": debiased_cka,
}
BATCH = 64
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Samples:
    """One layer's samples: an image each [N, C], and a position each [N g g, C] where the layer has positions."""

    images: Layer
    positions: Layer | None


@dataclass(frozen=True)
class Matrix:
    """One measure over all pairs of layers: values and null [L1, L2], NaN where refused; reasons with their counts."""

    values: Values
    null: Values
    refused: Mapping[str, int]


@dataclass(frozen=True)
class Compared:
    """Two models' layers: the channels of each, how many samples each pair is compared over [L1, L2], the matrices."""

    first_channels: tuple[int, ...]
    second_channels: tuple[int, ...]
    samples: NDArray[np.int64]
    matrices: Mapping[str, Matrix]


def compare(
    first: nn.Module, second: nn.Module, images: Tensor, grid: int, generator: np.random.Generator, progress: Progress
) -> Compared:
    """Every measure between the ordered layers of two models on images [N,C,H,W].

    Positions count as samples, on a common grid x grid (adaptive average pooling); a pair of which one layer has no
    positions is compared by its means over positions. The permutation of the null is of images, positions along.
    """
    ours, theirs = ([*_samples(model, images, grid)] for model in (first, second))
    order = generator.permutation(len(images))
    shuffled = [_permuted(samples, order, grid) for samples in theirs]
    matrices = {}
    for done, (name, measure) in enumerate(MEASURES.items()):
        progress(done, len(MEASURES))
        refused: Counter[str] = Counter()
        values = _over_pairs(measure, ours, theirs, refused)
        matrices[name] = Matrix(values, _over_pairs(measure, ours, shuffled, Counter()), refused)
    progress(len(MEASURES), len(MEASURES))
    counts = np.array([[_paired(one, other)[0].samples for other in theirs] for one in ours], np.int64)
    return Compared(_channels(ours), _channels(theirs), counts, matrices)


def _channels(layers: Sequence[Samples]) -> tuple[int, ...]:
    return tuple(samples.images.channels for samples in layers)


def _over_pairs(measure: Measure, ours: Sequence[Samples], theirs: Sequence[Samples], refused: Counter[str]) -> Values:
    values = np.full((len(ours), len(theirs)), np.nan)
    for i, j in np.ndindex(values.shape):
        try:
            values[i, j] = measure(*_paired(ours[i], theirs[j]))
        except NotApplicableError as error:
            refused[error.message] += 1
    return values


def _paired(one: Samples, other: Samples) -> tuple[Layer, Layer]:
    if one.positions is not None and other.positions is not None:
        return one.positions, other.positions
    return one.images, other.images


def _permuted(samples: Samples, order: NDArray[np.int64], grid: int) -> Samples:
    places = (order[:, None] * grid**2 + np.arange(grid**2)).ravel()
    return Samples(samples.images.permuted(order), samples.positions and samples.positions.permuted(places))


def _samples(model: nn.Module, images: Tensor, grid: int) -> Iterable[Samples]:
    names: Sequence[str] = model.layers  # type: ignore[assignment]
    for name, maps in zip(names, activations(model, names, images, grid), strict=True):
        means = layer(maps.mean(axis=1), f"layer {name!r}")
        flat = maps.reshape(-1, maps.shape[-1])
        yield Samples(means, layer(flat, f"layer {name!r}") if maps.shape[1] > 1 or grid == 1 else None)


def activations(model: nn.Module, names: Sequence[str], images: Tensor, grid: int) -> list[NDArray[np.float32]]:
    """Each named submodule's output, [N, P, C]: P = grid grid where it has positions, else 1 (tokens are averaged)."""
    parts: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    with torch.inference_mode(), _watching(model, names) as seen:
        for batch in images.split(BATCH):
            model(batch)
            for name in names:
                parts[name].append(_pooled(seen[name], grid))
    return [np.concatenate(parts[name]) for name in names]


@contextmanager
def _watching(model: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """The latest output of each named submodule, while the block lasts."""
    seen: dict[str, Tensor] = {}
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: seen.__setitem__(name, output)
        )
        for name in names
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _pooled(output: Tensor, grid: int) -> NDArray[np.float32]:
    """[B,C,H,W] -> [B, grid grid, C]; [B,T,C] -> [B,1,C], the mean of the tokens; [B,C] -> [B,1,C]."""
    if output.ndim == 4:
        output = functional.adaptive_avg_pool2d(output, grid).flatten(2).transpose(1, 2)
    elif output.ndim == 3:
        output = output.mean(1, keepdim=True)
    else:
        output = output[:, None]
    return output.float().cpu().numpy()
