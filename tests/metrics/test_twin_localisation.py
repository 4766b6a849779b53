"""Twin localisation on pairs whose answer is known."""

import dataclasses

import pytest
import torch
from sklearn.metrics import average_precision_score

from tests.metrics.cases import evidence, gradients, linear_model
from xraybench.errors import NotApplicableError
from xraybench.metrics.twin_localisation import TwinLocalisation
from xraybench.spec import Twins


def falls(here):
    with torch.no_grad():
        logits = [
            here.model(images).gather(1, here.targets[:, None])[:, 0] for images in (here.images, here.twins.images)
        ]
    return logits[0] - logits[1]


def test_equals_its_definition():
    here = evidence(count=12)
    fallen = falls(here)
    tau = fallen.median().item()
    scores = TwinLocalisation(tau=tau)(here)
    assert torch.equal(scores.isnan(), fallen <= tau)
    changes = here.maps.double() - gradients(here.model, here.twins.images, here.targets).double()
    for b in range(12):
        if fallen[b] > tau:
            expected = average_precision_score(here.twins.difference[b].ravel(), changes[b].ravel())
            assert scores[b].item() == pytest.approx(expected, abs=1e-9)


def test_the_true_contributions_of_an_additive_model_are_perfect():
    """w * x differs from w * twin only where x does, and there by what the logit falls, if w > 0 and x is brighter."""
    model = linear_model(12)
    with torch.no_grad():
        model[1].weight.abs_()
    weights = model[1].weight.detach().view(1, 12, 12)
    here = evidence(4, 12, model=model, maps=torch.zeros(4, 12, 12), targets=torch.zeros(4, dtype=torch.int64))

    def explain(images, model=None):
        return weights * images[:, 0]

    here = dataclasses.replace(here, maps=explain(here.images), explain=explain)
    assert TwinLocalisation(tau=0.0)(here).tolist() == [1.0] * 4


def test_a_pair_without_a_difference_is_undefined_and_an_unchanged_map_misses():
    here = evidence(4)
    difference = here.twins.difference.clone()
    difference[1] = False
    still = dataclasses.replace(
        here, twins=Twins(here.twins.images, difference), explain=lambda images, model=None: here.maps
    )
    scores = TwinLocalisation(tau=-100.0)(still)
    assert scores.isnan().tolist() == [False, True, False, False]
    assert scores[0].item() == 0.0


def test_a_pair_whose_logit_rises_is_not_counted_however_far():
    here = evidence(4)
    turned = dataclasses.replace(here, images=here.twins.images, twins=Twins(here.images, here.twins.difference))
    assert (falls(turned) < -1e-4).all()
    assert TwinLocalisation(tau=1e-4)(turned).isnan().all()


def test_sources_without_twins_do_not_apply():
    with pytest.raises(NotApplicableError, match="twins"):
        TwinLocalisation()(dataclasses.replace(evidence(), twins=None))
