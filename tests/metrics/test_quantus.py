"""Quantus as an oracle where its definition is ours, the differences where it is not, and its metrics by name."""

import dataclasses
import inspect

import numpy as np
import pytest
import quantus
import torch

from tests.contract.test_metrics import assert_same_model
from tests.metrics.cases import evidence, gradients, small_cnn
from xraybench import registry
from xraybench.errors import NotApplicableError, UsageError
from xraybench.metrics import _perturbed, _quantus
from xraybench.metrics.max_sensitivity import MaxSensitivity
from xraybench.metrics.pointing_game import PointingGame
from xraybench.metrics.quantus_peer import DECLARED, METHODS, NOT_OFFERED
from xraybench.metrics.relevance_mass import RelevanceMass
from xraybench.metrics.srg import Srg


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
    assert ours.items() <= declared.items()
    assert declared.keys() - ours.keys() == NOT_OFFERED.keys()


FUNCTIONS = {"similarity_func", "normalise_func", "perturb_func", "discretise_func", "output_func", "default_plot_func"}
FUNCTIONS |= {"norm_numerator", "norm_denominator"}  # which no task file can name
AGGREGATING = {"return_aggregate", "aggregate_func"}  # over images


@pytest.mark.parametrize("name", METHODS)
def test_its_parameters_are_those_of_the_constructor(name):
    theirs = inspect.signature(getattr(quantus, name)).parameters.values()
    names = {one.name for one in theirs if one.kind is not one.VAR_KEYWORD}
    ours = METHODS[name].parameters.split()
    assert set(ours) == names - FUNCTIONS - AGGREGATING - _quantus.PER_IMAGE_AND_QUIET.keys()
    assert len(ours) == len(set(ours))


WIDER = {"perturb_baseline": str | float, "input_shift": float}  # than the type of the default: quantus takes both


@pytest.mark.parametrize("name", METHODS)
def test_its_values_are_of_the_types_of_the_constructors_defaults(name):
    theirs = inspect.signature(getattr(quantus, name)).parameters
    for one in METHODS[name].parameters.split():
        default = theirs[one].default
        if default is not None:
            assert DECLARED[one] == WIDER.get(one, type(default))
            registry.build("metrics", registry.Call(f"quantus:{name}", {one: default}))
        with pytest.raises(UsageError, match=f"does not take {one}=") as raised:
            registry.build("metrics", registry.Call(f"quantus:{name}", {one: object()}))
        assert raised.value.hint.startswith(f"{one} should be ")


def test_no_type_is_declared_of_what_no_metric_takes():
    assert set(DECLARED) == {one for kind in METHODS.values() for one in kind.parameters.split()}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("MaxSensitivity(nr_samples=many)", "a whole number"),
        ("MaxSensitivity(nr_samples=2.5)", "a whole number"),
        ("MaxSensitivity(lower_bound=true)", "a number"),
        ("Infidelity(perturb_patch_sizes=4)", "a list"),
        ("Complexity(normalise=yes)", "true or false"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_before_anything_runs(text, hint):
    with pytest.raises(UsageError, match="'quantus:") as raised:
        peer(f"quantus:{text}")
    assert raised.value.hint.endswith(f"should be {hint}")


SMALL = {"FaithfulnessCorrelation": "subset_size=20", "TopKIntersection": "k=10"}  # of 144 pixels
SMALL |= {"MonotonicityCorrelation": "nr_samples=2"}  # of 100, half a minute


@pytest.mark.parametrize("name", METHODS)
def test_every_metric_offered_gives_a_number_per_image_as_it_is(name):
    scores = peer(f"quantus:{name}({SMALL.get(name, '')})")(evidence())
    assert scores.shape == (6,)
    assert scores.isfinite().all()


@pytest.mark.parametrize("name", NOT_OFFERED)
def test_what_is_not_offered_says_why_and_what_to_use(name):
    with pytest.raises(UsageError, match="is not offered") as raised:
        peer(f"quantus:{name}")
    _, use, ours = raised.value.hint.partition("use ")
    assert (ours in registry.METRICS) if use else "mosaics" in raised.value.hint


@pytest.mark.parametrize("name", ["PixelFlipping", "RegionPerturbation", "Selectivity", "SensitivityN", "ROAD"])
def test_what_is_refused_for_its_curves_has_no_number_per_image(name):
    with pytest.raises(UsageError, match="no number per image"):
        _quantus.scores(evidence(), name, {}, set())


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("IROF", AttributeError, "trapz"),
        ("Focus", TypeError, "NoneType"),
        ("EfficientMPRT", AssertionError, "non-negative"),
        ("RandomLogit", NotApplicableError, "other logits"),
    ],
)
def test_what_else_is_refused_fails(name, error, words):
    """Where one of these no longer does, it can be offered."""
    with pytest.raises(error, match=words):
        _quantus.scores(evidence(), name, {}, {"explain"})


def test_what_explains_by_itself_is_refused():
    here = evidence()
    others = dataclasses.replace(here, explain=lambda images, model=None: images[:, 0] ** 2)
    asked = {"nr_samples": 2, "return_average_correlation": True}
    one, other = (_quantus.scores(each, "SmoothMPRT", asked, {"explain"}) for each in (here, others))
    assert torch.equal(one, other)


def test_mprt_returns_its_mean_over_layers_unless_told_otherwise():
    whole, last = (peer(f"quantus:MPRT{text}") for text in ("", "(return_last_correlation=true)"))
    assert torch.equal(whole(evidence()), peer("quantus:MPRT(return_average_correlation=true)")(evidence()))
    assert not torch.equal(whole(evidence()), last(evidence()))


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
    for text, near in (("MaxSensitivty", "MaxSensitivity"), ("MaxSensitivity(nr_sample=2)", "nr_samples")):
        with pytest.raises(UsageError) as raised:
            peer(f"quantus:{text}")
        assert f"'{near}'" in raised.value.hint
    with pytest.raises(UsageError, match="no parameter of quantus:MaxSensitivity is called 'foo'"):
        peer("quantus:MaxSensitivity(foo=2)")
    with pytest.raises(NotApplicableError, match="explain again"):
        peer("quantus:MaxSensitivity")(dataclasses.replace(evidence(), explain=None))
