"""What every registered metric owes: shape, dtype, independence, an untouched model, and the price it names."""

import copy
import dataclasses
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.elsewhere import ELSEWHERE, elsewhere
from tests.metrics.cases import EXPLAINER_COST, evidence, on_device, subset
from xraybench import registry
from xraybench.errors import NotApplicableError
from xraybench.spec import Evidence, Metric

SETTINGS = {  # every pair of the case counts
    "twin-localisation": {"tau": -100.0},
    "twin-direction": {"tau": 0.0},
    "twin-completeness": {"tau": 0.0},
}
BUILT_IN = [*registry.METRICS, "miou(threshold=tuned)"]


def build(name: str) -> Metric:
    call = registry.parse_call(name)
    return registry.build("metrics", registry.Call(call.name, {**call.parameters, **SETTINGS.get(name, {})}))


each_metric = pytest.mark.parametrize("name", BUILT_IN)


@each_metric
def test_declares_what_it_is(name):
    metric = build(name)
    assert isinstance(metric, Metric)
    assert metric.higher_is_better in (True, False, None)
    low, high = metric.range
    assert low < high
    assert metric.reference
    assert metric.needs <= {"finding", "human", "validation", "twins", "explain", "baseline"}
    assert dataclasses.replace(metric) == metric
    assert hash(metric) == hash(build(name))


@each_metric
@pytest.mark.parametrize("channels", [1, 3])
def test_gives_one_finite_float64_per_image_within_its_range(name, channels):
    metric = build(name)
    scores = metric(evidence(channels=channels))
    assert scores.shape == (6,)
    assert scores.dtype == torch.float64
    assert not scores.requires_grad
    assert scores.isfinite().all()
    assert metric.range[0] <= scores.min() <= scores.max() <= metric.range[1]


@each_metric
def test_an_images_score_is_independent_of_its_batch_mates_and_their_order(name):
    whole = evidence()
    rows = torch.tensor([4, 1, 5])
    torch.testing.assert_close(build(name)(subset(whole, rows)), build(name)(whole)[rows], atol=1e-5, rtol=1e-4)


@each_metric
def test_the_batch_size_does_not_matter(name):
    one = build(name)(dataclasses.replace(evidence(), batch_size=1))
    torch.testing.assert_close(one, build(name)(evidence()), atol=1e-5, rtol=1e-4)


@pytest.mark.gpu
@each_metric
def test_a_gpu_gives_the_same_scores(name):
    there = build(name)(on_device(evidence(), "cuda"))
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), build(name)(evidence()), atol=1e-3, rtol=1e-3)


@each_metric
def test_all_is_done_where_the_evidence_is(name):
    """What a GPU is held to, without one: on a device that refuses what a GPU refuses."""
    with elsewhere():
        found = build(name)(on_device(evidence(), ELSEWHERE))
        assert found.device == ELSEWHERE
        found = found.cpu()
    torch.testing.assert_close(found, build(name)(evidence()))


@each_metric
def test_the_same_evidence_gives_the_same_scores(name):
    assert torch.equal(build(name)(evidence()), build(name)(evidence()))


@each_metric
@pytest.mark.parametrize("value", [0.0, 1.5])
def test_blank_maps_give_0_or_nan_or_a_finite_score(name, value):
    here = evidence(maps=torch.full((6, 12, 12), value))
    scores = build(name)(here)
    assert not scores.isinf().any()
    if build(name).family == "localisation" and build(name).higher_is_better:
        assert scores.eq(0).all()


@each_metric
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_map_that_is_not_finite_is_undefined_for_its_image_alone(name, value):
    here = evidence()
    maps = here.maps.clone()
    maps[2, 0, 0] = value
    scores = build(name)(dataclasses.replace(here, maps=maps))
    expected = [name != "cost" and row == 2 for row in range(6)]
    assert scores.isnan().tolist() == expected


@each_metric
def test_model_evidence_and_random_state_are_left_alone(name):
    here = evidence()
    model, tensors = copy.deepcopy(here.model), tensors_of(here)
    before = [tensor.clone() for tensor in tensors]
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    build(name)(here)
    assert states == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    assert all(torch.equal(old, new) for old, new in zip(before, tensors, strict=True))
    assert_same_model(here.model, model)


def tensors_of(here: Evidence) -> list[torch.Tensor]:
    fields = [getattr(here, field.name) for field in dataclasses.fields(here)]
    plain = [value for value in fields if isinstance(value, torch.Tensor)]
    return [*plain, *here.regions.values(), here.twins.images, here.twins.difference]


def assert_same_model(model, expected):
    for (name, module), other in zip(model.named_modules(), expected.modules(), strict=True):
        assert module.training == other.training, name
        assert not module._forward_hooks, name
    for key, value in model.state_dict().items():
        assert torch.equal(value, expected.state_dict()[key]), key
    for parameter in model.parameters():
        assert parameter.grad is None
        assert parameter.requires_grad


@each_metric
def test_the_price_is_what_it_forwards(name):
    here, forwarded = evidence(), []
    here.model.register_forward_hook(lambda module, inputs, output: forwarded.append(len(output)))
    build(name)(here)
    price = build(name).cost(EXPLAINER_COST, 12)
    assert sum(forwarded) == len(here.maps) * sum(price.values())


def test_what_metrics_share_is_priced_once_and_computed_once():
    here, forwarded, price = evidence(), [], {}
    here.model.register_forward_hook(lambda module, inputs, output: forwarded.append(len(output)))
    for name in BUILT_IN:
        build(name)(here)
        price |= build(name).cost(EXPLAINER_COST, 12)
    assert sum(forwarded) == len(here.maps) * sum(price.values())


@each_metric
def test_what_it_needs_is_what_it_cannot_do_without(name):
    needs = build(name).needs
    here = evidence()
    bare = dataclasses.replace(
        here,
        regions=here.regions if "finding" in needs else {"text": here.regions["text"]},
        twins=here.twins if "twins" in needs else None,
        explain=here.explain if "explain" in needs else None,
        contrast=here.contrast if "baseline" in needs else None,
        validation=here.validation if "validation" in needs else None,
    )
    assert build(name)(bare).isfinite().all()
    missing = {"finding": {"regions": {}}, "twins": {"twins": None}, "explain": {"explain": None, "contrast": None}}
    missing |= {"baseline": {"contrast": None}, "validation": {"validation": None}}
    for need in needs:
        with pytest.raises(NotApplicableError):
            build(name)(dataclasses.replace(here, shared={}, **missing[need]))


def test_plans_need_no_torch():
    code = (
        "import sys; from xraybench import registry\n"
        "for name in [*registry.METRICS, 'quantus:MaxSensitivity']:\n"
        "    metric = registry.build('metrics', registry.Call(name, {}))\n"
        "    metric.cost(3, 64), metric.family, metric.higher_is_better, metric.needs\n"
        "heavy = {'torch', 'quantus', 'scipy', 'sklearn', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
