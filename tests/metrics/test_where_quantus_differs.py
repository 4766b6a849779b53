"""What the table of differences says in words of Quantus's code, each shown by itself."""

import numpy as np
import pytest
import torch
from quantus.helpers.model.pytorch_model import PyTorchModel
from torch import nn

from tests.metrics.asking import asked, gradient
from tests.metrics.cases import evidence


@pytest.mark.parametrize(
    ("name", "settings"), [("PixelFlipping", {"features_in_step": 9, "return_auc_per_sample": True}), ("IROF", {})]
)
def test_areas_need_a_name_that_numpy_took_away(name, settings, monkeypatch):
    monkeypatch.delattr(np, "trapz", raising=False)  # as numpy 2.4 is
    with pytest.raises(AttributeError, match="trapz"):
        asked(evidence(), name, **settings)


def test_mprt_averages_the_trained_model_in_and_has_six_layers_of_four():
    here = evidence()
    layers = asked(here, "MPRT")
    assert len(layers) == 1 + 6
    assert layers["original"] == pytest.approx([1.0] * 6)
    np.testing.assert_allclose(
        asked(here, "MPRT", return_average_correlation=True), np.mean(list(layers.values()), axis=0)
    )


def test_layers_of_one_shape_are_drawn_alike():
    model = PyTorchModel(nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5)))
    *_, (_, drawn) = model.get_random_layer_generator()
    assert torch.equal(drawn[0].weight, drawn[1].weight)


def test_smooth_mprt_never_calls_its_explainer():
    calls = []

    def explain(model, inputs, targets, **_):
        calls.append(len(inputs))
        return gradient(model, inputs, targets)

    asked(evidence(), "SmoothMPRT", explain, nr_samples=2, return_average_correlation=True)
    assert not calls


def test_every_map_passes_monotonicity():
    here = evidence()
    assert asked(here, "Monotonicity", features_in_step=9) == [True] * 6
