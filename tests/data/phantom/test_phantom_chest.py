"""Chest phantoms: determinism, twins, masks, the anatomy that they stand on."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xraybench.data.phantom import chest_body
from xraybench.data.phantom.chest import DIFFERENCE, Chest, Finding, boxes
from xraybench.data.phantom.chest_anatomy import RIBS
from xraybench.data.phantom.chest_body import body, heart
from xraybench.data.phantom.chest_findings import GRADES, TB_FINDINGS
from xraybench.data.phantom.chest_lookalikes import LOOK_ALIKES
from xraybench.data.phantom.chest_maps import AERATED, COMPACT, SOFT
from xraybench.data.phantom.chest_maps import ellipse as inside_ellipse
from xraybench.data.phantom.chest_render import _added_rows, binned, smooth_field
from xraybench.data.phantom.chest_ribs import FORMS, add_ribs, rib_bone, rib_height
from xraybench.data.phantom.chest_subject import Subject
from xraybench.data.phantom.tb_cases import TbPopulation, draw_tb
from xraybench.data.phantom.view import View
from xraybench.identity import digest_bytes

ALL = TbPopulation(seed=5, prevalence=1.0)
DIGEST = """
from xraybench.data.phantom.tb_cases import TbPopulation, draw_tb
from xraybench.identity import digest_bytes
chests = [draw_tb(TbPopulation(seed=5), "test", n).chest(64) for n in (3, 1, 2)]
print(digest_bytes(*(chest.image().tobytes() for chest in chests)))
"""


def chests(count: int, size: int = 96, population: TbPopulation = ALL) -> list[Chest]:
    return [draw_tb(population, "test", number).chest(size) for number in range(count)]


@pytest.fixture(scope="module")
def some() -> list[Chest]:
    return chests(40)


def subject(seed: int, **changes: object) -> Subject:
    return replace(Subject(seed, seed, 40, True, "A", portable=False, text=False), **changes)


def test_same_images_in_another_process():
    here = [draw_tb(TbPopulation(seed=5), "test", n).chest(64).image() for n in (1, 2, 3)]
    there = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True).stdout.strip()
    assert digest_bytes(*(here[n - 1].tobytes() for n in (3, 1, 2))) == there


def test_images_are_256_levels_of_float32(some):
    image = some[0].image()
    assert image.dtype == np.float32
    assert image.shape == (96, 96)
    np.testing.assert_array_equal(np.round(image * 255).astype(np.float32) / np.float32(255), image)
    assert 0.2 < np.mean([chest.image().mean() for chest in some]) < 0.6


def test_size_changes_sampling_only():
    for number in range(4):
        small, large = (draw_tb(ALL, "test", number).chest(size) for size in (112, 448))
        coarse = large.image().reshape(112, 4, 112, 4).mean((1, 3))
        shown = ~small.regions()["frame"]
        assert np.corrcoef(small.image()[shown], coarse[shown])[0, 1] > 0.99
        finding = large.finding().reshape(112, 4, 112, 4).mean((1, 3)) >= 0.5
        assert (finding & small.finding()).sum() > 0.8 * (finding | small.finding()).sum()


def test_twins_differ_only_where_the_difference_says(some):
    for chest in some:
        change = np.abs(chest.image() - chest.twin())
        assert change[~chest.regions()["difference"]].max() < DIFFERENCE


def test_a_chest_without_its_findings_is_its_twin(some):
    for chest in some[:5]:
        normal = replace(chest, findings=())
        np.testing.assert_array_equal(normal.image(), chest.twin())
        assert normal.twin() is None
        assert not normal.regions()["finding"].any()
        assert not normal.regions()["difference"].any()


def test_finding_covers_most_of_the_change(some):
    shares = []
    for chest in some:
        change = np.abs(chest.image() - chest.twin())
        assert change.sum() > 0
        shares.append(change[chest.finding()].sum() / change.sum())
    assert np.mean(shares) > 0.75
    assert min(shares) > 0.4


@pytest.mark.parametrize("finding", TB_FINDINGS)
def test_harder_grades_change_less(finding):
    change = {}
    for grade in GRADES:
        population = TbPopulation(seed=7, prevalence=1.0, grades={grade: 1.0}, findings={finding: 1.0})
        change[grade] = np.mean([np.abs(c.image() - c.twin()).sum() for c in chests(16, 64, population)])
    assert change["obvious"] > 1.2 * change["moderate"] > 1.5 * change["subtle"]


def test_findings_lie_in_the_chest(some):
    for chest in some:
        left, right = chest.lung()
        assert not (left & right).any()
        rows, columns = np.nonzero(left | right)
        found = np.argwhere(chest.finding())
        assert (found >= (rows.min() - 2, columns.min() - 2)).all()
        assert found[:, 1].max() <= columns.max() + 2


def test_patients_right_lung_is_on_the_images_left(some):
    for chest in some:
        left, right = (np.argwhere(mask)[:, 1].mean() for mask in chest.lung())
        assert right < 48 < left


def test_lungs_are_dark_beside_heart_and_abdomen():
    for seed in range(8):
        chest = Chest(subject(seed), 96)
        x, y = chest.posed[0].body
        image, lung = chest.image(), chest.regions()["lung"]
        shown = ~chest.regions()["frame"]
        middle = shown & (np.abs(x) < 12) & (np.abs(y + 40) < 30)
        abdomen = shown & (np.abs(x + 60) < 40) & (y < -135)
        assert 0.10 < lung.mean() < 0.45
        assert image[lung].mean() < image[middle].mean() - 0.15
        assert not abdomen.any() or image[lung].mean() < image[abdomen].mean() - 0.1


def test_heart_is_about_half_of_the_thorax_and_grows_with_its_size():
    build = subject(3).build()
    view = View(400, 1.0, (0.0, -25.0))
    widths = []
    for size in (1.0, 1.3):
        maps = body(replace(build, heart=size, turn=0.0), view)
        across = np.ptp(maps.x[maps.heart > 10])
        widths.append(across / np.ptp(maps.x[maps.wall > 0]))
    assert 0.38 < widths[0] < 0.53
    assert widths[1] > 1.15 * widths[0]


@pytest.mark.parametrize("portable", [False, True])
def test_parts_drawn_in_a_box_do_not_reach_out_of_it(portable):
    view = View(100, 5.0, (0.0, -20.0))
    x, y = view.body
    for seed in range(60):
        build = subject(seed, age=80, portable=portable).build()
        parts = (
            (chest_body.HEART_BOX, lambda x, y, build=build: heart(build, x, y, build.heart)),
            *chest_body.great_vessels(build),
            *chest_body.bronchi(-2 + 0.3 * build.turn),
        )
        for (left, bottom, right, top), part in parts:
            outside = (x < left) | (x > right) | (y < bottom) | (y > top)
            drawn = part(x, y)
            assert drawn.any()
            assert not drawn[outside].any()
        drawn = chest_body.arms(build, x, y)
        beside = [(x > left) & (x < right) & (y < top) for left, _, right, top in chest_body.ARM_BOXES]
        assert not drawn[~(beside[0] | beside[1])].any()


@pytest.mark.parametrize("pitch", [1.3, 6.1])
@pytest.mark.parametrize("angle", [-0.3, 0.12])
def test_ribs_drawn_along_their_traces_are_those_drawn_everywhere(pitch, angle):
    for seed in range(6):
        size = round(420 / pitch)
        maps = body(subject(seed, portable=seed % 2 == 0).build(), View(size, pitch, (4.0, -20.0), angle))
        maps.bone[:] = 0
        add_ribs(maps)
        everywhere = np.zeros_like(maps.bone)
        for number in range(len(RIBS)):
            for left in (False, True):
                side = maps.x > 0 if left else maps.x <= 0
                up = maps.y - np.float32(rib_height(maps.build, number, left))
                everywhere += rib_bone(FORMS[:, number, None, None], np.abs(maps.x), up) * side
        np.testing.assert_allclose(maps.bone, everywhere, atol=1e-5)


def test_line_integral_is_that_of_what_the_maps_hold():
    maps = body(replace(subject(1).build(), size=1.0), View(64, 6.0, (0.0, -25.0)))
    expected = SOFT * np.maximum(maps.soft - maps.air, 0) + (COMPACT - SOFT) * maps.bone
    np.testing.assert_allclose(maps.line_integral(), expected, rtol=1e-5, atol=1e-5)
    assert (maps.air <= maps.soft + 20).all()
    np.testing.assert_array_less(maps.lung * AERATED - 1e-3, maps.soft + 1)


def test_inside_distance_of_a_circle_is_exact_and_of_an_ellipse_first_order():
    x, y = View(81, 0.5, (0.0, 0.0)).body
    np.testing.assert_allclose(inside_ellipse(x, y, (1, 2), (9, 9)), 9 - np.hypot(x - 1, y - 2), atol=1e-3)
    along_x = inside_ellipse(x, y, (0, 0), (12, 6))[40]
    near = np.abs(np.abs(x[40]) - 12) < 1
    np.testing.assert_allclose(along_x[near], 12 - np.abs(x[40][near]), atol=0.1)


def test_binning_averages():
    fine = np.arange(36, dtype=np.float32).reshape(6, 6)
    np.testing.assert_allclose(binned(fine, 2), fine.reshape(3, 2, 3, 2).mean((1, 3)))
    assert binned(fine, 1) is fine


@pytest.mark.parametrize("size", [64, 90, 224])
def test_smooth_field_keeps_a_plane_and_a_constant(size):
    constant = smooth_field(np.full((size, size), 0.7, np.float32), 390 / size, 30.0)
    np.testing.assert_allclose(constant, 0.7, rtol=1e-5)
    ramp = np.linspace(0, 1, size, dtype=np.float32)[None].repeat(size, 0)
    middle = slice(size * 2 // 5, size * 3 // 5)
    np.testing.assert_allclose(smooth_field(ramp, 390 / size, 12.0)[middle, middle], ramp[middle, middle], atol=0.02)


@pytest.mark.parametrize("step", [1, 2, 3, 8, 9, 10, 13])
def test_added_rows_round_as_reduceat_does(step):
    values = np.random.default_rng(step).random((7 * step, 11), dtype=np.float32)
    expected = np.add.reduceat(values, np.arange(0, len(values), step), axis=0)
    np.testing.assert_array_equal(_added_rows(values, step), expected)
    np.testing.assert_allclose(expected, values.reshape(7, step, 11).sum(1), rtol=1e-6)


def test_text_and_frame_masks():
    seen = set()
    for chest in chests(40, population=TbPopulation(seed=6)):
        regions, image = chest.regions(), chest.image()
        field = chest.posed[1].inside(*chest.posed[0].film)
        ink = regions["text"]
        assert ink.any() == chest.subject.text
        outside = image[(field <= 0) & ~ink]
        assert not outside.any()
        if chest.subject.text:
            seen.add(chest.subject.site)
            without = replace(chest, subject=replace(chest.subject, text=False)).image()
            changed = np.abs(image - without) > 0.2
            assert changed.any()
            assert (changed & ~ink).sum() <= 0.2 * changed.sum()
    assert seen == {"A", "B"}


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_look_alikes_show_and_are_no_findings(name):
    plain = Chest(subject(4), 160)
    drawn = replace(plain, look_alikes=(Finding(name, LOOK_ALIKES[name]),))
    assert (np.abs(drawn.image() - plain.image()) > DIFFERENCE).sum() > 3
    assert drawn.twin() is None
    assert not drawn.regions()["finding"].any()
    assert not drawn.regions()["hardware"].any()


def test_studies_of_a_patient_share_their_anatomy():
    first, second, other = subject(1), replace(subject(1), seed=99), subject(2)
    np.testing.assert_array_equal(first.build().jitter, second.build().jitter)
    assert first.build().size == second.build().size
    assert first.build().breath != second.build().breath
    assert first.build().size != other.build().size


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from((64, 65, 96, 150, 224, 512)))
def test_every_finding_shows_at_every_size(number, size):
    chest = draw_tb(ALL, "train", number).chest(size)
    regions = chest.regions()
    assert set(regions) == {"finding", "difference", "box", "lung", "hardware", "text", "frame"}
    for mask in regions.values():
        assert mask.dtype == bool
        assert mask.shape == (size, size)
    assert regions["finding"].sum() >= 3
    assert (regions["box"] | ~regions["finding"]).all()


def test_boxes_are_those_of_the_connected_parts():
    mask = np.zeros((8, 8), bool)
    assert not boxes(mask).any()
    mask[1, 1] = mask[2, 2] = mask[1, 2] = mask[6, 5:7] = True
    assert boxes(mask).sum() == 4 + 2
