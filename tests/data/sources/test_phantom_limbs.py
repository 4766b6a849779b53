"""The sources phantom-mura and phantom-anatomy: their tables, settings and errors."""

import numpy as np
import pytest

from xraybench.data.phantom.whole_body import CLASSES
from xraybench.data.sources import phantom_anatomy, phantom_mura
from xraybench.data.splits import check_split
from xraybench.errors import DataError, UsageError

FEW = {"train": 40, "validation": 20, "test": 30}


def test_mura_table():
    table = phantom_mura.open_source(None, FEW).index()
    check_split(table)
    assert table.image_id.is_unique
    assert table.groupby("split").size().to_dict() == FEW
    assert (table.groupby("study_id").abnormal.nunique() == 1).all()
    assert (table.groupby("study_id").body_part.nunique() == 1).all()
    assert ((table.finding_kind != "none") == (table.abnormal == 1)).all()


def test_mura_settings_choose_parts_and_kinds():
    source = phantom_mura.open_source(
        None, {"parts": ["hand", "wrist"], "train": 200, "prevalence": 1, "fracture": 0, "lesion": 0, "degenerate": 0}
    )
    table = source.index()
    assert set(table.body_part) == {"hand", "wrist"}
    assert set(table.finding_kind) == {"hardware"}
    assert source.identity()["parts"] == ("hand", "wrist")


def test_anatomy_table_and_regions():
    source = phantom_anatomy.open_source(None, FEW)
    table = source.index()
    check_split(table)
    assert (table[list(CLASSES)].sum(axis=1) == 1).all()
    for row in table.head(20).to_dict("records"):
        regions = source.regions(row)
        assert row[row["body_part"]] == 1
        assert 0.01 < regions["landmark"].mean() < 0.7
        np.testing.assert_array_equal(regions["landmark"], regions["finding"])
        assert regions["text"].any() == (row["legend"] != "")
        assert source.twin(row) is None


def test_every_region_can_be_asked_for_alone():
    for region in CLASSES:
        source = phantom_anatomy.open_source(None, {"parts": [region], "train": 3, "validation": 0, "test": 0})
        for row in source.index().to_dict("records"):
            assert row["body_part"] == region
            assert source.image(row).shape == (64, 64)


@pytest.mark.parametrize("module", [phantom_mura, phantom_anatomy])
@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"part": ["hand"]}, "parts"),
        ({"parts": ["hnad"]}, "hand"),
        ({"parts": []}, "parts"),
        ({"size": 32}, "64 to 512"),
        ({"train": -1}, "whole number"),
    ],
)
def test_settings_that_do_not_fit(module, settings, match):
    with pytest.raises(UsageError, match=match):
        module.open_source(None, settings)


def test_shares_that_do_not_fit():
    with pytest.raises(UsageError, match="0 to 1"):
        phantom_mura.open_source(None, {"prevalence": 1.5})
    with pytest.raises(UsageError, match="no kind"):
        phantom_mura.open_source(None, {"fracture": 0, "lesion": 0, "degenerate": 0, "hardware": 0})


@pytest.mark.parametrize("module", [phantom_mura, phantom_anatomy])
def test_folders_and_foreign_rows_are_refused(module, tmp_path):
    with pytest.raises(UsageError, match="reads no folder"):
        module.open_source(tmp_path, {})
    source = module.open_source(None, FEW)
    for row in ({"image_id": "wrist-test-000001"}, {}, {"image_id": "mura-test-000000-9-1"}):
        with pytest.raises(DataError):
            source.image(row)
