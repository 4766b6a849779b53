"""Orders and ranks of rows against numpy and scipy, whatever floats there are."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata

from xraybench.metrics._ranking import ascending, average_ranks

FLOATS = st.floats(width=32, allow_nan=False) | st.sampled_from([0.0, -0.0, 1e-45, -1e-45, np.inf, -np.inf])
ROWS = arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=FLOATS)


@given(ROWS)
def test_an_order_is_numpys_stable_one(rows):
    order = ascending(torch.from_numpy(rows)).numpy()
    np.testing.assert_array_equal(order, np.argsort(rows, axis=1, kind="stable"))


@given(ROWS)
def test_ranks_are_scipys(rows):
    np.testing.assert_array_equal(average_ranks(torch.from_numpy(rows)).numpy(), rankdata(rows, axis=1))


def test_an_undefined_value_comes_last_whatever_its_sign():
    rows = torch.tensor([[float("nan"), 2.0, -1.0], [3.0, -float("nan"), 1.0]])
    assert ascending(rows)[:, -1].tolist() == [0, 1]
