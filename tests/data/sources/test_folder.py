"""A folder of one's own: what the columns say is so, and every mistake is named with its line."""

import numpy as np
import pytest
from PIL import Image

from xraybench.data.sources.folder import OwnFolder
from xraybench.errors import DataError, UsageError

HEADER = "path,patient_id,study_id,view,label"
SIDE = (12, 20)


def write(folder, rows, header=HEADER, name="images.csv"):
    (folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    for row in rows:
        path = folder / row.split(",")[0]
        if path.suffix == ".png" and path.is_relative_to(folder) and ".." not in path.parts:
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full(SIDE, 100, np.uint8)).save(path)
    return folder


def many(patients, images=2):
    return [f"{n}/{k}.png,p{n},s{n},PA,{n % 2}" for n in range(patients) for k in range(images)]


def test_one_row_an_image_cut_by_patient(tmp_path):
    source = OwnFolder(write(tmp_path, many(40)), {})
    index = source.index()
    assert len(index) == 80
    assert index.groupby("patient_id")["split"].nunique().max() == 1
    assert index["split"].value_counts().to_dict() == {"train": 64, "validation": 8, "test": 8}
    assert (index.groupby("split")["label"].mean() == 0.5).all()
    assert source.image(index.iloc[0].to_dict()) == pytest.approx(np.full(SIDE, 100 / 255))
    assert not source.redistributable


def test_blank_is_not_known_rather_than_zero(tmp_path):
    index = OwnFolder(write(tmp_path, ["a.png,p,s,PA,1", "b.png,q,s,PA,", "c.png,r,s,PA,0"]), {}).index()
    assert index["label"].tolist()[::2] == [1, 0]
    assert np.isnan(index["label"][1])


