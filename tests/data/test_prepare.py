"""Preparation: what is decoded once is what the source gives, whatever the number of processes."""

import numpy as np
import pytest

from xraybench.data.prepare import prepare
from xraybench.data.sources import phantom_wrist
from xraybench.errors import DataError

SETTINGS = {"size": 64, "train": 150, "validation": 10, "test": 40}


def positive(index):
    return index["fracture"] == 1


def nothing(done, total):
    pass


@pytest.fixture(scope="module")
def source():
    return phantom_wrist.open_source(None, SETTINGS)


@pytest.fixture(scope="module")
def prepared(source, tmp_path_factory):
    return prepare(source, tmp_path_factory.mktemp("one"), 64, positive, 8, 1, nothing)


def test_pixels_masks_and_twins_are_the_sources(prepared, source):
    rows = prepared.index.to_dict("records")
    np.testing.assert_allclose(prepared.grey(np.array([3]))[0], source.image(rows[3]), atol=1e-5)
    explained = prepared.explained
    assert len(explained.rows) == 8
    for position, number in enumerate(explained.rows):
        assert rows[number]["split"] == "test"
        assert rows[number]["fracture"] == 1
        for name, mask in source.regions(rows[number]).items():
            np.testing.assert_array_equal(explained.regions[name][position], mask)
        np.testing.assert_allclose(explained.twins[position], source.twin(rows[number]), atol=1e-6)


def test_statistics_and_the_mean_mask_are_of_the_training_images(prepared, source):
    train = prepared.index[prepared.index["split"] == "train"]
    images = np.stack([source.image(row) for row in train.to_dict("records")])
    assert prepared.statistics.mean == pytest.approx(images.mean(), abs=1e-4)
    assert prepared.statistics.std == pytest.approx(images.std(), abs=1e-4)
    masks = [source.regions(row)["finding"] for row in train[train["fracture"] == 1].to_dict("records")]
    np.testing.assert_allclose(prepared.mean_training_mask, np.mean(masks, axis=0), atol=1e-6)


def test_two_processes_prepare_the_same(prepared, source, tmp_path):
    again = prepare(source, tmp_path / "two", 64, positive, 8, 2, nothing)
    np.testing.assert_array_equal(again.pixels, prepared.pixels)
    np.testing.assert_array_equal(again.mean_training_mask, prepared.mean_training_mask)
    np.testing.assert_array_equal(again.explained.twins, prepared.explained.twins)


def test_what_is_prepared_is_not_prepared_again(prepared, source):
    class Broken(phantom_wrist.PhantomWrist):
        def image(self, row):
            raise AssertionError("decoded again")

    assert (
        prepare(Broken(source.settings), prepared.folder, 64, positive, 8, 1, nothing).statistics == prepared.statistics
    )


def test_nothing_to_explain_is_an_error(source, tmp_path):
    with pytest.raises(DataError, match="no test image can be explained"):
        prepare(source, tmp_path / "none", 64, lambda index: index["fracture"] == 7, 8, 1, nothing)
    assert not (tmp_path / "none").exists()
