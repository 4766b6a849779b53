"""Orders, ranks and what is computed from them against numpy, scipy and scikit-learn, whatever floats there are."""

from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from xraybench.metrics import _orders
from xraybench.metrics._orders import ascending, ordered, rising
from xraybench.metrics._ranking import Ranks, average_precision, roc_area, spearman

FLOATS = st.floats(width=32, allow_nan=False) | st.sampled_from([0.0, -0.0, 1e-45, -1e-45, np.inf, -np.inf])
ROWS = arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=FLOATS)


@pytest.fixture(autouse=True, params=["at once", "by halves"], scope="module")
def processor(request):
    """One of each kind, whatever the tests run on."""
    with patch.object(_orders, "_slow_sort", return_value=request.param == "by halves"):
        yield


@given(ROWS)
def test_an_order_is_numpys_stable_one(rows):
    order = ascending(torch.from_numpy(rows)).numpy()
    np.testing.assert_array_equal(order, np.argsort(rows, axis=1, kind="stable"))


@given(ROWS, st.booleans())
def test_sorted_values_are_numpys(rows, double):
    values = torch.from_numpy(rows.astype(np.float64) if double else rows)
    np.testing.assert_array_equal(ordered(values).numpy(), np.sort(rows, axis=1))


@given(ROWS, st.booleans())
def test_rows_rise_with_what_stands_beside_them(rows, double):
    values = torch.from_numpy(rows.astype(np.float64) if double else rows)
    places = torch.arange(rows.shape[1], dtype=torch.int32).expand(rows.shape)
    ranked, beside = rising(values, places - 7)
    moved = values.gather(1, (beside + 7).long())
    np.testing.assert_array_equal(moved.numpy(), np.sort(rows, axis=1))
    assert (beside.sort(1).values == places - 7).all()
    for one, other in ((ranked, moved), (moved, ranked)):  # the same order, equal where the values are
        np.testing.assert_array_equal(one[:, 1:] > one[:, :-1], other[:, 1:] > other[:, :-1])


@given(ROWS)
def test_ranks_are_scipys(rows):
    ranks, expected = Ranks.of(torch.from_numpy(rows)), rankdata(rows, axis=1) - (rows.shape[1] + 1) / 2
    np.testing.assert_array_equal(ranks.doubled.numpy(), 2 * expected)
    np.testing.assert_allclose(ranks.squares.numpy(), (expected**2).sum(1), rtol=1e-12)


FEW = arrays(np.float32, st.tuples(st.just(4), st.integers(2, 40)), elements=st.sampled_from([-1.5, 0.0, 0.25, 3.0]))


@given(FEW)
def test_correlations_of_ranks_are_scipys_in_rows_with_many_equal_values(rows):
    one, other = rows[:2], rows[2:]
    found = spearman(Ranks.of(torch.from_numpy(one)), torch.from_numpy(other)).numpy()
    told = [a.min() < a.max() and b.min() < b.max() for a, b in zip(one, other, strict=True)]
    expected = [spearmanr(a, b).statistic if fine else np.nan for a, b, fine in zip(one, other, told, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@given(FEW)
def test_areas_are_scikit_learns_in_rows_with_many_equal_values(rows):
    scores, inside = rows[:2], rows[2:] > 0
    inside[:, 0], inside[:, 1] = True, False
    roc, precision = (
        area(torch.from_numpy(scores), torch.from_numpy(inside)) for area in (roc_area, average_precision)
    )
    pairs = list(zip(inside, scores, strict=True))
    np.testing.assert_allclose(roc.numpy(), [roc_auc_score(*pair) for pair in pairs], rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        precision.numpy(), [average_precision_score(*pair) for pair in pairs], rtol=0, atol=1e-12
    )


def test_an_undefined_value_comes_last_whatever_its_sign():
    rows = torch.tensor([[float("nan"), 2.0, -1.0], [3.0, -float("nan"), 1.0]])
    assert ascending(rows)[:, -1].tolist() == [0, 1]
