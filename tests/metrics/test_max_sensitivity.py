"""Max-sensitivity against a direct loop, and where it is undefined."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.metrics.cases import evidence, gradients
from xraybench.errors import NotApplicableError, UsageError
from xraybench.identity import seed_of
from xraybench.metrics.max_sensitivity import MaxSensitivity


def direct(here, draws, radius):
    """Image by image in numpy, with the noise that the image's seed gives."""
    scores = []
    for b, image in enumerate(here.images):
        reach = radius * (image.max() - image.min())
        original = here.maps[b].double().numpy()
        changes = []
        for draw in range(draws):
            generator = torch.Generator().manual_seed(seed_of("max-sensitivity", here.seeds[b].item(), draw))
            noise = 2 * torch.rand(image.shape, generator=generator) - 1
            again = gradients(here.model, (image + reach * noise)[None], here.targets[b, None])[0]
            changes.append(np.linalg.norm(again.double().numpy() - original) / np.linalg.norm(original))
        scores.append(max(changes))
    return scores


@pytest.mark.parametrize(("draws", "radius", "channels"), [(10, 0.02, 1), (3, 0.2, 3)])
def test_equals_a_direct_loop(draws, radius, channels):
    here = evidence(channels=channels)
    scores = MaxSensitivity(draws=draws, radius=radius)(here)
    np.testing.assert_allclose(scores, direct(here, draws, radius), rtol=1e-4)


def test_more_draws_never_lower_it_and_scales_do_not_matter():
    here = evidence()
    assert (MaxSensitivity(draws=8)(here) >= MaxSensitivity(draws=3)(here)).all()
    larger = dataclasses.replace(
        here, maps=4 * here.maps, explain=lambda images, model=None: 4 * here.explain(images, model), shared={}
    )
    torch.testing.assert_close(MaxSensitivity(draws=3)(here), MaxSensitivity(draws=3)(larger))


def test_a_method_that_ignores_the_image_scores_0():
    here = evidence()
    constant = dataclasses.replace(here, explain=lambda images, model=None: here.maps)
    assert MaxSensitivity(draws=2)(constant).eq(0).all()


def test_a_zero_map_and_a_constant_image_are_undefined():
    here = evidence()
    maps, images = here.maps.clone(), here.images.clone()
    maps[1], images[2] = 0.0, 0.5
    scores = MaxSensitivity(draws=2)(dataclasses.replace(here, maps=maps, images=images))
    assert scores.isnan().tolist() == [False, True, True, False, False, False]


def test_a_map_that_no_model_made_does_not_apply():
    with pytest.raises(NotApplicableError, match="explain again"):
        MaxSensitivity()(dataclasses.replace(evidence(), explain=None))


def test_unusable_settings_are_refused():
    with pytest.raises(UsageError):
        MaxSensitivity(draws=0)
    with pytest.raises(UsageError):
        MaxSensitivity(radius=0.0)
