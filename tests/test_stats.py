"""Statistics against direct loops, closed forms and scipy, and the properties a board relies on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest, kendalltau, permutation_test

from xraybench import stats


def compare(values, patients=None, *, higher=True, rankable=None, blank=None, seed=0):
    """stats.compare with everything ranked; values [M, N] or [M, S, N]."""
    values = np.asarray(values, dtype=float)
    values = values[:, None, :] if values.ndim == 2 else values
    rows = len(values)
    return stats.compare(
        values,
        np.arange(values.shape[2]) if patients is None else patients,
        higher_is_better=higher,
        rankable=np.ones(rows, dtype=bool) if rankable is None else np.array(rankable),
        blank=np.zeros(rows, dtype=bool) if blank is None else np.array(blank),
        rng=np.random.default_rng(seed),
    )


def scores(rows=6, images=60, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, images)) + spread * np.arange(rows)[:, None] / rows


# --- bootstrap -------------------------------------------------------------------------------------------------------


def test_resampled_means_are_those_of_a_loop_over_patients():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(3, 2, 20))
    values[0, 0, 4] = values[2, 1, 7] = np.nan
    index = np.sort(rng.integers(8, size=20))
    index = np.unique(index, return_inverse=True)[1]
    found = stats.resample_means(values, index, np.random.default_rng(5), resamples=25)
    counts = stats.patient_counts(index.max() + 1, 25, np.random.default_rng(5))
    for resample in range(25):
        drawn = [n for n in range(20) for _ in range(int(counts[resample, index[n]]))]
        expected = np.nanmean(values.mean(axis=1)[:, drawn], axis=1)
        np.testing.assert_allclose(found[resample], expected, rtol=1e-12)


def test_every_resample_draws_as_many_patients_as_there_are():
    counts = stats.patient_counts(11, 500, np.random.default_rng(0))
    assert (counts.sum(axis=1) == 11).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.2)


def test_images_of_a_patient_come_together_and_widen_the_interval():
    values = np.repeat(np.random.default_rng(0).normal(size=40), 5)[None]
    clustered = compare(values, np.repeat(np.arange(40), 5)).rows[0]
    independent = compare(values).rows[0]
    assert clustered.high - clustered.low > 1.8 * (independent.high - independent.low)


def test_five_seeds_are_resampled_and_four_are_not():
    base = np.random.default_rng(0).normal(scale=0.01, size=40)
    for seeds, wide in ((4, False), (5, True)):
        values = np.stack([base + seed for seed in range(seeds)])[None]
        row = compare(values).rows[0]
        assert row.mean == pytest.approx(base.mean() + (seeds - 1) / 2)
        assert (row.high - row.low > 1) is wide


@pytest.mark.parametrize("kind", ["normal", "skewed", "binary"])
def test_the_interval_covers_the_mean_as_often_as_it_says(kind):
    rng = np.random.default_rng(11)
    draw, truth = {
        "normal": (lambda: rng.normal(size=60), 0.0),
        "skewed": (lambda: rng.exponential(size=60), 1.0),
        "binary": (lambda: (rng.random(60) < 0.3).astype(float), 0.3),
    }[kind]
    covered = 0
    for trial in range(300):
        means = stats.resample_means(draw()[None, None], np.arange(60), np.random.default_rng(trial), resamples=500)
        low, high = np.quantile(means, [0.025, 0.975])
        covered += low <= truth <= high
    assert 0.90 <= covered / 300 <= 0.98


def test_under_thirty_patients_there_is_no_interval_and_no_rank():
    few = compare(scores(images=58), np.arange(58) % 29).rows[0]
    enough = compare(scores(images=60), np.arange(60) % 30).rows[0]
    assert (few.low, few.high, few.rank, few.tie_group) == (None,) * 4
    assert few.unranked == "29 patients, fewer than 30"
    assert few.mean is not None
    assert enough.low < enough.mean < enough.high
    assert enough.rank is not None


@pytest.mark.parametrize("seed", range(5))
def test_intervals_shrink_with_more_patients(seed):
    values = np.random.default_rng(seed).normal(size=(1, 640))
    widths = [row.high - row.low for row in (compare(values[:, :n]).rows[0] for n in (40, 160, 640))]
    assert widths[0] > widths[1] > widths[2]
    assert widths[0] / widths[2] == pytest.approx(4, rel=0.5)  # 1 / sqrt(n)


# --- ranks -----------------------------------------------------------------------------------------------------------


def test_rank_intervals_are_those_of_a_loop():
    oriented = np.round(np.random.default_rng(0).normal(size=(200, 5)), 1)
    ranks, best = stats.rank_intervals(oriented)
    for row in range(5):
        low = sorted(1 + sum(line > line[row]) for line in oriented)
        high = sorted(sum(line >= line[row]) for line in oriented)
        assert ranks[row, 0] == low[4]  # the 5th of 200 is the 2.5th percentile
        assert ranks[row, 1] == high[194]
        shares = [(line[row] == max(line)) / sum(line == max(line)) for line in oriented]
        assert best[row] == pytest.approx(np.mean(shares))


def test_ranks_follow_the_direction_and_p_best_sums_to_one():
    values = scores(rows=5, spread=10)
    up, down = compare(values), compare(values, higher=False)
    assert [row.rank for row in up.rows] == [(5, 5), (4, 4), (3, 3), (2, 2), (1, 1)]
    assert [row.rank for row in down.rows] == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]
    assert sum(row.p_best for row in compare(scores(spread=0.1)).rows) == pytest.approx(1)


def test_only_rankable_rows_take_part():
    values = scores(rows=4, spread=10)
    compared = compare(values, rankable=[True, False, True, False])
    assert [row.rank for row in compared.rows] == [(2, 2), None, (1, 1), None]
    assert np.isnan(compared.p_values[1]).all()
    assert all(row.low is not None and row.unranked is None for row in compared.rows)


def test_descriptive_metrics_are_not_ranked():
    assert all(row.rank is None and row.unranked is None for row in compare(scores(), higher=None).rows)


def test_nan_is_counted_and_never_ranked():
    values = scores(rows=4, images=60)
    values[:, :5] = np.nan  # undefined for all: no row is to blame
    values[1, 5:8] = np.nan  # 3 of 55: ranked on what is defined
    values[2, 5:20] = np.nan
    values[3] = np.nan
    rows = compare(values).rows
    assert [row.n for row in rows] == [55, 52, 40, 0]
    assert [row.n_undefined for row in rows] == [5, 8, 20, 60]
    assert [row.rank is None for row in rows] == [False, False, True, True]
    assert rows[2].unranked == "undefined on 15 of 55 images that other rows define"
    assert rows[3].unranked == "undefined on all images"
    assert rows[3].mean is None


def test_identical_rows_always_tie():
    base = scores(rows=3, images=45, seed=4)
    rows = compare(np.concatenate([base, base[:, :], base[1:2]])).rows
    for first, second in ((0, 3), (1, 4), (2, 5), (1, 6)):
        assert rows[first].rank == rows[second].rank
        assert rows[first].tie_group == rows[second].tie_group
        assert rows[first].p_best == rows[second].p_best


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_ranks_do_not_depend_on_the_scale(scale, shift):
    values = scores(rows=4, images=40)
    plain, moved = compare(values), compare(values * scale + shift)
    flipped = compare(-values, higher=False)
    for one, other, mirror in zip(plain.rows, moved.rows, flipped.rows, strict=True):
        assert one.rank == other.rank == mirror.rank
        assert one.tie_group == other.tie_group == mirror.tie_group
        assert other.low == pytest.approx(one.low * scale + shift, abs=1e-6 * max(scale, abs(shift), 1))


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(5)))
def test_permuted_rows_give_permuted_results(order):
    values = scores(rows=5, images=40, spread=0.5)
    plain, permuted = compare(values), compare(values[order])
    for place, row in enumerate(order):
        assert permuted.rows[place].rank == plain.rows[row].rank
        assert permuted.rows[place].tie_group == plain.rows[row].tie_group
        assert permuted.rows[place].mean == pytest.approx(plain.rows[row].mean)


# --- tests and tie groups --------------------------------------------------------------------------------------------


def test_pair_test_is_the_sign_flipping_test_of_scipy():
    rng = np.random.default_rng(2)
    first, second = rng.normal(0.35, 1, size=(1, 1, 40)), rng.normal(size=(1, 1, 40))
    found = stats.pair_tests(np.concatenate([first, second]), np.arange(40), np.random.default_rng(0))[0, 1]
    peer = permutation_test(
        (first[0, 0], second[0, 0]),
        lambda x, y: np.mean(x - y),
        permutation_type="samples",
        n_resamples=9999,
        rng=1,
    )
    assert found == pytest.approx(peer.pvalue, abs=0.02)


def test_pair_test_of_hits_and_misses_is_exact():
    """With differences of -1, 0 and 1, sign flipping is McNemar's exact test (a sign test of the discordant pairs)."""
    first, second = np.zeros(40), np.zeros(40)
    first[:12], second[12:15] = 1, 1
    found = stats.pair_tests(np.stack([first, second])[:, None], np.arange(40), np.random.default_rng(0))[0, 1]
    assert found == pytest.approx(binomtest(3, 15).pvalue, abs=0.008)


