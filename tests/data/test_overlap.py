"""Who is shared: by source and id, through a mapping, and in doubt everybody."""

import pandas as pd
import pytest

from xraybench import registry
from xraybench.data.overlap import CONTAINED, check_earlier, shared_patients
from xraybench.errors import DataError


def index(patients, splits, **columns):
    return pd.DataFrame({"patient_id": patients, "split": splits, **columns})


TEST = ["test"] * 3


def test_the_same_source_is_compared_by_patient():
    target = index(["a", "b", "c", "d"], [*TEST, "train"])
    earlier = index(["a", "b", "d", "e"], ["train", "test", "train", "validation"])
    assert shared_patients(("s", earlier), ("s", target)) == ["a"]
    assert shared_patients(("s", earlier.assign(split="validation")), ("s", target)) == ["a", "b"]
    assert shared_patients(("s", target), ("s", target)) == []


def test_other_sources_share_nobody_though_ids_are_alike():
    assert shared_patients(("mura", index(["1"], ["train"])), ("nih-cxr14", index(["1"], ["test"]))) == []


def test_rsna_is_matched_to_nih_by_the_mapping():
    nih = index(["1", "2", "3"], TEST)
    rsna = index(["1", "9"], ["train"] * 2, nih_patient=["1", "9"])
    assert shared_patients(("rsna-pneumonia", rsna), ("nih-cxr14", nih)) == ["1"]
    unknown = rsna.assign(nih_patient=["1", ""])
    assert shared_patients(("rsna-pneumonia", unknown), ("nih-cxr14", nih)) == ["1", "2", "3"]
    assert shared_patients(("rsna-pneumonia", rsna.assign(split="test")), ("nih-cxr14", nih)) == []


def test_nih_before_rsna():
    nih = index(["1", "2"], ["train", "test"])
    rsna = index(["1", "2", "uuid"], TEST, nih_patient=["1", "2", ""])
    assert shared_patients(("nih-cxr14", nih), ("rsna-pneumonia", rsna)) == ["1", "uuid"]
    assert shared_patients(("nih-cxr14", nih.assign(split="test")), ("rsna-pneumonia", rsna)) == []


def test_one_site_and_both_sites_know_patients_alike():
    both = index(["MCUCXR_0001", "CHNCXR_0001"], ["test", "test"])
    assert shared_patients(("montgomery", index(["MCUCXR_0001"], ["train"])), ("montgomery-shenzhen", both)) == [
        "MCUCXR_0001"
    ]


@pytest.mark.parametrize("part", ["montgomery", "shenzhen", "montgomery-shenzhen"])
def test_what_cannot_be_matched_counts_as_shared(part):
    train, test = index(["x"], ["train"]), index(["y", "z"], ["test"] * 2)
    assert shared_patients(("tbx11k", train), (part, test)) == ["y", "z"]
    assert shared_patients((part, train), ("tbx11k", test)) == ["y", "z"]


def test_an_earlier_stage_that_knows_test_patients_is_refused():
    target, earlier = index(["a", "b"], ["test", "test"]), index(["b", "c"], ["train", "train"])
    with pytest.raises(DataError, match=r"the stage on s learns from 's', of which 1 patients .* test set of 's'.*'b'"):
        check_earlier(("s", earlier), ("s", target), "the stage on s")
    check_earlier(("s", earlier.assign(split="test")), ("s", target), "the stage on s")


def test_containments_name_known_sources():
    assert {name for one in CONTAINED for name in (one.part, one.whole)} <= set(registry.SOURCES)
