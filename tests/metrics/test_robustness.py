"""Robustness metrics against a direct loop over the same perturbed images."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.metrics.cases import evidence, gradients
from xraybench.metrics._perturbed import changes
from xraybench.metrics.avg_sensitivity import AvgSensitivity
from xraybench.metrics.local_lipschitz import LocalLipschitz
from xraybench.metrics.max_sensitivity import MaxSensitivity
from xraybench.metrics.relative_output_stability import LEAST, RelativeOutputStability

DRAWS = 5


def ratios(here):
    """[B,draws] numpy: relative change of the map, of the image, and change of the logit."""
    rows = []
    for change in changes(here, AvgSensitivity(draws=DRAWS)):
        again = gradients(here.model, here.images + change, here.targets)
        with torch.no_grad():
            logits = [
                here.model(images).gather(1, here.targets[:, None])[:, 0]
                for images in (here.images, here.images + change)
            ]
        centred = here.images - here.images.mean((1, 2, 3), keepdim=True)
        rows.append(
            (
                [
                    np.linalg.norm(a - b) / np.linalg.norm(b)
                    for a, b in zip(again.numpy(), here.maps.numpy(), strict=True)
                ],
                [np.linalg.norm(d) / np.linalg.norm(x) for d, x in zip(change.numpy(), centred.numpy(), strict=True)],
                (logits[1] - logits[0]).abs().numpy(),
            )
        )
    return [np.array(part).T for part in zip(*rows, strict=True)]


@pytest.mark.parametrize("channels", [1, 3])
def test_each_is_its_definition(channels):
    here = evidence(channels=channels)
    of_map, of_image, of_logit = ratios(here)
    np.testing.assert_allclose(AvgSensitivity(draws=DRAWS)(here), of_map.mean(1), rtol=1e-4)
    np.testing.assert_allclose(MaxSensitivity(draws=DRAWS)(here), of_map.max(1), rtol=1e-4)
    np.testing.assert_allclose(LocalLipschitz(draws=DRAWS)(here), (of_map / of_image).max(1), rtol=1e-4)
    expected = (of_map / np.maximum(of_logit, LEAST)).max(1)
    np.testing.assert_allclose(RelativeOutputStability(draws=DRAWS)(here), expected, rtol=1e-3)


def test_the_perturbed_maps_are_made_once_for_all():
    here, calls = evidence(), []

    def explain(images, model=None):
        calls.append(len(images))
        return gradients(here.model, images, here.targets)

    watched = dataclasses.replace(here, explain=explain)
    for metric in (MaxSensitivity, AvgSensitivity, LocalLipschitz, RelativeOutputStability):
        metric(draws=DRAWS)(watched)
    assert len(calls) == DRAWS


def test_units_of_image_and_map_do_not_count():
    here = evidence()
    larger = dataclasses.replace(
        here, maps=3 * here.maps, explain=lambda images, model=None: 3 * here.explain(images, model), shared={}
    )
    for metric in (AvgSensitivity, LocalLipschitz, RelativeOutputStability):
        torch.testing.assert_close(metric(draws=3)(here), metric(draws=3)(larger), rtol=1e-5, atol=1e-7)
