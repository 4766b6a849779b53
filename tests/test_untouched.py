"""An explainer or a metric that changes what it was lent fails, and whoever comes after it finds all as it was."""

import dataclasses

import pytest
import torch

from tests.metrics.cases import evidence
from xraybench.errors import ValidationError
from xraybench.explaining import ExplainAgain, explain
from xraybench.scoring import score
from xraybench.spec import Context, explainer, metric


def bump(tensor):
    tensor += 1


def through_numpy(tensor):
    tensor.numpy()[...] *= -1


def explained(here, spoil, signed=True):
    """The images of some evidence, explained by a function that first does `spoil` to what it is given."""

    @explainer(signed=signed, cost=1)
    def spoiling(model, images, targets, context):
        spoil(model, images, context)
        return images.mean(1) - 100

    low, high = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    context = Context(here.baseline, here.images[:2].clone(), low, high, here.seeds, 4)
    return explain(ExplainAgain(spoiling, here.model, here.targets, context), here.images)


def state(here):
    return [value.clone() for value in (here.images, here.maps, here.baseline, *here.model.state_dict().values())]


SPOILT = {
    "images changed": lambda model, images, context: bump(images),
    "the images changed": lambda model, images, context: through_numpy(images),
    "baseline changed": lambda model, images, context: bump(context.baseline),
    "background changed": lambda model, images, context: bump(context.background),
    "mode of the model changed": lambda model, images, context: model.train(),
    "value of .* changed": lambda model, images, context: bump(next(model.parameters()).data),
}


@pytest.mark.parametrize("what", SPOILT)
def test_an_explainer_that_changes_what_it_is_lent_fails_and_all_is_as_it_was(what):
    here = evidence()
    before = state(here)
    with pytest.raises(ValidationError, match=what):
        explained(here, SPOILT[what])
    assert all(torch.equal(one, other) for one, other in zip(before, state(here), strict=True))
    assert not any(module.training for module in here.model.modules())


def test_what_an_explainer_spoils_before_it_fails_is_as_it_was_too():
    here = evidence()
    before = state(here)

    def fail(model, images, context):
        bump(images)
        raise KeyError("no such layer")

    with pytest.raises(KeyError):
        explained(here, fail)
    assert all(torch.equal(one, other) for one, other in zip(before, state(here), strict=True))


def test_an_explainer_that_is_not_signed_gives_no_negative_value():
    here = evidence()
    assert explained(here, lambda *given: None)[0].min() < 0
    with pytest.raises(ValidationError, match="least value of its maps"):
        explained(here, lambda *given: None, signed=False)


@pytest.mark.parametrize("what", ["maps", "images", "region finding", "value of"])
def test_a_metric_that_changes_what_it_is_lent_fails_and_all_is_as_it_was(what):
    here = evidence()
    before, finding = state(here), here.regions["finding"].clone()

    @metric(family="complexity", higher_is_better=None, range=(-1, 1), reference="none")
    def spoiling(given):
        if what == "region finding":
            given.regions["finding"].logical_not_()
        else:
            bump(next(given.model.parameters()).data if what == "value of" else getattr(given, what))
        return torch.zeros(len(given.maps))

    with pytest.raises(ValidationError, match=f"the {what}.* changed"):
        score(spoiling, here)
    assert all(torch.equal(one, other) for one, other in zip(before, state(here), strict=True))
    assert torch.equal(finding, here.regions["finding"])


def test_a_score_outside_its_metrics_range_fails_and_one_that_rounds_over_its_end_does_not():
    def giving(value):
        @metric(family="complexity", higher_is_better=None, range=(0, 1), reference="none")
        def constant(given):
            return torch.full((len(given.maps),), value, dtype=torch.float64)

        return constant

    here = evidence()
    assert score(giving(1 + 1e-7), here).scores.max() > 1
    assert score(giving(float("nan")), dataclasses.replace(here)).scores.isnan().all()
    with pytest.raises(ValidationError, match="a score of 1"):
        score(giving(1.5), here)
