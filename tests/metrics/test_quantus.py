"""Quantus as an oracle where its definition is ours, the differences where it is not, and its metrics by name."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.contract.test_metrics import assert_same_model
from tests.metrics.cases import evidence, gradients, small_cnn
from xraybench import registry
from xraybench.errors import NotApplicableError, UsageError
from xraybench.metrics import _perturbed
from xraybench.metrics.max_sensitivity import MaxSensitivity
from xraybench.metrics.pointing_game import PointingGame
from xraybench.metrics.quantus_peer import METHODS, Quantus
from xraybench.metrics.relevance_mass import RelevanceMass
from xraybench.metrics.srg import Srg

quantus = pytest.importorskip("quantus")


def peer(text):
    return registry.build("metrics", registry.parse_call(text))


def positive_maps():
    here = evidence()
    return dataclasses.replace(here, maps=here.maps.abs() + 0.01)


def test_max_sensitivity_is_theirs_under_the_same_noise(monkeypatch):
    here, seen = evidence(), []

    def explain(images, model=None):
        seen.append(images.clone())
        return gradients(here.model, images, here.targets)

    theirs = peer("quantus:MaxSensitivity(nr_samples=4, lower_bound=0.1)")(dataclasses.replace(here, explain=explain))
    metric = MaxSensitivity(draws=4)
    reach = metric.radius * (here.images.flatten(1).amax(1) - here.images.flatten(1).amin(1))
    noise = [(images - here.images) / reach[:, None, None, None] for images in seen]
    monkeypatch.setattr(_perturbed, "_noise", lambda evidence, draw: noise[draw])
    np.testing.assert_allclose(metric(here), theirs, rtol=1e-4)


def test_where_it_differs_an_all_zero_map_is_a_hit_for_it_and_a_miss_for_us():
    here = evidence(2, maps=torch.zeros(2, 12, 12))
    mask = here.regions["finding"][:, None].numpy()
    theirs = quantus.PointingGame(abs=False, normalise=False, disable_warnings=True)
    hits = theirs.evaluate_batch(a_batch=np.zeros((2, 1, 12, 12)), s_batch=mask)
    assert np.all(hits)
    assert PointingGame()(here).tolist() == [0.0, 0.0]


def test_where_it_differs_signed_relevance_leaves_0_to_1_for_it():
    here = evidence(count=30)
    theirs = peer("quantus:RelevanceMassAccuracy(abs=false, normalise=false)")(here)
    assert ((theirs < 0) | (theirs > 1)).any()
    ours = RelevanceMass()(here)
    assert 0 <= ours.min() <= ours.max() <= 1


def test_where_it_differs_one_image_changes_the_others_scores_for_it():
    here = evidence()
    louder = dataclasses.replace(here, maps=here.maps * torch.tensor([100.0, 1, 1, 1, 1, 1])[:, None, None])
    noisy = "quantus:Infidelity(n_perturb_samples=2, perturb_patch_sizes=[4], normalise=true)"
    assert not np.allclose(peer(noisy)(here)[1:], peer(noisy)(louder)[1:], rtol=1e-3)
    torch.testing.assert_close(Srg()(louder)[1:], Srg()(here)[1:])


def test_the_table_is_quantus():
    declared = {
        metric.__name__: (family.lower(), metric.score_direction.value)
        for family, metrics in quantus.AVAILABLE_METRICS.items()
        for metric in metrics.values()
    }
    ours = {name: (kind.family, "higher" if kind.higher_is_better else "lower") for name, kind in METHODS.items()}
    assert ours == declared


@pytest.mark.parametrize(
    "text",
    [
        "quantus:AvgSensitivity(nr_samples=2)",
        "quantus:LocalLipschitzEstimate(nr_samples=2)",
        "quantus:FaithfulnessCorrelation(nr_runs=5, subset_size=20)",
        "quantus:Complexity",
        "quantus:TopKIntersection(k=10)",
        "quantus:MonotonicityCorrelation(features_in_step=24, nr_samples=2)",
    ],
)
def test_gives_one_number_per_image_and_leaves_everything_alone(text):
    here = evidence()
    np.random.seed(3)
    torch.manual_seed(3)
    states = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    maps = here.maps.clone()
    scores = peer(text)(here)
    assert scores.shape == (6,)
    assert scores.dtype == torch.float64
    assert scores.isfinite().all()
    assert torch.equal(scores, peer(text)(here))
    assert states == (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    assert torch.equal(maps, here.maps)
    assert_same_model(here.model, small_cnn())


def test_a_blank_map_is_undefined_and_spares_the_others():
    here = evidence()
    maps = here.maps.clone()
    maps[2] = 0.0
    blank = dataclasses.replace(here, maps=maps)
    for text in ("quantus:Complexity", "quantus:AUC", "quantus:MaxSensitivity(nr_samples=2)"):
        assert peer(text)(blank).isnan().tolist() == [row == 2 for row in range(6)]


def test_what_it_cannot_be_asked_is_refused():
    with pytest.raises(UsageError) as raised:
        Quantus("MaxSensitivty")
    assert "quantus:MaxSensitivity" in raised.value.hint
    with pytest.raises(UsageError, match="no number per image"):
        peer("quantus:PixelFlipping(features_in_step=36)")(evidence())
    with pytest.raises(NotApplicableError, match="other logits"):
        peer("quantus:RandomLogit")(evidence())
    with pytest.raises(NotApplicableError, match="explain again"):
        peer("quantus:MaxSensitivity")(dataclasses.replace(evidence(), explain=None))
