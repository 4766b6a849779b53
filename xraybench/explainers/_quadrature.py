"""Rules for the integral over [0, 1]."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def nodes_and_weights(rule: str, count: int) -> tuple[Tensor, Tensor]:
    """Nodes in (0, 1) and weights that sum to 1, both float64 [count]: `midpoint` or `gauss-legendre`."""
    if rule == "midpoint":
        return (torch.arange(count, dtype=torch.float64) + 0.5) / count, torch.full((count,), 1 / count).double()
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / 2)
