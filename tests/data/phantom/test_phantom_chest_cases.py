"""Who has what: tuberculosis, site and text; the fourteen observations and what a report says of them."""

import numpy as np
import pytest

from xraybench.data.phantom.chexpert_cases import (
    DEVICES,
    FALSE_HEDGE,
    LABELS,
    NOTHING,
    OPACITIES,
    OPACITY,
    draw_chexpert,
    masks,
)  # fmt: skip
from xraybench.data.phantom.tb_cases import SITE_B, TEXT_SHARE, TbPopulation, draw_tb
from xraybench.data.sources.phantom_chexpert import open_source as open_chexpert
from xraybench.data.sources.phantom_tb import open_source as open_tb
from xraybench.errors import DataError, UsageError

COUNT = 4000


def tb_cases(population, split="train"):
    return [draw_tb(population, split, number) for number in range(COUNT)]


@pytest.fixture(scope="module")
def studies():
    return [draw_chexpert(3, "train", number) for number in range(COUNT)]


def rates(drawn, of):
    """P(of | TB) and P(of | none)."""
    return [np.mean([of(case) for case in drawn if case.tb == label]) for label in (True, False)]


def test_text_site_and_persons_are_independent_of_tuberculosis_by_default():
    drawn = tb_cases(TbPopulation())
    np.testing.assert_allclose(rates(drawn, lambda case: case.text), TEXT_SHARE, atol=0.03)
    np.testing.assert_allclose(rates(drawn, lambda case: case.site == "B"), SITE_B, atol=0.03)
    assert np.ptp(rates(drawn, lambda case: case.look_alike != "none")) < 0.04
    assert np.ptp(rates(drawn, lambda case: case.age)) < 1.5


@pytest.mark.parametrize("share", [0.9, 0.2])
def test_shortcut_and_confounding_hold_in_training_only(share):
    population = TbPopulation(shortcut=share, confounding=share)
    for split, expected in (("train", (share, 1 - share)), ("test", None)):
        drawn = tb_cases(population, split)
        np.testing.assert_allclose(rates(drawn, lambda case: case.text), expected or TEXT_SHARE, atol=0.03)
        np.testing.assert_allclose(rates(drawn, lambda case: case.site == "B"), expected or SITE_B, atol=0.03)


def test_shortcut_changes_nothing_but_the_text():
    for number in range(40):
        plain, short = (draw_tb(TbPopulation(shortcut=rate), "train", number) for rate in (None, 1.0))
        assert short.text == short.tb
        assert (plain.seed, plain.grade, plain.finding) == (short.seed, short.grade, short.finding)


def test_no_finding_excludes_all_but_devices(studies):
    normal = [case for case in studies if case.truth[NOTHING]]
    assert 0.15 < len(normal) / COUNT < 0.3
    assert any(case.truth[DEVICES] for case in normal)
    for case in normal:
        assert not any(case.truth[label] for label in LABELS if label not in (NOTHING, DEVICES))


def test_lung_opacity_is_the_parent_of_its_kinds(studies):
    for case in studies:
        if any(case.truth[label] for label in OPACITIES):
            assert case.truth[OPACITY]
            assert OPACITY not in case.findings


def test_findings_of_heart_failure_go_together(studies):
    truth = {label: np.array([case.truth[label] for case in studies]) for label in LABELS}
    for label in ("Cardiomegaly", "Pleural Effusion", DEVICES):
        assert np.corrcoef(truth["Edema"], truth[label])[0, 1] > 0.1
    assert all(values.mean() > 0.03 for values in truth.values())


def test_reports_hedge_about_faint_findings_and_leave_out_most_that_is_absent(studies):
    said = {True: {}, False: {}}
    for case in studies:
        for label in LABELS[1:-1]:
            present = bool(case.truth[label])
            said[present].setdefault(case.grade, []).append(case.said[label])
    hedged = {grade: np.mean(np.array(values) == -1) for grade, values in said[True].items()}
    assert hedged["subtle"] > 2 * hedged["moderate"] > 2 * hedged["obvious"]
    assert all(not np.isnan(values).any() and 0 not in values for values in said[True].values())
    absent = np.concatenate(list(said[False].values()))
    assert not (absent == 1).any()
    np.testing.assert_allclose(np.mean(absent == -1), FALSE_HEDGE, atol=0.01)
    assert np.isnan(absent).mean() > 0.5


