"""Why a metric is not measured on a map."""

import dataclasses

from tests.metrics.cases import evidence
from xraybench.metrics.max_sensitivity import MaxSensitivity
from xraybench.scoring import why_not


def test_a_price_up_to_the_limit_is_paid_and_one_above_it_is_the_reason():
    metric, here = MaxSensitivity(price_limit=2), evidence()
    assert why_not(metric, here, 2) is None
    assert why_not(metric, here, 3) == "price in image-forwards: explaining costs 3, the metric's limit is 2"
    assert why_not(MaxSensitivity(), here, 3) is None
    bare = dataclasses.replace(here, explain=None)
    assert why_not(metric, bare, 0) == "the map does not depend on the model"
