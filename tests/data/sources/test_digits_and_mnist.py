"""The two data sets of digits: official files, official splits, and the bundled ones under their own name."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from xraybench.data.sources.digits import Digits
from xraybench.data.sources.mnist import Mnist
from xraybench.errors import DataError, UsageError

SHARED = Path(__file__).parents[4] / "shared" / "data" / "mnist"
needs_mnist = pytest.mark.skipif(not SHARED.is_dir(), reason="no MNIST at shared/data/mnist beside the checkout")


def test_the_bundled_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    source, bundle = Digits(None, {}), load_digits()
    table = source.index()
    assert len(table) == 1797
    row = table.iloc[100].to_dict()
    np.testing.assert_allclose(source.image(row), bundle.images[100] / 16)
    assert row[str(bundle.target[100])] == 1
    assert sum(row[str(digit)] for digit in range(10)) == 1
    assert set(table["split"]) == {"train", "validation", "test"}
    assert source.name == "digits"


def test_digits_take_no_folder_and_no_settings(tmp_path):
    with pytest.raises(DataError, match="--source mnist"):
        Digits(tmp_path, {})
    with pytest.raises(UsageError):
        Digits(None, {"train": 3})


@needs_mnist
def test_mnist_has_the_official_splits_and_counts():
    source = Mnist(SHARED, {})
    table = source.index()
    assert table["split"].value_counts().to_dict() == {"train": 55000, "validation": 5000, "test": 10000}
    assert table[[str(digit) for digit in range(10)]].sum().sum() == 70000
    test = table[table["split"] == "test"]
    assert test[[str(digit) for digit in range(10)]].sum().tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    image = source.image(test.iloc[0].to_dict())
    assert image.shape == (28, 28)
    assert image.max() <= 1
    assert test.iloc[0]["7"] == 1  # the first test digit is a seven


@needs_mnist
def test_settings_take_the_first_of_each_split():
    table = Mnist(SHARED, {"train": 7, "test": 3}).index()
    assert table["split"].value_counts().to_dict() == {"train": 7, "validation": 5000, "test": 3}


def test_missing_and_false_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte\.gz: missing"):
        Mnist(tmp_path, {}).index()
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"\x00\x00\x08\x01\x00\x00\x00\x01\x05"))
    with pytest.raises(DataError, match="is not the official file"):
        Mnist(tmp_path, {}).index()
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(b"torn")
    with pytest.raises(DataError, match="does not decompress"):
        Mnist(tmp_path, {}).index()


def test_mnist_without_a_folder_names_the_alternative():
    with pytest.raises(DataError, match="--source digits"):
        Mnist(None, {})