def test_pair_test_flips_patients_not_images():
    values = np.repeat(np.random.default_rng(3).normal(0.3, 1, size=32), 20)
    pair = np.stack([values, np.zeros_like(values)])[:, None]
    by_patient = stats.pair_tests(pair, np.repeat(np.arange(32), 20), np.random.default_rng(0))[0, 1]
    by_image = stats.pair_tests(pair, np.arange(640), np.random.default_rng(0))[0, 1]
    assert by_image < 0.001 < by_patient


def test_the_family_of_pairs_is_wrong_at_most_as_often_as_it_says():
    wrong = 0
    for trial in range(100):
        values = np.random.default_rng(trial).normal(size=(5, 1, 32))
        p_values = stats.pair_tests(values, np.arange(32), np.random.default_rng(trial), flips=999)
        wrong += stats.holm_matrix(p_values).min() < 0.05
    assert wrong <= 11  # 5 expected


def test_with_five_seeds_a_difference_between_seeds_is_no_difference():
    seeds = np.array([-1.0, 1.2, -0.8, 1.1, 0.3])
    noise = np.random.default_rng(0).normal(scale=0.05, size=(2, 5, 40))
    values = noise + np.stack([seeds, np.zeros(5)])[:, :, None]
    assert stats.pair_tests(values, np.arange(40), np.random.default_rng(0))[0, 1] > 0.05
    assert stats.pair_tests(values[:, :4], np.arange(40), np.random.default_rng(0))[0, 1] < 0.01


