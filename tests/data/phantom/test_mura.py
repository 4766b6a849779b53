"""The mura family: series agree, findings show, twins and masks are exact, nuisances do not know the label."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xraybench.data.phantom.abnormal import KINDS
from xraybench.data.phantom.anatomy_parts import REGIONS
from xraybench.data.phantom.limb import Radiograph
from xraybench.data.phantom.mura import legend_of, radiograph
from xraybench.data.phantom.parts import UPPER_LIMB
from xraybench.data.phantom.studies import HARDWARE, LEGEND_SHARE, PARTS, Clinic, Visit, images, person, visits
from xraybench.data.phantom.wrist import DIFFERENCE

SIZE = 64
ABNORMAL = Clinic(prevalence=1.0, seed=2)


def some(count: int, clinic: Clinic = ABNORMAL, split: str = "test") -> list[tuple[Visit, int]]:
    return list(images(clinic, split, count))


@pytest.fixture(scope="module")
def drawn() -> list[tuple[Visit, Radiograph]]:
    return [(visit, radiograph(visit, view, SIZE)) for visit, view in some(150)]


@pytest.mark.parametrize("part", PARTS)
def test_projections_of_a_series_share_sites_and_joints(part):
    patient = person(30, True, np.random.default_rng(0))
    for series in UPPER_LIMB[part]:
        skeletons = [build(patient) for _, build in series]
        for other in skeletons[1:]:
            assert other.sites == skeletons[0].sites
            assert [joint.bones for joint in other.joints] == [joint.bones for joint in skeletons[0].joints]


@pytest.mark.parametrize("region", REGIONS)
def test_what_a_skeleton_names_is_there(region):
    patient = person(30, True, np.random.default_rng(0))
    for series in REGIONS[region]:
        for _, build in series:
            skeleton = build(patient)
            names = {bone.name for bone in skeleton.bones}
            named = [*(site.bone for site in skeleton.sites), *(name for name, _ in skeleton.plates), *skeleton.hollows]
            named += [name for joint in skeleton.joints for name in (*joint.bones, *joint.stems)]
            assert set(named) <= names
            assert skeleton.landmark
            for prefix in set(skeleton.landmark) - {"air"}:
                assert any(name.startswith(prefix) for name in names), prefix


def test_every_finding_shows_and_lies_in_the_field(drawn):
    for visit, image in drawn:
        regions = image.regions()
        inside = image.frame.inside(*image.view.film) > 0
        assert regions["finding"].any(), visit
        assert not (regions["finding"] & ~inside).any()
        assert (regions["box"] | ~regions["finding"]).all()
        assert regions["hardware"].any() == (visit.kind == "hardware")


def test_most_of_the_change_lies_in_the_finding(drawn):
    shares = []
    for _, image in drawn:
        change = np.abs(image.image() - image.twin())
        shares.append(change[image.regions()["finding"]].sum() / change.sum())
        assert change[~image.regions()["difference"]].max() < DIFFERENCE
    assert np.mean(shares) > 0.7


def test_a_twin_is_the_normal_study():
    for visit, view in some(8):
        normal = radiograph(replace(visit, abnormal=False, kind="none", grade="none"), view, SIZE)
        np.testing.assert_array_equal(normal.image(), radiograph(visit, view, SIZE).twin())
        assert normal.twin() is None
        assert not normal.regions()["finding"].any()
        assert not normal.regions()["difference"].any()


def test_all_parts_kinds_and_hardware_occur():
    seen = Counter((visit.part, visit.grade) for visit, _ in some(8000))
    for part in PARTS:
        for kind, grades in KINDS.items():
            for grade in grades:
                assert ((part, grade) in seen) == (kind != "hardware" or grade in HARDWARE[part])


def test_studies_have_one_to_four_views_and_some_patients_several():
    all_visits = [visit for number in range(1500) for visit in visits(Clinic(), "train", number)]
    assert {visit.views for visit in all_visits} == {1, 2, 3, 4}
    studies = Counter(visit.patient for visit in all_visits)
    assert 0.1 < np.mean([count > 1 for count in studies.values()]) < 0.35
    assert all(len(visit.projections) == visit.views for visit in all_visits)


def test_fewer_images_are_the_first_of_more():
    assert some(37, Clinic()) == some(90, Clinic())[:37]


@pytest.mark.parametrize("trait", ["age", "male", "left", "vessel", "ossicle", "views"])
def test_patients_and_pictures_do_not_depend_on_the_label(trait):
    all_visits = [visit for number in range(4000) for visit in visits(Clinic(), "train", number)]
    values = {label: [float(getattr(v, trait)) for v in all_visits if v.abnormal == label] for label in (True, False)}
    spread = np.std(values[True] + values[False])
    assert abs(np.mean(values[True]) - np.mean(values[False])) < 0.12 * spread


@pytest.mark.parametrize(("shortcut", "split"), [(None, "train"), (0.95, "train"), (0.95, "test")])
def test_shortcut_sets_the_legend_in_training_only(shortcut, split):
    shown = some(3000, Clinic(shortcut=shortcut), split)
    for label in (True, False):
        share = np.mean([legend_of(visit, view) != "" for visit, view in shown if visit.abnormal == label])
        expected = LEGEND_SHARE if shortcut is None or split == "test" else shortcut if label else 1 - shortcut
        assert share == pytest.approx(expected, abs=0.04)


def test_text_and_frame_masks():
    for visit, view in some(40, Clinic(seed=5)):
        image = radiograph(visit, view, SIZE)
        regions = image.regions()
        assert regions["text"].any() == (legend_of(visit, view) != "")
        assert regions["frame"].any() == (min(image.frame.half) < 1000)
        assert (image.image()[image.frame.inside(*image.view.film) <= 0] == 0).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from((64, 65, 96, 150)))
def test_images_are_256_levels_at_every_size(patient, size):
    visit = next(iter(visits(Clinic(), "train", patient)))
    image = radiograph(visit, visit.views - 1, size)
    pixels = image.image()
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(np.round(pixels * 255).astype(np.float32) / np.float32(255), pixels)
    assert 0.02 < pixels.mean() < 0.7
    assert {mask.shape for mask in image.regions().values()} == {(size, size)}
