"""Superpixels taken away one after another: the definition written out, and additive models."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.metrics.cases import evidence, linear_model
from xraybench.errors import UsageError
from xraybench.metrics.irof import Irof
from xraybench.superpixels import superpixels


def one(here, row, segments):
    """The definition, for an image: the mean imputer."""
    image, target, grey_map = here.images[row], int(here.targets[row]), here.maps[row].double().numpy()
    places = superpixels(image, segments).numpy()
    order = sorted(range(places.max() + 1), key=lambda number: -grey_map[places == number].mean())
    with torch.inference_mode():
        start = here.model(image[None])[0, target].double()
        falls, current = [], image.clone()
        for number in order:
            where = torch.from_numpy(places == number)
            current[:, where] = here.baseline[:, where]
            falls.append(float(start - here.model(current[None])[0, target].double()))
    return np.mean(falls)


@pytest.mark.parametrize("segments", [4, 9])
@pytest.mark.parametrize("channels", [1, 3])
def test_is_the_mean_fall(segments, channels):
    here = evidence(channels=channels)
    expected = [one(here, row, segments) for row in range(6)]
    np.testing.assert_allclose(Irof(segments=segments)(here), expected, rtol=1e-4, atol=1e-5)


def test_an_additive_models_own_terms_beat_their_reverse_and_a_blank_map_lies_between():
    model, blank = linear_model(12), torch.zeros(6, 12, 12)
    here = evidence(model=model, targets=torch.zeros(6, dtype=torch.long), maps=blank)
    terms = model[1].weight.detach().view(1, 12, 12) * (here.images[:, 0] - here.baseline[0])
    best, middle, worst = (
        Irof(segments=9)(dataclasses.replace(here, maps=maps, shared={})) for maps in (terms, blank, -terms)
    )
    assert (best > worst).all()
    assert worst.mean() < middle.mean() < best.mean()


def test_one_superpixel_is_refused():
    with pytest.raises(UsageError, match="segments=1"):
        Irof(segments=1)
