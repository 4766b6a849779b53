"""The removal curves against a direct loop, and what must hold at their ends and on additive models."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from tests.metrics.cases import evidence, linear_model, small_cnn
from xraybench.errors import UsageError
from xraybench.metrics._curves import curve
from xraybench.metrics._imputers import BLUR, blur
from xraybench.metrics._orders import places
from xraybench.metrics._removal import IMPUTERS
from xraybench.metrics.deletion_auc import DeletionAuc
from xraybench.metrics.insertion_auc import InsertionAuc
from xraybench.metrics.srg import Srg
from xraybench.references.controls import Random

each_imputer = pytest.mark.parametrize("imputer", IMPUTERS)


def replacement(here, imputer):
    """What every pixel becomes when all are replaced (blur and mean do not look at the mask)."""
    if imputer == "mean":
        return here.baseline.expand_as(here.images).double().numpy()
    images = here.images.double().numpy()
    sigma = BLUR * min(images.shape[2:])
    return gaussian_filter(
        images, sigma=(0, 0, sigma, sigma), mode="mirror", radius=(0, 0) + (int(np.ceil(3 * sigma)),) * 2
    )


def direct_curve(here, imputer, steps, keep_top):
    """One image and one point at a time, in float64; maps without ties."""
    model = copy.deepcopy(here.model).double()
    others = replacement(here, imputer)
    curves = []
    for b, (image, attribution) in enumerate(zip(here.images.double().numpy(), here.maps.numpy(), strict=True)):
        order, points = np.argsort(-attribution.ravel()), []
        for step in range(steps + 1):
            top = np.zeros(attribution.size, dtype=bool)
            top[order[: round(attribution.size * step / steps)]] = True
            kept = top if keep_top else ~top
            mixed = np.where(kept.reshape(attribution.shape), image, others[b])
            with torch.no_grad():
                points.append(model(torch.tensor(mixed)[None])[0, here.targets[b]].item())
        curves.append(points)
    return np.array(curves)


@pytest.mark.parametrize("imputer", ["blur", "mean"])
@pytest.mark.parametrize(("steps", "channels"), [(16, 1), (7, 3), (1, 1)])
def test_areas_equal_a_direct_loop(imputer, steps, channels):
    here = evidence(count=4, channels=channels)
    expected = {
        name: np.trapezoid(direct_curve(here, imputer, steps, keep), fractions(here, steps))
        for name, keep in (("insertion", True), ("deletion", False))
    }
    np.testing.assert_allclose(InsertionAuc(imputer, steps)(here), expected["insertion"], atol=2e-6)
    np.testing.assert_allclose(DeletionAuc(imputer, steps)(here), expected["deletion"], atol=2e-6)


def fractions(here, steps):
    pixels = here.maps[0].numel()
    return np.array([round(pixels * step / steps) / pixels for step in range(steps + 1)])


@each_imputer
def test_the_ends_are_the_models_outputs(imputer):
    here = evidence()
    metric = Srg(imputer, 5)
    insertion, deletion = curve(here, "insertion", metric), curve(here, "deletion", metric)
    with torch.no_grad():
        image = here.model(here.images).gather(1, here.targets[:, None])[:, 0].double()
    torch.testing.assert_close(insertion[:, -1], image, atol=1e-6, rtol=0)
    torch.testing.assert_close(deletion[:, 0], image, atol=1e-6, rtol=0)
    torch.testing.assert_close(insertion[:, 0], deletion[:, -1], atol=0, rtol=0)
    assert insertion.shape == deletion.shape == (6, 6)


@each_imputer
def test_srg_is_insertion_minus_deletion(imputer):
    srg = Srg(imputer)(evidence())
    torch.testing.assert_close(
        srg, InsertionAuc(imputer)(evidence()) - DeletionAuc(imputer)(evidence()), atol=1e-6, rtol=0
    )


def changes(here, imputer):
    """|f(x) - f(imputed)| of each image, in float64 and one at a time."""
    model, others = copy.deepcopy(here.model).double(), replacement(here, imputer)
    with torch.no_grad():
        ends = [[model(torch.tensor(one)[None])[0, target].item() for one in pair]
                for *pair, target in zip(here.images.double().numpy(), others, here.targets, strict=True)]  # fmt: skip
    return np.abs(np.subtract(*np.transpose(ends)))


def test_the_normalised_srg_is_a_ratio_of_means_over_the_images_whose_logit_changes(monkeypatch):
    here, tau = evidence(), float(np.median(changes(evidence(), "blur")))
    monkeypatch.setattr("xraybench.metrics.srg.TAU", tau)
    curves = [direct_curve(here, "blur", 16, keep) for keep in (True, False)]
    scores, moved = np.trapezoid(np.subtract(*curves), fractions(here, 16)), changes(here, "blur")
    share, normalised = Srg().notes(here).values()
    assert share == 0.5
    assert normalised == pytest.approx(scores[moved >= tau].mean() / moved[moved >= tau].mean(), abs=1e-5)
    assert normalised != pytest.approx((scores / moved)[moved >= tau].mean(), abs=1e-3)


def test_a_map_that_is_not_finite_is_in_neither_mean(monkeypatch):
    monkeypatch.setattr("xraybench.metrics.srg.TAU", 0.0)
    here = evidence()
    maps = here.maps.clone()
    maps[2, 0, 0] = float("nan")
    some = [row for row in range(6) if row != 2]
    found = Srg().notes(dataclasses.replace(here, maps=maps, shared={}))
    expected = Srg()(here)[some].mean().item() / changes(here, "blur")[some].mean()
    assert list(found.values()) == [0.0, pytest.approx(expected, abs=1e-5)]


def test_without_an_image_whose_logit_changes_there_is_no_normalised_srg(monkeypatch):
    monkeypatch.setattr("xraybench.metrics.srg.TAU", 1e6)
    assert list(Srg().notes(evidence()).values()) == [1.0]


@each_imputer
def test_the_normalised_srg_has_no_unit(imputer, monkeypatch):
    """Twice the weights of the last layer double every logit, and nothing else."""
    monkeypatch.setattr("xraybench.metrics.srg.TAU", 1e-3)
    here, model = evidence(), small_cnn()
    with torch.no_grad():
        model[-1].weight.mul_(2.0)
        model[-1].bias.mul_(2.0)
    doubled = dataclasses.replace(here, model=model, shared={})
    assert list(Srg(imputer).notes(doubled).values()) == pytest.approx(
        list(Srg(imputer).notes(here).values()), rel=1e-4
    )
    torch.testing.assert_close(Srg(imputer)(doubled), 2 * Srg(imputer)(here), rtol=1e-4, atol=1e-6)


@each_imputer
def test_insertion_is_the_curve_of_the_least_relevant_first(imputer):
    """LeRF of a map is MoRF of its negative, read from the other end."""
    here = evidence(size=8)
    turned = dataclasses.replace(here, maps=-here.maps, shared={})
    metric = Srg(imputer, 8)
    torch.testing.assert_close(
        curve(here, "insertion", metric), curve(turned, "deletion", metric).flip(1), atol=1e-6, rtol=0
    )


def test_curves_are_computed_once_for_all():
    here = evidence()
    forwarded = []
    here.model.register_forward_hook(lambda module, inputs, output: forwarded.append(len(output)))
    for metric in (InsertionAuc(), DeletionAuc(), Srg()):
        metric(here)
    assert sum(forwarded) == len(here.maps) * sum(Srg().cost(0, 12).values())
    assert max(forwarded) <= here.batch_size


def test_blur_is_scipys_gaussian():
    images = torch.randn(3, 2, 20, 30)
    assert not torch.allclose(blur(images), images, atol=0.1)
    sigma = BLUR * 20
    expected = gaussian_filter(images.double().numpy(), (0, 0, sigma, sigma), mode="mirror", radius=(0, 0, 6, 6))
    np.testing.assert_allclose(blur(images), expected, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 20))
def test_on_an_additive_model_the_true_contributions_are_best(seed, steps):
    """f is a sum over pixels, so w * (x - mean) is the perfect ranking: no other has a larger insertion or srg."""
    model = linear_model(6, seed=seed)
    here = evidence(3, 6, model=model, maps=torch.zeros(3, 6, 6), targets=torch.zeros(3, dtype=torch.int64), seed=seed)
    weights = model[1].weight.detach().view(1, 6, 6)
    perfect = dataclasses.replace(here, maps=(weights * (here.images - here.baseline)[:, 0]), shared={})
    other = dataclasses.replace(here, maps=torch.randn(3, 6, 6), shared={})
    assert (InsertionAuc("mean", steps)(perfect) >= InsertionAuc("mean", steps)(other) - 1e-5).all()
    assert (DeletionAuc("mean", steps)(perfect) <= DeletionAuc("mean", steps)(other) + 1e-5).all()
    assert (Srg("mean", steps)(perfect) >= Srg("mean", steps)(other).abs() - 1e-5).all()


def test_a_random_order_gains_nothing_on_an_additive_model():
    """Closed form: both curves are the straight line between the ends in the mean, so srg is 0 in the mean."""
    model = linear_model(6)
    count = 2000
    one = evidence(1, 6, model=model, maps=torch.zeros(1, 6, 6))
    here = evidence(count, 6, model=model, maps=torch.zeros(count, 6, 6), targets=torch.zeros(count, dtype=torch.int64))
    here = dataclasses.replace(here, images=one.images.expand(count, -1, -1, -1), batch_size=4096)
    srg = Srg("mean")(here)
    assert abs(srg.mean()) < 4 * srg.std() / count**0.5
    insertion = InsertionAuc("mean")(here)
    middle = (model(one.images) + model(one.baseline[None])).item() / 2
    assert abs(insertion.mean() - middle) < 4 * insertion.std() / count**0.5


@pytest.mark.parametrize("imputer", ["blur", "mean"])
def test_the_random_maps_curves_are_those_of_an_order_drawn_at_random(imputer):
    """The floor of every board: pixels in the order of uniform draws from the image's seed, by the same imputers."""
    bare = evidence(count=3)
    shape = bare.maps.shape[1:]
    drawn = [torch.rand(shape, generator=torch.Generator().manual_seed(seed)) for seed in bare.seeds.tolist()]
    orders = dataclasses.replace(bare, maps=torch.stack(drawn))
    nothing = torch.zeros(shape)
    here = dataclasses.replace(bare, maps=Random()(bare.images, nothing[None] > 0, nothing, bare.seeds), shared={})
    for name, keep in (("insertion", True), ("deletion", False)):
        found = curve(here, name, Srg(imputer))
        np.testing.assert_allclose(found, direct_curve(orders, imputer, 16, keep), atol=2e-6)


