"""Gini index and entropy against their definitions, and the cost that was counted."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from tests.metrics.cases import evidence
from xraybench.metrics.complexity import Complexity
from xraybench.metrics.cost import CostMetric
from xraybench.metrics.sparseness import Sparseness


def gini(values):
    """Half the mean absolute difference between two pixels, relative to their mean."""
    sizes = np.abs(values.ravel())
    return np.abs(sizes[:, None] - sizes[None]).mean() / (2 * sizes.mean())


def test_equals_half_the_relative_mean_difference():
    here = evidence()
    expected = [gini(values) for values in here.maps.double().numpy()]
    np.testing.assert_allclose(Sparseness()(here), expected, atol=1e-12)


def test_extremes():
    maps = torch.zeros(4, 5, 5)
    maps[1], maps[2, 1, 3], maps[3, 0, 0] = -2.0, 0.3, float("nan")
    scores = Sparseness()(evidence(4, 5, maps=maps))
    assert scores[:3].tolist() == pytest.approx([0.0, 0.0, 1 - 1 / 25])
    assert scores[3].isnan()


def test_complexity_is_scipys_entropy():
    here = evidence()
    expected = [entropy(np.abs(values).ravel()) for values in here.maps.double().numpy()]
    np.testing.assert_allclose(Complexity()(here), expected, atol=1e-12)
    maps = torch.zeros(3, 5, 5)
    maps[1], maps[2, 1, 3] = -2.0, 0.3
    assert Complexity()(evidence(3, 5, maps=maps)).tolist() == pytest.approx([np.log(25), np.log(25), 0.0])


def test_cost_counts_a_backward_twice():
    assert CostMetric()(evidence(3)).tolist() == [6.0] * 3
