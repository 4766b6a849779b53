"""No value of a number breaks an explainer: it explains, or it is refused with the parameter's name and the cure."""

import math

import pytest
from torch import Tensor

from xraybench import registry
from xraybench.checks.explainer import trial
from xraybench.checks.families import FAMILIES, network
from xraybench.checks.matrix import FEW
from xraybench.errors import UsageError
from xraybench.explainers.captum_peer import METHODS
from xraybench.explainers.zennit_peer import COMPOSITES

OWN = [
    (name, registry.parameters_of(registry.build("explainers", registry.Call(name, {}))))
    for name in registry.EXPLAINERS
]
PEERS = [(f"captum:{name}", method.defaults) for name, method in METHODS.items()]
PEERS += [(f"zennit:{name}", defaults) for name, defaults in COMPOSITES.items()]
TRIED = {int: (1, 0, -1), float: (0.0, -1.0, math.nan), list: ([], [0, 0, 0], [-1, -1, -1], [1, -1, 8], [64, 64, 64])}
CASES = [
    (name, key, value)
    for name, defaults in (*OWN, *PEERS)
    for key, default in defaults.items()
    for value in TRIED.get(list if default is None and key != "zero_params" else type(default), ())
]


@pytest.mark.parametrize(("name", "key", "value"), CASES)
def test_a_number_is_taken_or_refused_by_name(name, key, value):
    found = maps_or_refusal(name, key, value)
    if isinstance(found, UsageError):
        assert key in found.message
        assert found.hint
    else:
        assert bool(found.isfinite().all())


def maps_or_refusal(name: str, key: str, value: object) -> Tensor | UsageError:
    few = registry.parse_call(name + FEW.get(name, "")).parameters
    try:
        explains = registry.build("explainers", registry.Call(name, {**few, key: value}))
        return trial(explains, network("vgg"), FAMILIES["vgg"].side).maps(slice(0, 2))
    except UsageError as error:
        return error
