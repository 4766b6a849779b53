"""No value of a number breaks a metric: it scores, or it is refused with the parameter's name and the cure."""

import math

import pytest
from torch import Tensor

from tests.contract.test_metrics import SETTINGS
from tests.metrics.cases import evidence
from xraybench import registry
from xraybench.errors import UsageError
from xraybench.scoring import score

TRIED = {int: (1, 0, -1), float: (0.0, -1.0, math.nan), type(None): (1, 0, -1)}
OWN = [(name, registry.parameters_of(registry.build("metrics", registry.Call(name, {})))) for name in registry.METRICS]
CASES = [
    (name, key, value)
    for name, defaults in OWN
    for key, default in defaults.items()
    for value in TRIED.get(type(default), ())
]


@pytest.mark.parametrize(("name", "key", "value"), CASES)
def test_a_number_is_taken_or_refused_by_name(name, key, value):
    found = scores_or_refusal(name, key, value)
    if isinstance(found, UsageError):
        assert key in found.message
        assert found.hint
    else:
        assert not found.isnan().all()


def scores_or_refusal(name: str, key: str, value: object) -> Tensor | UsageError:
    try:
        metric = registry.build("metrics", registry.Call(name, {**SETTINGS.get(name, {}), key: value}))
    except UsageError as error:
        return error
    return score(metric, evidence()).scores
