"""Data sets that contain one another, and whom an earlier training stage and the target's test set would share."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from xraybench.errors import DataError


@dataclass(frozen=True)
class Contained:
    """`part`'s images (some or all) are images of `whole`.

    key: the column of part's index with whole's patient ids, blank where unknown; None where the two cannot be matched.
    """

    part: str
    whole: str
    key: str | None


CONTAINED = (
    Contained("rsna-pneumonia", "nih-cxr14", "nih_patient"),
    Contained("montgomery", "montgomery-shenzhen", "patient_id"),
    Contained("shenzhen", "montgomery-shenzhen", "patient_id"),
    Contained("montgomery", "tbx11k", None),  # in its imgs/extra
    Contained("shenzhen", "tbx11k", None),
    Contained("montgomery-shenzhen", "tbx11k", None),
)


def check_earlier(earlier: tuple[str, pd.DataFrame], target: tuple[str, pd.DataFrame], what: str) -> None:
    """DataError where an earlier stage, named by `what`, learns from a patient of the target's test set."""
    shared = shared_patients(earlier, target)
    if shared:
        raise DataError(
            f"{what} learns from {earlier[0]!r}, of which {len(shared)} patients are, or may be, of the test set of "
            f"{target[0]!r} ({shared[0]!r}, ...)",
            "cut both splits alike, or take these patients out of the earlier stage's data",
        )


def shared_patients(earlier: tuple[str, pd.DataFrame], target: tuple[str, pd.DataFrame]) -> list[str]:
    """The target's test patients of whom an earlier training stage has, or may have, seen an image; sorted.

    earlier, target: a source's name and its index. The stage learns from all rows but those of its own test split.
    Patients are the same where source and id are, or where a containment above says how ids match; where it cannot
    say (no key, or a blank one), every test patient in question counts as shared.
    """
    (source, seen), (target_source, index) = earlier, target
    seen, test = seen[seen["split"] != "test"], index[index["split"] == "test"]
    patients = test["patient_id"].astype(str)
    if source == target_source:
        return _among(patients, patients.isin(set(seen["patient_id"].astype(str))))
    for one in CONTAINED:
        if (source, target_source) == (one.part, one.whole):
            known = _ids(seen, one.key)
            unclear = bool((known == "").any())
            return _among(patients, patients.isin(set(known)) | unclear)
        if (source, target_source) == (one.whole, one.part):
            known = _ids(test, one.key)
            possible = known.isin(set(seen["patient_id"].astype(str))) | ((known == "") & bool(len(seen)))
            return _among(patients, possible)
    return []


def _ids(index: pd.DataFrame, key: str | None) -> pd.Series:
    """The ids by which the containing set knows an index's patients; blank where it is not known."""
    return index[key].fillna("").astype(str) if key else pd.Series("", index.index, dtype=str)


def _among(patients: pd.Series, shared: pd.Series) -> list[str]:
    return sorted(patients[shared].unique())
