"""No patient in two splits; which images are explained depends on their ids alone."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xraybench.data.splits import check_split, choose_explained, split_digest
from xraybench.errors import DataError


def table(patients, splits):
    ids = [f"i{number}" for number in range(len(patients))]
    return pd.DataFrame({"image_id": ids, "patient_id": patients, "split": splits})


def test_a_patient_in_two_splits_is_refused():
    good = table(["a", "b", "c"], ["train", "validation", "test"])
    check_split(good)
    with pytest.raises(DataError, match="patient 'a'"):
        check_split(table(["a", "b", "c", "a"], ["train", "validation", "test", "test"]))


def test_an_empty_split_is_refused():
    with pytest.raises(DataError, match="validation split has no image"):
        check_split(table(["a", "c"], ["train", "test"]))


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40), st.integers(1, 40), st.randoms(use_true_random=False))
def test_chosen_images_are_a_prefix_whatever_the_row_order_and_no_patient_comes_twice_too_early(
    patients, count, random
):
    index = table([f"p{patient}" for patient in patients], ["test"] * len(patients))
    chosen = choose_explained(index, pd.Series(True, index.index), count)
    more = choose_explained(index, pd.Series(True, index.index), count + 5)
    assert list(chosen["image_id"]) == list(more["image_id"])[:count]
    order = list(index.index)
    random.shuffle(order)
    shuffled = index.loc[order]
    assert list(choose_explained(shuffled, pd.Series(True, shuffled.index), count)["image_id"]) == list(
        chosen["image_id"]
    )
    turns = chosen.groupby("patient_id").cumcount().tolist()
    assert turns == sorted(turns)


def test_only_eligible_test_images_are_chosen():
    index = table(["a", "b", "c", "d"], ["train", "test", "test", "validation"])
    chosen = choose_explained(index, pd.Series([True, False, True, True]), 10)
    assert list(chosen["image_id"]) == ["i2"]


def test_the_digest_is_of_the_split_and_not_of_the_order():
    index = table(["a", "b", "c"], ["train", "validation", "test"])
    assert split_digest(index) == split_digest(index.iloc[::-1])
    assert split_digest(index) != split_digest(index.assign(split=["train", "test", "validation"]))
