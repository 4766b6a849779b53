"""A layer's activations, with one orthonormal basis that every comparison of it shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xraybench.errors import ValidationError

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Layer:
    """The thin SVD of centred activations [N, C] = basis [N, r] @ diag(strength [r]) @ rows [r, C].

    strength is descending; directions that are numerically zero are left out.
    """

    basis: Matrix
    strength: Matrix
    rows: Matrix

    @property
    def samples(self) -> int:
        """N."""
        return len(self.basis)

    @property
    def channels(self) -> int:
        """C."""
        return int(self.rows.shape[1])

    @property
    def rank(self) -> int:
        """Directions with variance."""
        return len(self.strength)

    @property
    def scores(self) -> Matrix:
        """[N, r]: the activations in their own principal axes, which have the same inner products."""
        return self.basis * self.strength

    def permuted(self, order: NDArray[np.int64]) -> Layer:
        """The layer with its samples in another order: the same activations, paired with nothing."""
        return Layer(self.basis[order], self.strength, self.rows)

    def leading(self, directions: int) -> Layer:
        """The layer projected on its strongest directions."""
        return Layer(self.basis[:, :directions], self.strength[:directions], self.rows[:directions])


def layer(activations: NDArray[np.floating], name: str = "a layer") -> Layer:
    """A layer from its activations [N, C]. A singular value below max(N, C) eps times the largest counts as zero.

    ValidationError, which names it, where an activation is not finite: it is then like nothing, itself included.
    """
    values = np.asarray(activations, np.float64)
    if not np.isfinite(values).all():
        raise ValidationError(
            f"{name}: activations are not finite",
            "the model's weights are broken: train it again, at a lower learning rate",
        )
    basis, strength, rows = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    scale = max(float(strength[0]), float(np.abs(values).max()))  # a constant layer leaves rounding errors only
    kept = int((strength > scale * max(values.shape) * np.finfo(np.float64).eps).sum())
    return Layer(basis[:, :kept], strength[:kept], rows[:kept])