def test_holm_by_hand():
    """Holm (1979): sorted p .005 .01 .03 .04 times 4 3 2 1, made monotone."""
    np.testing.assert_allclose(stats.holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


@given(arrays(float, st.integers(1, 12), elements=st.floats(0, 1)))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values):
    adjusted = stats.holm(p_values)
    assert (adjusted >= p_values - 1e-15).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()
    assert (adjusted <= np.minimum(1, len(p_values) * p_values) + 1e-12).all()  # never harsher than Bonferroni


def test_tie_groups_are_anchored_at_the_best_row_that_is_left():
    """b ties with a and c, c does not tie with a: c opens the second group though it ties with b."""
    p_values = np.array([[1.0, 0.4, 0.01, 0.01], [0.4, 1, 0.3, 0.01], [0.01, 0.3, 1, 0.2], [0.01, 0.01, 0.2, 1]])
    means = np.array([4.0, 3, 2, 1])
    assert stats.tie_groups(means, p_values, np.zeros(4, dtype=bool)) == [1, 1, 2, 2]
    assert stats.tie_groups(means, p_values, np.array([False, True, False, False])) == [1, None, 2, 2]


def test_blank_rows_stand_outside_tie_groups():
    rows = compare(scores(rows=3), blank=[True, False, False]).rows
    assert rows[0].tie_group is None
    assert rows[0].rank is not None
    assert {row.tie_group for row in rows[1:]} <= {1, 2}


