"""Canonical correlation between layers: mean CCA, SVCCA, projection-weighted CCA.

Hotelling 1936; Raghu et al. 2017 (SVCCA, sec. 2.1); Morcos et al. 2018 (PWCCA, eq. 1 and 2). The canonical
correlations are the singular values of A^T B, with A and B orthonormal bases of the centred layers (Bjoerck & Golub
1973).
"""

from __future__ import annotations

import numpy as np

from xraybench.errors import NotApplicableError
from xraybench.similarity.layer import Layer, Matrix

SAMPLES_PER_CHANNEL = 5  # fewer make independent noise look alike: mean correlation .44 at C = 512, N = 2,000
VARIANCE = 0.99  # kept by SVCCA


def correlations(first: Layer, second: Layer) -> Matrix:
    """The canonical correlations, descending, [min(rank)]; exact to about 1e-8 (they are roots of eigenvalues)."""
    product = _product(first, second)
    gram = product @ product.T if product.shape[0] <= product.shape[1] else product.T @ product
    found: Matrix = np.sqrt(np.clip(np.linalg.eigvalsh(gram)[::-1], 0, 1))
    return found


def _product(first: Layer, second: Layer) -> Matrix:
    product: Matrix = first.basis.T @ second.basis
    return product


def _mean(first: Layer, second: Layer) -> float:
    found = correlations(first, second)
    return float(found.mean()) if found.size else 0.0


def _enough(first: Layer, second: Layer) -> None:
    """The reason names no layer, so that what is refused of a matrix is said in one line."""
    if first.samples < SAMPLES_PER_CHANNEL * (first.rank + second.rank):
        raise NotApplicableError(
            f"{first.samples} samples, where {SAMPLES_PER_CHANNEL} are needed for each dimension of the two layers"
        )


def mean_cca(first: Layer, second: Layer) -> float:
    """Mean canonical correlation, 0 to 1, symmetric; NotApplicableError under 5 samples a dimension."""
    _enough(first, second)
    return _mean(first, second)


def svcca(first: Layer, second: Layer) -> float:
    """Mean CCA of the directions that hold 99 % of each layer's variance; NotApplicableError as for `mean_cca`."""
    return mean_cca(*(one.leading(_directions(one)) for one in (first, second)))


def _directions(one: Layer) -> int:
    share = np.cumsum(one.strength**2) / max(float((one.strength**2).sum()), np.finfo(float).tiny)
    return min(int(np.searchsorted(share, VARIANCE) + 1), one.rank)


def pwcca(first: Layer, second: Layer) -> float:
    """CCA weighted by how much of the *first* layer each canonical direction accounts for; 0 to 1, not symmetric.

    alpha_i = sum_j |<h_i, x_j>| over the first layer's channels x_j, h_i its i-th canonical variate.
    """
    _enough(first, second)
    product = _product(first, second)
    values, vectors = np.linalg.eigh(product @ product.T)
    kept = min(first.rank, second.rank)
    rho, directions = np.sqrt(np.clip(values[::-1][:kept], 0, 1)), vectors[:, ::-1][:, :kept]
    alpha = np.abs(directions.T @ (first.strength[:, None] * first.rows)).sum(axis=1)
    return float(alpha @ rho / alpha.sum()) if kept else 0.0
