"""The pieces of `python -m benchmarks.scoring` run at tiny size, and count what they say; nothing is timed."""

import numpy as np
import pytest

from benchmarks.scoring import beside_forwards, beside_full_cca, beside_quantus
from benchmarks.scoring.case import Kept, case_of, spent
from benchmarks.scoring.growth import measure
from benchmarks.scoring.pairs import interleaved, interval
from xraybench.metrics.avg_sensitivity import AvgSensitivity
from xraybench.metrics.srg import Srg


@pytest.fixture(scope="module")
def case():
    return case_of("small-cnn", 16, 2, "cpu", size=4)


def test_pairs_alternate_and_the_median_lies_in_its_interval():
    calls = []
    ratio = interleaved(lambda: calls.append("work"), lambda: calls.append("rival"), 2)
    assert calls == ["work", "rival", "work", "rival", "rival", "work"]
    assert ratio.low <= ratio.ratio <= ratio.high
    assert interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert interval(range(20)) == (5, 14)  # the 6th and the 15th of 20: 95.9 %


def test_kept_ends_leave_the_points_between(case):
    kept = Kept()
    Srg(steps=4)(case.fresh(artefacts=kept))
    assert spent(Srg(steps=4), case.fresh(artefacts=kept)) == 2 * 2 * 3


def test_each_comparison_runs(case):
    ratios = [
        beside_forwards.curves(Srg(steps=3), case, 1, fused=True, smooth=True),
        beside_forwards.probes(case, 1, draws=3),
        beside_forwards.sensitivity([AvgSensitivity], "gradient", case, 1),
        beside_forwards.randomisation("gradient", case, 1),
        beside_quantus.ten_maps(beside_quantus.forwards_only(16), case, 1),
        *(beside_quantus.one_map(pair, case, 1) for pair in beside_quantus.map_only(16).values()),
    ]
    assert all(ratio.ratio > 0 for ratio in ratios)


def test_the_written_out_cca_has_our_coefficients():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(2, 80, 6))
    y[:, 0] += x[:, 0]
    for compared in (beside_full_cca.mean_cca, beside_full_cca.svcca):
        assert compared([x], [y[:, :4]], 1).difference < 1e-6


def test_more_images_are_measured():
    taken = measure(2, 16)
    assert (taken.images, taken.bytes >= 0, taken.seconds > 0) == (2, True, True)