def test_differences_are_paired():
    hardness = np.random.default_rng(0).normal(scale=5, size=50)
    noise = np.random.default_rng(1).normal(scale=0.1, size=(2, 50))
    compared = compare(hardness + noise + np.array([[0.2], [0.0]]))
    low, high = compared.difference(0, 1)
    assert 0 < low < 0.2 < high + 0.05
    assert high - low < 0.2
    assert compare(scores(images=20)).difference(0, 1) is None


# --- agreement of orders ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_kendall_tau_is_scipys(seed):
    first, second = np.random.default_rng(seed).integers(0, 5, size=(2, 14)).astype(float)
    assert stats.kendall_tau(first, second) == pytest.approx(kendalltau(first, second).statistic)
    first[3] = np.nan
    kept = ~np.isnan(first)
    assert stats.kendall_tau(first, second) == pytest.approx(kendalltau(first[kept], second[kept]).statistic)


def test_kendall_tau_of_a_constant_is_undefined():
    assert np.isnan(stats.kendall_tau(np.ones(5), np.arange(5.0)))


def test_stability_is_the_mean_tau_of_the_resamples():
    rng = np.random.default_rng(0)
    order = stats.Order(np.arange(5.0), np.arange(5.0) + rng.normal(size=(50, 5)))
    taus = [kendalltau(line, order.means).statistic for line in order.resampled]
    assert order.stability() == pytest.approx(np.mean(taus))
    assert stats.Order(np.zeros(1), np.zeros((50, 1))).stability() is None


def test_the_same_generator_gives_the_same_board():
    values = scores()
    assert compare(values, seed=3).rows == compare(values, seed=3).rows


def test_many_rows_can_still_be_told_apart():
    """Holm over all pairs of 36 rows asks for p below 0.05 / 630: the flips must be fine enough for that."""
    noise = np.random.default_rng(0).normal(size=(36, 1, 60)) * 0.01
    values = np.arange(36)[:, None, None] + noise
    adjusted = stats.holm_matrix(stats.pair_tests(values, np.arange(60), np.random.default_rng(1)))
    assert adjusted[np.triu_indices(36, k=1)].max() < stats.ALPHA


def test_taus_of_many_lines_are_those_of_each_line():
    rng = np.random.default_rng(5)
    first, second = rng.integers(0, 4, (20, 9)).astype(float), rng.normal(size=(20, 9))
    first[3] = 1.0
    found = stats.kendall_taus(first, second)
    assert np.isnan(found[3])
    expected = [stats.kendall_tau(one, other) for one, other in zip(first, second, strict=True)]
    np.testing.assert_allclose(found, expected)


@given(arrays(np.float64, (4, 30), elements=st.floats(-100, 100).map(lambda value: round(value, 1))))
def test_standardised_means_are_those_of_each_sample(samples):
    found = stats.standardised(np.stack([samples.mean(axis=1), (samples**2).mean(axis=1)], axis=1))
    for sample, effect in zip(samples, found, strict=True):
        if len(set(sample)) > 1:
            assert effect == pytest.approx(sample.mean() / sample.std(), rel=1e-6, abs=1e-9)
        else:
            assert effect == (0 if sample[0] == 0 else np.copysign(np.inf, sample[0]))


def test_a_sample_without_spread_is_told_from_rounding():
    third = np.full(90, 1 / 3)
    moments = np.array([[sign * third.mean(), (third**2).mean()] for sign in (1, -1)] + [[0.0, 0.0], [0.0, 2.0]])
    assert stats.standardised(moments).tolist() == [np.inf, -np.inf, 0, 0]
