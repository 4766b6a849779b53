"""MURA's four tables and its folders, written here as the publisher describes them."""

import numpy as np
import pytest
from PIL import Image

from xraybench.data.sources.mura import Mura
from xraybench.data.splits import check_split
from xraybench.errors import DataError, UsageError

STUDIES = {  # study -> number of images
    "train": {
        **{f"XR_WRIST/patient{n:05d}/study1_{'positive' if n % 2 else 'negative'}": 2 for n in range(1, 21)},
        "XR_HAND/patient00001/study2_negative": 1,
        "XR_SHOULDER/patient00030/study1_positive": 3,
    },
    "valid": {
        "XR_WRIST/patient11185/study1_positive": 4,
        "XR_ELBOW/patient11186/study1_negative": 1,
    },
}


def written(folder, pixels=False):
    """A folder MURA-v1.1 below `folder`; with its pictures, L and RGB in turn, where asked for."""
    top = folder / "MURA-v1.1"
    top.mkdir(parents=True)
    for split, studies in STUDIES.items():
        images = [
            f"MURA-v1.1/{split}/{study}/image{n + 1}.png" for study, count in studies.items() for n in range(count)
        ]
        (top / f"{split}_image_paths.csv").write_text("\n".join(images) + "\n")
        lines = [f"MURA-v1.1/{split}/{study}/,{int(study.endswith('positive'))}" for study in studies]
        (top / f"{split}_labeled_studies.csv").write_text("\n".join(lines) + "\n")
        for n, image in enumerate(images if pixels else ()):
            (folder / image).parent.mkdir(parents=True, exist_ok=True)
            grey = np.arange(96 * 90, dtype=np.uint32).reshape(96, 90) % 251
            Image.fromarray(grey.astype(np.uint8)).convert("RGB" if n % 2 else "L").save(folder / image)
    return top


def test_the_label_is_the_studys_and_every_view_has_it(tmp_path):
    index = Mura(written(tmp_path), {}).index()
    assert len(index) == 20 * 2 + 1 + 3 + 4 + 1
    assert index.groupby("study_id")["abnormal"].nunique().max() == 1
    views = index[index["patient_id"] == "patient11185"]
    assert views["abnormal"].tolist() == [1] * 4
    assert index["image_id"].is_unique


def test_the_official_valid_is_the_test_set_and_validation_is_of_other_patients(tmp_path):
    index = Mura(written(tmp_path), {}).index()
    assert set(index.loc[index["split"] == "test", "patient_id"]) == {"patient11185", "patient11186"}
    assert set(index["split"]) == {"train", "validation", "test"}
    check_split(index)
    again = Mura(tmp_path / "MURA-v1.1", {"split_seed": 1}).index()
    assert (again["split"] != index["split"]).any()
    assert (again["split"] == "test").equals(index["split"] == "test")


def test_a_patient_with_two_parts_is_one_patient_with_two_studies(tmp_path):
    index = Mura(written(tmp_path), {}).index()
    one = index[index["patient_id"] == "patient00001"]
    assert set(one["study_id"]) == {"patient00001-wrist-study1", "patient00001-hand-study2"}
    assert one["split"].nunique() == 1


def test_body_parts_are_a_column_and_labels_and_can_be_chosen(tmp_path):
    index = Mura(written(tmp_path), {"parts": ["wrist", "elbow"]}).index()
    assert set(index["body_part"]) == {"wrist", "elbow"}
    assert (index[["wrist", "elbow"]].sum(axis=1) == 1).all()
    assert (index["wrist"] == 1).equals(index["body_part"] == "wrist")
    assert index["hand"].sum() == 0
    for wrong in (["writs"], "wrist"):
        with pytest.raises(UsageError, match="wrist"):
            Mura(tmp_path, {"parts": wrong})


def test_the_parts_are_part_of_the_identity(tmp_path):
    top = written(tmp_path)
    assert Mura(top, {"parts": ["wrist"]}).identity() != Mura(top, {}).identity()


def test_the_folder_above_is_as_good(tmp_path):
    top = written(tmp_path, pixels=True)
    inside, above = Mura(top, {}), Mura(tmp_path, {})
    assert inside.index().drop(columns="path").equals(above.index().drop(columns="path"))
    for mine, other in zip(inside.index().to_dict("records"), above.index().to_dict("records"), strict=True):
        assert inside.path(mine) == above.path(other)
        assert inside.path(mine).is_file()


def test_l_and_rgb_give_the_same_grey(tmp_path):
    source = Mura(written(tmp_path, pixels=True), {})
    first, second = source.index().to_dict("records")[:2]
    expected = (np.arange(96 * 90).reshape(96, 90) % 251 / 255).astype(np.float32)
    np.testing.assert_allclose(source.image(first), expected, atol=1e-6)
    np.testing.assert_allclose(source.image(second), expected, atol=1e-6)
    assert source.regions(first) == {}
    assert source.offers == frozenset()


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("train_image_paths.csv", "train/XR_HAND", "train/XR_FOOT", r"image_paths\.csv: line 41: is not an image"),
        ("valid_image_paths.csv", "MURA-v1.1/valid", "MURA-v1.1/../valid", r"line 1: is not an image of valid"),
        ("valid_image_paths.csv", "MURA-v1.1/valid", "MURA-v1.1/train", r"line 1: is not an image of valid"),
        ("train_labeled_studies.csv", "study2_negative/,0", "study2_negative/,1", "line 21: label and folder disagree"),
        ("train_labeled_studies.csv", "study2_negative/,0", "study2_negative/,2", "line 21: the label is not 0 or 1"),
        ("train_labeled_studies.csv", "study2_negative", "study9_negative", r"line 41: its study is not in"),
    ],
)
def test_tables_that_are_not_the_official_ones(tmp_path, name, old, new, message):
    top = written(tmp_path)
    text = (top / name).read_text()
    assert old in text
    (top / name).write_text(text.replace(old, new))
    with pytest.raises(DataError, match=message):
        Mura(top, {}).index()


def test_a_missing_table_says_where_to_ask(tmp_path):
    top = written(tmp_path)
    (top / "valid_labeled_studies.csv").unlink()
    with pytest.raises(DataError, match=r"valid_labeled_studies\.csv: missing(?s:.*)Stanford"):
        Mura(top, {}).index()
