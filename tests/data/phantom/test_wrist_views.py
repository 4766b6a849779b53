"""Two views of one wrist, what it wears, and its report."""

import re

import numpy as np
import pandas as pd
import pytest

from xraybench.data.phantom.cases import Population, draw
from xraybench.data.phantom.layouts import write
from xraybench.data.phantom.wrist import Wrist
from xraybench.data.phantom.wrist_reports import ABSENT, report
from xraybench.data.phantom.wrist_views import ClinicalWrist, Dressing, Worn
from xraybench.data.sources.phantom_wrist import open_source
from xraybench.errors import UsageError

FEW = {"train": 12, "validation": 3, "test": 4}
CASES = [draw(Population(seed=5, prevalence=1.0), "test", number) for number in range(25)]
BOTH = {**FEW, "views": ["PA", "lateral"], "cast": 0.5, "metal": 0.5, "parent": 0.5, "reports": True}


def test_a_plain_pa_view_is_the_wrist():
    for case in CASES[:3]:
        np.testing.assert_array_equal(ClinicalWrist(case, 64).image(), Wrist(case, 64).image())


def test_both_views_show_one_fracture_of_one_bone():
    for case in CASES:
        front, side = Wrist(case, 64), ClinicalWrist(case, 64, lateral=True)
        (bone, fracture), (other, seen) = front.fracture, side.fracture
        assert other.name == bone.name
        assert seen.at[1] == fracture.at[1]
        assert {one.name for one in side.bones} == {one.name for one in front.bones}
        assert side.finding().any()
        assert not np.array_equal(side.image(), front.image())


@pytest.mark.parametrize(
    ("worn", "region"), [(Worn(cast=True), "cast"), (Worn(metal=True), "hardware"), (Worn(parent=True), "parent")]
)
def test_what_is_worn_brightens_its_region_and_is_in_the_twin(worn, region):
    for case in CASES[:6]:
        bare, dressed = (ClinicalWrist(case, 64, True, what) for what in (Worn(), worn))
        mask = dressed.regions()[region]
        assert mask.any()
        assert not bare.regions()[region].any()
        change = dressed.image() - bare.image()
        assert change[mask].mean() > 0.02
        assert np.abs(change[~mask]).mean() < 0.02
        assert np.abs(dressed.twin() - bare.twin())[mask].mean() > 0.02


def test_only_young_children_are_held():
    worn = [Dressing(parent=1.0).of(draw(Population(), "train", number)) for number in range(300)]
    ages = [draw(Population(), "train", number).age for number in range(300)]
    assert [one.parent for one in worn] == [age <= 8 for age in ages]


def test_default_index_and_identity_know_nothing_of_it():
    source = open_source(None, FEW)
    assert not {"views", "cast", "metal", "parent", "reports"} & set(source.identity())
    assert not {"cast", "report"} & set(source.index())
    assert set(source.regions(source.index().iloc[0])) == {"finding", "difference", "box", "text", "frame"}


def test_index_of_both_views():
    source = open_source(None, BOTH)
    table = source.index()
    assert len(table) == 2 * sum(FEW.values())
    assert table.image_id.is_unique
    assert (table.groupby("study_id").view.apply(list).map(sorted) == [["PA", "lateral"]] * (len(table) // 2)).all()
    assert (table.groupby("study_id").report.nunique() == 1).all()
    for row in table.head(8).to_dict("records"):
        regions = source.regions(row)
        assert (regions["hardware"].any(), regions["cast"].any()) == (row["metal"], row["cast"])
    assert source.identity()["views"] == ("PA", "lateral")
    with pytest.raises(UsageError, match="lateral"):
        open_source(None, {"views": ["latral"]})


def test_reports_name_fractures_deny_them_doubt_and_slip():
    drawn = [draw(Population(), "train", number) for number in range(600)]
    texts = [report(case, Worn()) for case in drawn]
    assert texts == [report(case, Worn()) for case in drawn]
    for case, text in zip(drawn, texts, strict=True):
        bone = case.bone.partition(" ")[0]
        if case.fracture and not re.search("fractrue|raduis|unla|dispacement|Growht", text):
            assert bone in text
        if not case.fracture:
            assert not any(grade in text for grade in ("Displaced", "displacement", "Hairline"))
    assert sum(any(text.startswith(start[:10]) for start in ABSENT) for text in texts) > 200
    assert sum("cannot be" in text or "Suspected" in text for text in texts) > 20
    assert 10 < sum(bool(re.search("fractrue|raduis|unla|dispacement|Growht", text)) for text in texts) < 120


def test_studies_on_disk_have_two_projections(tmp_path):
    write("wrist-studies", 8, 64, 3, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out/dataset.csv", encoding="utf-8-sig")
    assert table.projection.tolist() == [1, 2] * 4
    assert (table.groupby("patient_id").study_number.nunique() == 1).all()
    assert all((tmp_path / f"out/images_part1/{stem}.png").is_file() for stem in table.filestem)
    cases = pd.read_csv(tmp_path / "out/phantom/cases.csv")
    assert cases.report.notna().all()
    for row in table.itertuples():
        lines = (tmp_path / f"out/folder_structure/yolov5/labels/{row.filestem}.txt").read_text().splitlines()
        assert any(line.startswith("4 ") for line in lines) == (row.metal == 1)
