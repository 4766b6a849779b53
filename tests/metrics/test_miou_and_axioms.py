"""Otsu against scikit-image, completeness and conservation in closed form, effective complexity by counting."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.filters import threshold_otsu

from tests.metrics.cases import evidence, linear_model, map_evidence
from xraybench.errors import NotApplicableError, UsageError
from xraybench.metrics.completeness import Completeness
from xraybench.metrics.conservation import Conservation
from xraybench.metrics.effective_complexity import EffectiveComplexity
from xraybench.metrics.miou import BINS, Miou
from xraybench.spec import Annotated


@given(st.integers(0, 10_000))
def test_the_threshold_is_otsus(seed):
    draw = np.random.default_rng(seed)
    values = np.r_[draw.normal(0.2, 0.1, 120), draw.normal(1.0, 0.2, 24)].clip(0).reshape(12, 12).astype(np.float32)
    finding = torch.from_numpy(draw.random((1, 12, 12)) < 0.2)
    finding[0, 0, 0], finding[0, 1, 1] = True, False
    levels = np.minimum((values.astype(np.float64) / values.max() * BINS).astype(int), BINS - 1)
    centres, counts = np.arange(BINS), np.bincount(levels.ravel(), minlength=BINS)
    inside = levels > threshold_otsu(hist=(counts, centres))
    expected = (inside & finding[0].numpy()).sum() / (inside | finding[0].numpy()).sum()
    assert Miou()(map_evidence(torch.from_numpy(values)[None], finding)).item() == pytest.approx(expected)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3, 0.9]))
def test_a_threshold_of_ones_own_is_a_share_of_the_maximum(seed, threshold):
    draw = np.random.default_rng(seed)
    values, mask = draw.normal(size=(12, 12)).astype(np.float32), draw.random((12, 12)) < 0.3
    mask[0, 0], mask[1, 1] = True, False
    inside = np.maximum(values, 0) > threshold * values.max()
    score = Miou(threshold=threshold)(map_evidence(torch.from_numpy(values)[None], torch.from_numpy(mask)[None]))
    assert score.item() == pytest.approx((inside & mask).sum() / (inside | mask).sum())


def share_by_hand(maps, masks):
    """The first of 0, 0.05, ... 0.95 by which the maps [V,H,W] cover the masks best on average; blank masks apart."""
    means = []
    for step in range(20):
        cut = [
            (np.maximum(one, 0) > step / 20 * max(one.max(), 0), mask) for one, mask in zip(maps, masks, strict=True)
        ]
        means.append(np.mean([(in_ & mask).sum() / (in_ | mask).sum() for in_, mask in cut if mask.any()]))
    return int(np.argmax(means)) / 20


def tuning_case(seed):
    """Nine explained maps and twelve of validation images, of three logits; the last has none in validation."""
    draw = np.random.default_rng(seed)
    maps, known = draw.normal(size=(9, 12, 12)), draw.normal(size=(12, 12, 12))
    masks, marked = draw.random((9, 12, 12)) < 0.3, draw.random((12, 12, 12)) < 0.2
    known[marked] += np.repeat([0.5, 2.0], 6 * 144).reshape(known.shape)[marked]  # two logits, told apart more or less
    marked[3] = False
    return maps, masks, np.arange(9) % 3, known, marked, np.arange(12) // 6


@given(st.integers(0, 10_000))
def test_a_tuned_threshold_is_the_best_share_on_validation_images_of_the_same_logit(seed):
    maps, masks, targets, known, marked, of = tuning_case(seed)
    annotated = Annotated(
        torch.from_numpy(known), torch.from_numpy(of), {"finding": torch.from_numpy(marked)}, ("a", "b", "c")
    )
    here = dataclasses.replace(
        map_evidence(torch.from_numpy(maps), torch.from_numpy(masks)),
        targets=torch.from_numpy(targets),
        validation=lambda: annotated,
    )
    shares = [
        *(share_by_hand(known[of == logit], marked[of == logit]) for logit in (0, 1)),
        share_by_hand(known, marked),
    ]
    scores = Miou(threshold="tuned")(here).numpy()
    for row, target in enumerate(targets):
        one = dataclasses.replace(
            here, maps=here.maps[row : row + 1], regions={"finding": here.regions["finding"][[row]]}
        )
        assert scores[row] == Miou(threshold=shares[target])(one).item()
    assert Miou(threshold="tuned").notes(here) == {f"threshold of {'abc'[n]}": shares[n] for n in range(3)}


def test_a_tuned_threshold_recovers_the_one_that_the_maps_were_made_with():
    finding = torch.zeros(4, 12, 12, dtype=torch.bool)
    finding[:, 3:8, 2:9] = True
    maps = torch.where(finding, 1.0, 0.62)  # all of the image above 0.62 of the maximum
    known = Annotated(maps, torch.zeros(4, dtype=torch.int64), {"finding": finding}, ("fracture",))
    here = dataclasses.replace(map_evidence(maps, finding), validation=lambda: known)
    assert Miou(threshold="tuned")(here).tolist() == [1.0] * 4
    assert Miou(threshold="tuned").notes(here) == {"threshold of fracture": 0.65}
    assert Miou().notes(here) == {}


def test_without_masks_on_validation_images_there_is_no_tuned_threshold():
    here = evidence()
    with pytest.raises(NotApplicableError, match="no validation images"):
        Miou(threshold="tuned")(dataclasses.replace(here, validation=None))
    known = here.validation()
    nothing = dataclasses.replace(known, regions={"finding": torch.zeros_like(known.regions["finding"])})
    with pytest.raises(NotApplicableError, match="no validation image has a region 'finding'"):
        Miou(threshold="tuned")(dataclasses.replace(here, validation=lambda: nothing))
    with pytest.raises(NotApplicableError, match="no region called 'box'"):
        Miou(threshold="tuned", region="box")(here)


@pytest.mark.parametrize("threshold", ["ots", 1.0, -0.1])
def test_other_thresholds_are_refused(threshold):
    with pytest.raises(UsageError, match="threshold"):
        Miou(threshold=threshold)


def test_the_mask_itself_covers_it_and_a_negative_map_covers_nothing():
    finding = torch.zeros(2, 12, 12, dtype=torch.bool)
    finding[:, 3:6, 4:9] = True
    maps = torch.stack([finding[0].float(), -finding[1].float()])
    assert Miou()(map_evidence(maps, finding)).tolist() == [1.0, 0.0]


def test_axioms_hold_where_they_should_and_are_measured_where_not():
    model = linear_model(12)
    weights = model[1].weight.detach().view(1, 12, 12)
    here = evidence(model=model, targets=torch.zeros(6, dtype=torch.int64), maps=torch.zeros(6, 12, 12))
    contributions = weights * (here.images - here.baseline)[:, 0]
    full = dataclasses.replace(here, maps=contributions, shared={})
    assert Completeness()(full).max() < 1e-5
    half = dataclasses.replace(here, maps=contributions / 2, shared={})
    torch.testing.assert_close(Completeness()(half), torch.full((6,), 0.5, dtype=torch.float64), atol=1e-5, rtol=0)
    model[1].bias.data.zero_()
    conserving = dataclasses.replace(here, maps=weights * here.images[:, 0], shared={})
    assert Conservation()(conserving).max() < 1e-4
    doubled = dataclasses.replace(here, maps=2 * weights * here.images[:, 0], shared={})
    torch.testing.assert_close(Conservation()(doubled), torch.ones(6, dtype=torch.float64), atol=1e-4, rtol=0)


def test_effective_complexity_counts_pixels():
    maps = torch.zeros(2, 4, 4)
    maps[0, 0, 0], maps[0, 1, 1], maps[0, 2, 2] = -10.0, 2.0, 0.5
    finding = torch.zeros(2, 4, 4, dtype=torch.bool)
    assert EffectiveComplexity()(map_evidence(maps, finding)).tolist() == [2 / 16, 0.0]
