"""Wrist phantoms: determinism, twins, masks."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xraybench.data.phantom.cases import Population, draw
from xraybench.data.phantom.findings import GRADES
from xraybench.data.phantom.wrist import DIFFERENCE, Wrist, boxed
from xraybench.identity import digest_bytes

ALL = Population(seed=5, prevalence=1.0)
DIGEST = """
from xraybench.data.phantom.cases import Population, draw
from xraybench.data.phantom.wrist import Wrist
from xraybench.identity import digest_bytes
wrists = [Wrist(draw(Population(seed=5), "test", n), 64) for n in (3, 1, 2)]
print(digest_bytes(*(wrist.image().tobytes() for wrist in wrists)))
"""


def wrists(count: int, size: int = 96, population: Population = ALL) -> list[Wrist]:
    return [Wrist(draw(population, "test", number), size) for number in range(count)]


@pytest.fixture(scope="module")
def some() -> list[Wrist]:
    return wrists(40)


def test_same_images_in_another_process():
    here = [Wrist(draw(Population(seed=5), "test", n), 64).image() for n in (1, 2, 3)]
    there = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True).stdout.strip()
    assert digest_bytes(*(here[n - 1].tobytes() for n in (3, 1, 2))) == there


def test_images_are_256_levels_of_float32(some):
    image = some[0].image()
    assert image.dtype == np.float32
    assert image.shape == (96, 96)
    np.testing.assert_array_equal(np.round(image * 255).astype(np.float32) / np.float32(255), image)
    assert 0.1 < image.mean() < 0.5


def test_size_changes_sampling_only():
    small, large = (Wrist(draw(ALL, "test", 0), size) for size in (112, 448))
    coarse, shown = large.image().reshape(112, 4, 112, 4).mean((1, 3)), ~small.regions()["frame"]
    assert np.corrcoef(small.image()[shown], coarse[shown])[0, 1] > 0.99
    assert small.posed[0].pitch == pytest.approx(4 * large.posed[0].pitch)


def test_anatomy_pose_exposure_and_noise_do_not_depend_on_the_label():
    for wrist in wrists(5):
        normal = Wrist(replace(wrist.case, fracture=False, grade="none", bone=""), 96)
        np.testing.assert_array_equal(normal.image(), wrist.twin())
        assert normal.twin() is None
        assert not normal.regions()["finding"].any()
        assert not normal.regions()["difference"].any()


def test_twins_differ_only_where_the_difference_says(some):
    for wrist in some:
        change = np.abs(wrist.image() - wrist.twin())
        assert change[~wrist.regions()["difference"]].max() < DIFFERENCE


def test_far_from_the_finding_twins_are_equal(some):
    for wrist in some:
        bone = next(bone for bone in wrist.bones if bone.name == wrist.case.bone)
        near = np.zeros((96, 96), bool)
        near[bone.window(wrist.posed[0])] = True
        np.testing.assert_array_equal(wrist.image()[~near], wrist.twin()[~near])


def test_finding_covers_most_of_the_change(some):
    shares = []
    for wrist in some:
        change = np.abs(wrist.image() - wrist.twin())
        shares.append(change[wrist.finding()].sum() / change.sum())
    assert np.mean(shares) > 0.75
    assert min(shares) > 0.4


def test_finding_lies_at_its_bone_and_box_holds_it(some):
    for wrist in some:
        regions = wrist.regions()
        bone, _ = wrist.fracture
        x, y = bone.local(*wrist.posed[0].body)
        inside = bone.shape.inside(x, y)[0]
        assert (inside[regions["finding"]] > -12).all()
        assert (regions["box"] | ~regions["finding"]).all()
        assert not (regions["finding"] & (wrist.image() == 0)).all()


def test_harder_grades_change_less():
    mean = {}
    for grade in GRADES:
        change = [
            np.abs(w.image() - w.twin()).sum()
            for w in wrists(25, population=Population(seed=5, prevalence=1.0, grades={grade: 1.0}))
        ]
        mean[grade] = np.mean(change)
    assert mean["displaced"] > 1.5 * mean["moderate"] > 3 * mean["hairline"]


def test_text_and_frame_masks():
    seen = 0
    for wrist in wrists(30, population=Population(seed=6)):
        regions, image = wrist.regions(), wrist.image()
        assert regions["text"].any() == wrist.case.legend
        assert (image[wrist.posed[1].inside(*wrist.posed[0].film) <= 0] == 0).all()
        assert regions["frame"].any()
        assert not (regions["frame"] & regions["text"]).any()
        if wrist.case.legend:
            seen += 1
            without = Wrist(replace(wrist.case, legend=False), 96).image()
            changed = np.abs(image - without) > 0.2
            assert changed.any()
            assert not (changed & ~regions["text"]).sum() > 0.2 * changed.sum()
    assert seen > 5


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from((64, 65, 96, 150, 224, 512)))
def test_every_fracture_shows_at_every_size(number, size):
    wrist = Wrist(draw(ALL, "train", number), size)
    finding = wrist.finding()
    assert finding.sum() >= 4
    assert (boxed(finding) | ~finding).all()
    assert (wrist.posed[1].inside(*wrist.posed[0].film)[finding] > 0).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from((64, 100)))
def test_regions_are_masks_of_the_image(number, size):
    regions = Wrist(draw(Population(), "train", number), size).regions()
    assert set(regions) == {"finding", "difference", "box", "text", "frame"}
    for mask in regions.values():
        assert mask.dtype == bool
        assert mask.shape == (size, size)


def test_box_of_a_mask():
    mask = np.zeros((6, 6), bool)
    assert not boxed(mask).any()
    mask[1, 2] = mask[3, 4] = True
    assert boxed(mask).sum() == 9