def test_shares_labels_and_the_table_are_settings(tmp_path):
    write(tmp_path, [f"{row},{int(n < 10)}" for n, row in enumerate(many(20, 1))], HEADER + ",metal", "mine.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    settings = {"csv": "mine.csv", "labels": ["label", "metal"], "shares": [0.4, 0.3, 0.3]}
    index = OwnFolder(tmp_path, settings).index()
    assert index["split"].value_counts().to_dict() == {"train": 8, "validation": 6, "test": 6}
    assert index["metal"].sum() == 10
    with pytest.raises(DataError, match=r"has 2 \.csv files\n.*csv = "):
        OwnFolder(tmp_path, {})


def test_the_tables_own_split_is_kept(tmp_path):
    rows = [f"{n}.png,p{n},s,PA,{n % 2},{split}" for n, split in enumerate(("train", "test", "validation"))]
    assert OwnFolder(write(tmp_path, rows, HEADER + ",split"), {}).index()["split"].tolist() == [
        "train", "test", "validation",
    ]  # fmt: skip


@pytest.mark.parametrize("column", ["inferred", "label_inferred"])
def test_patients_with_an_inferred_label_only_train(tmp_path, column):
    rows = [f"{row},{int(n < 6)}" for n, row in enumerate(many(40, 1))]
    index = OwnFolder(write(tmp_path, rows, f"{HEADER},{column}"), {}).index()
    assert index["inferred"].dtype == bool
    assert index["inferred"].sum() == 6
    assert set(index.loc[index["inferred"], "split"]) == {"train"}
    assert set(index["split"]) == {"train", "validation", "test"}


def test_masks_and_boxes_are_the_finding(tmp_path):
    mask = np.zeros(SIDE, np.uint8)
    mask[2:4, 5:8] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    rows = ["a.png,p,s,PA,1,mask.png,", "b.png,q,s,PA,1,,0 0 3 2; 10 4 2.0 2", "c.png,r,s,PA,1,mask.png,5 4 3 1",
            "d.png,t,s,PA,0,,"]  # fmt: skip
    source = OwnFolder(write(tmp_path, rows, HEADER + ",mask,boxes"), {})
    assert source.offers == {"finding"}
    one, two, both, none = (source.regions(row) for row in source.index().to_dict("records"))
    np.testing.assert_array_equal(one["finding"], mask > 0)
    assert two["finding"].sum() == 6 + 4
    assert two["finding"][0, 2]
    assert two["finding"][5, 11]
    np.testing.assert_array_equal(np.argwhere(both["finding"]).max(0), [4, 7])
    assert none == {}
    identity = source.identity()
    Image.fromarray(mask[:, ::-1]).save(tmp_path / "mask.png")
    assert source.identity() != identity


def test_without_outlines_nothing_is_offered(tmp_path):
    assert not OwnFolder(write(tmp_path, many(4)), {}).offers


def test_a_mask_of_another_size_is_refused(tmp_path):
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(tmp_path / "mask.png")
    source = OwnFolder(write(tmp_path, ["a.png,p,s,PA,1,mask.png"], HEADER + ",mask"), {})
    with pytest.raises(DataError, match=r"mask\.png: the mask is \(5, 5\), its image \(12, 20\)"):
        source.regions(source.index().iloc[0].to_dict())


GOOD = "a.png,p1,s1,PA,1"


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (HEADER, "../b.png,p2,s,PA,0", r"images\.csv: line 3: the path leads out of the folder: '\.\./b\.png'"),
        (HEADER, "/etc/b.png,p2,s,PA,0", "line 3: the path leads out"),
        (HEADER, "C:\\b.png,p2,s,PA,0", "line 3: the path leads out"),
        (HEADER, "x\\..\\..\\b.png,p2,s,PA,0", "line 3: the path leads out"),
        (HEADER, "a.png,p2,s,PA,0", r"line 3: the image is listed twice: 'a\.png'"),
        (HEADER, "b.png,p2,s,PA,2", "line 3: the label 'label' is out of range: '2'"),
        (HEADER, "b.png,p2,s,PA,yes", "line 3: the label 'label' is out of range: 'yes'"),
        (HEADER, "b.png,,s,PA,0", r"line 3: patient_id is empty, of the image: 'b\.png'"),
        (HEADER.replace("label", "labl"), "b.png,p2,s,PA,0", r"no column 'label'\n.*did you mean 'labl'"),
        (HEADER + ",split", "b.png,p2,s,PA,0,tests", "line 2: split is empty|line 3: is no split: 'tests'"),
        (HEADER + ",age", "b.png,p2,s,PA,0,old", "line 3: age is no number: 'old'"),
        (HEADER + ",inferred", "b.png,p2,s,PA,0,maybe", "line 3: inferred is neither 1 nor 0: 'maybe'"),
        (HEADER + ",mask", "b.png,p2,s,PA,0,no.png", r"line 3: the mask file is missing: 'no\.png'"),
        (HEADER + ",boxes", "b.png,p2,s,PA,0,1 2 3", "line 3: boxes holds no boxes: '1 2 3'"),
        (HEADER + ",boxes", "b.png,p2,s,PA,0,1 2 3 4 5 6 7 8", "line 3: boxes holds no boxes"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, header, row, message):
    good = GOOD + "," * (header.count(",") - HEADER.count(","))
    with pytest.raises(DataError, match=message):
        OwnFolder(write(tmp_path, [good, row], header), {}).index()


def test_two_people_with_one_id(tmp_path):
    rows = ["a.png,p1,s,PA,1,F", "b.png,p2,s,PA,1,M", "c.png,p2,s,PA,1,", "d.png,p1,s,PA,1,M"]
    with pytest.raises(
        DataError, match=r"line 5: sex differs from that of an earlier row of the same patient_id: 'p1'"
    ):
        OwnFolder(write(tmp_path, rows, HEADER + ",sex"), {}).index()


def test_lines_are_counted_through_reports_of_several_lines(tmp_path):
    rows = ['a.png,p1,s,PA,1,"no fracture,\nseen\nagain"', "b.png,p2,s,PA,9,ok"]
    with pytest.raises(DataError, match="line 5: the label"):
        OwnFolder(write(tmp_path, rows, HEADER + ",report"), {}).index()


def test_reports_stay_where_they_are(tmp_path):
    index = OwnFolder(write(tmp_path, [f"{GOOD},Mr Smith"], HEADER + ",report"), {}).index()
    assert not index.astype(str).apply(lambda column: column.str.contains("Smith")).any().any()


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    inner = tmp_path / "set"
    inner.mkdir()
    (inner / "link").symlink_to(tmp_path)
    source = OwnFolder(write(inner, ["link/a.png,p,s,PA,1"]), {})
    with pytest.raises(DataError, match="leads out"):
        source.image(source.index().iloc[0].to_dict())


def test_missing_empty_and_binary_tables(tmp_path):
    with pytest.raises(DataError, match=r"has no \.csv file"):
        OwnFolder(tmp_path, {})
    with pytest.raises(DataError, match=r"no\.csv: missing"):
        OwnFolder(tmp_path, {"csv": "no.csv"})
    with pytest.raises(DataError, match="leads out"):
        OwnFolder(tmp_path, {"csv": "../no.csv"})
    (tmp_path / "x.csv").write_text(HEADER + "\n")
    with pytest.raises(DataError, match="has no rows"):
        OwnFolder(tmp_path, {})
    (tmp_path / "x.csv").write_bytes("päth".encode("utf-16"))
    with pytest.raises(DataError, match=r"x\.csv: is not the table"):
        OwnFolder(tmp_path, {})


@pytest.mark.parametrize(
    "settings", [{"labels": []}, {"labels": "label"}, {"shares": [1, 2]}, {"shares": [1, 0, 1]}, {"train": -1}]
)
def test_settings_that_do_not_fit(tmp_path, settings):
    with pytest.raises(UsageError, match=next(iter(settings))):
        OwnFolder(write(tmp_path, [GOOD]), settings)
