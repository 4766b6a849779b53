"""All pairs of layers of two DenseNet-121s beside a full CCA a pair, as google/svcca computes it (Raghu et al. 2017).

The reference, per pair: the joint covariance, both inverses by pinv, their square roots by eigh, and the singular
values of the product (cca_core.py there). Its SVCCA (their first tutorial) takes an SVD of both layers first, and goes
on with the directions that hold 99 % of the variance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.scoring.pairs import Ratio, interleaved
from xraybench import registry
from xraybench.comparing import activations
from xraybench.similarity.cca import VARIANCE, _directions, correlations
from xraybench.similarity.layer import Layer, layer

Values = NDArray[np.float64]
CLASSES, SIDE = 14, 32


@dataclass(frozen=True)
class Cca:
    """How many times as fast all pairs are, and the largest difference of a coefficient."""

    speedup: Ratio
    difference: float


def layers(seed: int, samples: int) -> list[Values]:
    """The 16 layers [N, C] of a DenseNet-121 with random weights, over N images: its means over positions.

    A little noise gives every layer full rank: the reference divides by what a degenerate one has not.
    """
    torch.manual_seed(seed)
    model = registry.load(registry.find("models", "densenet121"))(CLASSES, 1, SIDE).eval()
    images = torch.randn(samples, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    draw = np.random.default_rng(seed)
    found = [maps[:, 0].astype(np.float64) for maps in activations(model, model.layers, images, 1)]
    return [values + values.std() * draw.normal(size=values.shape) / 10 for values in found]


def mean_cca(first: Sequence[Values], second: Sequence[Values], pairs: int) -> Cca:
    """All coefficients of all pairs."""
    return _compared(_ours(lambda one: one), reference, first, second, pairs)


def svcca(first: Sequence[Values], second: Sequence[Values], pairs: int) -> Cca:
    """The same of the directions that hold most of each layer's variance."""
    ours = _ours(lambda one: one.leading(_directions(one)))
    return _compared(ours, lambda x, y: reference(_leading(x), _leading(y)), first, second, pairs)


Every = Callable[[Sequence[Values], Sequence[Values]], list[Values]]


def _ours(kept: Callable[[Layer], Layer]) -> Every:
    """One basis a layer, then a small product a pair."""

    def every(first: Sequence[Values], second: Sequence[Values]) -> list[Values]:
        one, other = ([kept(layer(values)) for values in side] for side in (first, second))
        return [correlations(a, b) for a in one for b in other]

    return every


def _compared(
    ours: Every, full: Callable[[Values, Values], Values], first: Sequence[Values], second: Sequence[Values], pairs: int
) -> Cca:
    def theirs() -> list[Values]:
        return [full(a, b) for a in first for b in second]

    both = zip(ours(first, second), theirs(), strict=True)
    difference = max(float(np.abs(mine - other).max()) for mine, other in both)
    return Cca(interleaved(lambda: ours(first, second), theirs, pairs, inverse=True), difference)


def reference(x: Values, y: Values) -> Values:
    """Canonical correlations of [N, C1] and [N, C2], descending."""
    width = x.shape[1]
    covariance = np.cov(x.T, y.T)
    xx, xy, yy = covariance[:width, :width], covariance[:width, width:], covariance[width:, width:]
    largest = np.abs(xx).max(), np.abs(yy).max()
    left, right = _inverse_root(xx / largest[0]), _inverse_root(yy / largest[1])
    _, found, _ = np.linalg.svd(left @ (xy / np.sqrt(largest[0] * largest[1])) @ right)
    return np.abs(found)


def _inverse_root(matrix: Values) -> Values:
    values, vectors = np.linalg.eigh(np.linalg.pinv(matrix))
    return vectors @ np.diag(np.sqrt(values)) @ vectors.T


def _leading(values: Values) -> Values:
    """[N, D]: the projection on the directions that hold 99 % of the variance."""
    basis, strength, _ = np.linalg.svd(values - values.mean(0), full_matrices=False)
    kept = int(np.searchsorted(np.cumsum(strength**2) / (strength**2).sum(), VARIANCE)) + 1
    return basis[:, :kept] * strength[:kept]