def test_the_random_maps_curves_are_straight_in_the_mean_on_an_additive_model():
    """Closed form, where no order is drawn: a share k of the pixels carries k of the difference between the ends."""
    count, model = 2000, linear_model(6)
    here = evidence(count, 6, model=model, maps=torch.zeros(count, 6, 6), targets=torch.zeros(count, dtype=torch.int64))
    images = here.images[:1].expand(count, -1, -1, -1)
    nothing = torch.zeros(6, 6)
    maps = Random()(images, nothing[None] > 0, nothing, here.seeds)
    curves = curve(dataclasses.replace(here, images=images, maps=maps, batch_size=4096), "insertion", Srg("mean", 9))
    ends = [model(one).item() for one in (here.baseline[None], images[:1])]
    straight = np.interp(fractions(here, 9), [0, 1], ends)
    error = curves.std(0).numpy() / count**0.5
    assert (np.abs(curves.mean(0).numpy() - straight) <= 4 * error + 1e-6).all()


def test_ties_are_broken_by_the_images_seed_alone():
    maps = torch.tensor([[0.0, 1.0, 0.0, 0.0, 2.0, 1.0] * 20]).expand(2, -1)
    both = places(maps, torch.tensor([5, 6]))
    alone = places(maps[1:], torch.tensor([6]))
    assert (both[1] == alone[0]).all()
    assert (both[0] != both[1]).any()
    assert set(both[0][maps[0] == 2.0].tolist()) == set(range(20))
    zeros = both[0][maps[0] == 0.0]
    assert set(zeros.tolist()) == set(range(60, 120))
    assert abs(np.corrcoef(np.arange(60), zeros)[0, 1]) < 0.4


def test_a_map_that_is_not_finite_is_undefined_and_a_blank_one_is_not():
    maps = torch.randn(4, 12, 12)
    maps[0, 3, 3], maps[1], maps[2] = float("nan"), 0.0, 4.0
    for metric in (InsertionAuc(steps=4), DeletionAuc(steps=4), Srg(steps=4)):
        assert metric(evidence(4, maps=maps)).isnan().tolist() == [True, False, False, False]


@each_imputer
@pytest.mark.parametrize("factor", [0.25, 8.0])
def test_a_positive_factor_changes_nothing(imputer, factor):
    here = evidence()
    scaled = dataclasses.replace(here, maps=here.maps * factor, shared={})
    assert torch.equal(Srg(imputer)(here), Srg(imputer)(scaled))


def test_unknown_settings_are_refused():
    with pytest.raises(UsageError, match="'blurr'") as raised:
        Srg(imputer="blurr")
    assert "'blur'" in raised.value.hint
    with pytest.raises(UsageError, match="0 steps"):
        InsertionAuc(steps=0)