def test_test_labels_are_what_is_so():
    for number in range(50):
        case = draw_chexpert(0, "test", number)
        assert dict(case.said) == case.truth


def test_patients_have_several_studies_and_the_same_anatomy(studies):
    by_patient = {}
    for case in studies:
        by_patient.setdefault(case.patient, []).append(case)
    assert {len(cases) for cases in by_patient.values()} == {1, 2, 3}
    for cases in list(by_patient.values())[:50]:
        assert [case.study for case in cases] == list(range(1, len(cases) + 1))
        assert len({(case.subject.patient, case.subject.age, case.subject.male) for case in cases}) == 1
        assert len({case.subject.seed for case in cases}) == len(cases)


def test_masks_are_those_of_what_is_present():
    for number in range(25):
        case = draw_chexpert(1, "test", number)
        drawn = masks(case, case.chest(96))
        assert set(drawn) == set(LABELS) - {NOTHING}
        for label, mask in drawn.items():
            assert mask.any() == bool(case.truth[label]), (number, label)


def test_uncertain_and_blank_policies():
    settings = {"train": 300, "validation": 0, "test": 0}
    tables = {policy: open_chexpert(None, {**settings, "uncertain": policy}).index() for policy in ("zeros", "ones")}
    ignored = open_chexpert(None, {**settings, "uncertain": "ignore", "blank": "missing"}).index()
    for label in LABELS:
        unsure = tables["zeros"][f"{label} uncertain"] == 1
        assert (tables["zeros"].loc[unsure, label] == 0).all()
        assert (tables["ones"].loc[unsure, label] == 1).all()
        assert ignored.loc[unsure, label].isna().all()
        assert (tables["zeros"].loc[~unsure, label] == tables["ones"].loc[~unsure, label]).all()
        known = ignored[label].notna()
        assert (ignored.loc[known, label] == tables["zeros"].loc[known, label]).all()
    assert ignored["Edema"].isna().mean() > 0.3


@pytest.mark.parametrize("opened", [open_tb, open_chexpert])
def test_sources_give_images_masks_and_twins(opened):
    source = opened(None, {"size": 64, "train": 6, "validation": 2, "test": 2})
    table = source.index()
    assert table.split.tolist() == ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    assert table.image_id.is_unique
    assert (table.groupby("patient_id").split.nunique() == 1).all()
    assert list(table)[:7] == ["image_id", "patient_id", "study_id", "path", "split", "view", "site"]
    for row in table.to_dict("records"):
        image, regions, twin = source.image(row), source.regions(row), source.twin(row)
        assert image.shape == (64, 64)
        if regions["finding"].any():
            assert (np.abs(image - twin) > 0).any()
        else:
            assert twin is None or (opened is open_chexpert and np.array_equal(twin, image))
        union = np.logical_or.reduce([mask for name, mask in regions.items() if name.startswith("finding")])
        np.testing.assert_array_equal(union, regions["finding"])
    assert source.phantom
    assert source.redistributable
    with pytest.raises(DataError, match="not a row"):
        source.image({"image_id": "wrist-test-1"})


@pytest.mark.parametrize(
    ("opened", "wrong"),
    [
        (open_tb, {"sise": 64}), (open_tb, {"size": 32}), (open_tb, {"prevalence": 2.0}), (open_tb, {"train": -1}),
        (open_tb, {"obvious": 0.0, "moderate": 0.0, "subtle": 0.0}), (open_tb, {"confounding": 1.5}),
        (open_chexpert, {"uncertain": "maybe"}), (open_chexpert, {"blank": "no"}), (open_chexpert, {"size": 600}),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused(opened, wrong):
    with pytest.raises(UsageError):
        opened(None, wrong)


@pytest.mark.parametrize("opened", [open_tb, open_chexpert])
def test_phantoms_read_no_folder(opened, tmp_path):
    with pytest.raises(UsageError, match="reads no folder"):
        opened(tmp_path, {})
