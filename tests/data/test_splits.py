"""No patient in two splits; which images are explained depends on their ids alone."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xraybench.data.splits import cap, check_split, choose_explained, cut_by_patient, split_digest
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


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=80), st.integers(0, 99))
def test_a_cut_keeps_patients_whole_whatever_the_row_order(rows, seed):
    patients = pd.Series([f"p{patient}" for patient, _ in rows])
    labels = pd.Series([float(label) for _, label in rows])
    split = cut_by_patient(patients, labels, seed)
    assert split.groupby(patients).nunique().max() == 1
    backwards = cut_by_patient(patients[::-1], labels[::-1], seed)
    assert backwards[split.index].tolist() == split.tolist()


def test_a_cut_shares_out_each_stratum():
    patients = pd.Series([f"p{number}" for number in range(1000)])
    labels = pd.Series([float(number % 10 == 0) for number in range(1000)])
    split = cut_by_patient(patients, labels, 3, {"train": 0.7, "validation": 0.2, "test": 0.1})
    counts = labels.groupby(split).agg(["size", "sum"])
    assert counts.loc[["train", "validation", "test"]].to_numpy().tolist() == [[700, 70], [200, 20], [100, 10]]
    assert not split.equals(cut_by_patient(patients, labels, 4, {"train": 0.7, "validation": 0.2, "test": 0.1}))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(0, 30))
def test_a_cap_is_a_prefix_of_a_larger_one(patients, count):
    index = table([f"p{patient}" for patient in patients], ["train"] * len(patients))
    fewer, more = cap(index, "train", count), cap(index, "train", count + 3)
    assert len(fewer) == min(count, len(index))
    assert set(fewer["image_id"]) <= set(more["image_id"])
    assert cap(index, "test", 0).equals(index)
