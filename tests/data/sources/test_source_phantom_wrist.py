"""The source phantom-wrist keeps the contract of a source."""

import json
from pathlib import Path

import numpy as np
import pytest

from xraybench.data.sources.phantom_wrist import open_source
from xraybench.errors import DataError, UsageError
from xraybench.identity import canonical, digest

SMALL = {"size": 64, "train": 20, "validation": 6, "test": 10, "seed": 2}


@pytest.fixture(scope="module")
def source():
    return open_source(None, SMALL)


def test_index(source):
    table = source.index()
    assert table.split.value_counts().to_dict() == {"train": 20, "test": 10, "validation": 6}
    assert table.image_id.is_unique
    assert table.patient_id.is_unique
    assert set(table.fracture) == {0, 1}
    assert ((table.grade == "none") == (table.fracture == 0)).all()
    assert ((table.bone == "") == (table.fracture == 0)).all()
    assert set(table.view) == {"PA"}
    strata = {"path", "study_id", "site", "age", "sex", "laterality", "legend", "look_alike"}
    assert strata <= set(table)


def test_a_row_may_come_from_json_in_any_order(source):
    rows = source.index().to_dict("records")
    first = [source.image(row) for row in rows]
    again = [source.image(json.loads(json.dumps(row))) for row in reversed(rows)]
    for one, other in zip(first, reversed(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_more_images_leave_the_others_as_they_are(source):
    more = open_source(None, SMALL | {"train": 40}).index().set_index("image_id")
    few = source.index().set_index("image_id")
    assert more.loc[few.index].equals(few)


def test_regions_and_twin(source):
    for row in source.index().to_dict("records")[:8]:
        regions = source.regions(row)
        assert regions["finding"].any() == bool(row["fracture"])
        assert (source.twin(row) is not None) == bool(row["fracture"])


def test_another_seed_gives_other_images(source):
    row = source.index().iloc[0]
    other = open_source(None, SMALL | {"seed": 3})
    assert not np.array_equal(source.image(row), other.image(row))


def test_identity_is_plain_and_tells_settings_apart(source):
    assert json.loads(canonical(source.identity())) == source.identity()
    other = open_source(None, SMALL | {"shortcut": 0.9})
    assert digest(source.identity()) != digest(other.identity())
    assert source.phantom
    assert source.redistributable


def test_ten_thousand_rows_are_cheap():
    assert len(open_source(None, {"train": 10_000, "validation": 0, "test": 0}).index()) == 10_000


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sise": 64}, "did you mean 'size'"),
        ({"size": 32}, "64 to 512"),
        ({"size": "64"}, "whole number"),
        ({"train": -1}, "whole number"),
        ({"shortcut": 1.5}, "from 0 to 1"),
        ({"prevalence": "half"}, "from 0 to 1"),
        ({"displaced": 0, "moderate": 0, "hairline": 0}, "more than 0"),
    ],
)
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(UsageError, match=message):
        open_source(None, settings)


def test_a_folder_is_refused():
    with pytest.raises(UsageError, match="reads no folder"):
        open_source(Path(), {})


def test_a_row_of_another_source_is_refused(source):
    with pytest.raises(DataError, match="not a row"):
        source.image({"image_id": "mnist-7"})
