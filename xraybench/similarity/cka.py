"""Centred kernel alignment with a linear kernel, and without the bias that few samples give it.

Kornblith et al. 2019 (eq. 3, linear kernel); Nguyen et al. 2021 (sec. 3), with the unbiased HSIC of Song et al. 2012
(eq. 5).
"""

from __future__ import annotations

import numpy as np

from xraybench.similarity.layer import Layer, Matrix


def linear_cka(first: Layer, second: Layer) -> float:
    """||Y^T X||_F^2 / (||X^T X||_F ||Y^T Y||_F), 0 to 1, symmetric; 0 where a layer is constant.

    In the bases: X = A S V gives ||S_x A_x^T A_y S_y||_F^2 / (||S_x^2|| ||S_y^2||).
    """
    cross = first.strength[:, None] * (first.basis.T @ second.basis) * second.strength
    scale = np.linalg.norm(first.strength**2) * np.linalg.norm(second.strength**2)
    return float((cross**2).sum() / scale) if scale else 0.0


def debiased_cka(first: Layer, second: Layer) -> float:
    """CKA from the unbiased HSIC: 0 in expectation for independent layers, also of many channels; may be negative."""
    scale = _hsic(first, first) * _hsic(second, second)
    return float(_hsic(first, second) / np.sqrt(scale)) if scale > 0 else 0.0


def _hsic(first: Layer, second: Layer) -> float:
    """n (n - 3) times the unbiased HSIC, from the scores: the N x N kernels are never made.

    With K and L of zero diagonal: tr(K L) + (1'K1)(1'L1) / ((n-1)(n-2)) - 2 / (n-2) 1'K L 1.
    """
    x, y, n = first.scores, second.scores, first.samples
    k_diagonal, l_diagonal = (x**2).sum(1), (y**2).sum(1)
    trace = float(((x.T @ y) ** 2).sum() - k_diagonal @ l_diagonal)
    k_ones, l_ones = _row_sums(x) - k_diagonal, _row_sums(y) - l_diagonal
    total = float(k_ones.sum() * l_ones.sum()) / ((n - 1) * (n - 2))
    return trace + total - 2 / (n - 2) * float(k_ones @ l_ones)


def _row_sums(x: Matrix) -> Matrix:
    """(X X^T) 1."""
    sums: Matrix = x @ x.sum(axis=0)
    return sums
