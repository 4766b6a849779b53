"""The real files as they lie, and the traps of the layout: commas in headers, joined labels, boxes in 1024 pixels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xraybench.data.sources.nih_cxr14 import LABELS, NihCxr14, _boxes
from xraybench.errors import DataError

SHARED = Path(__file__).parents[3] / "../shared/data/nih_cxr14"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data at {SHARED}")

ENTRIES = """\
Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,\
OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]
00000001_000.png,Cardiomegaly|Effusion,0,1,57,M,PA,2682,2749,0.143,0.143
00000001_001.png,No Finding,1,1,58,M,PA,2894,2729,0.143,0.143
00000002_000.png,Infiltration,0,2,80,F,AP,2500,2048,0.168,0.168
00000003_000.png,No Finding,0,3,74,F,AP,2500,2048,0.168,0.168
"""
BOXES = """\
Image Index,Finding Label,Bbox [x,y,w,h],,,
00000002_000.png,Infiltrate,256.0,512.0,128.0,64.0
00000001_000.png,Cardiomegaly,0,0,512,512
00000001_000.png,Effusion,768.5,768.5,100,100
00000099_000.png,Mass,1,1,5,5
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text(ENTRIES)
    (tmp_path / "BBox_List_2017.csv").write_text(BOXES)
    for number, stem in enumerate(("00000001_000", "00000001_001", "00000002_000", "00000003_000")):
        grey = Image.fromarray(np.full((1024, 1024), 10 * number + 5, np.uint8))
        (grey if number else grey.convert("RGBA")).save(tmp_path / f"images/{stem}.png")
    return tmp_path


def change(folder, name, old, new):
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


@needs_shared
@pytest.mark.parametrize("settings", [{}, {"partial": True}])
def test_the_real_files_as_they_lie(settings):
    source = NihCxr14(SHARED, settings)
    index = source.index()
    assert len(index) == 30
    assert index["patient_id"].nunique() == 22
    assert index.groupby("patient_id")["split"].nunique().max() == 1
    assert index["No Finding"].sum() == 8
    assert (index["patient_id"].value_counts().head(2) >= 5).all()
    rows = index.to_dict("records")
    assert all(source.image(row).shape == (1024, 1024) for row in rows)
    boxed = [row for row in rows if row["boxed"]]
    assert len(boxed) == 12
    for row in boxed:
        regions = source.regions(row)
        name = next(name for name in regions if name != "finding")
        assert row[name.removeprefix("finding:")] == 1
        assert 0.002 < regions["finding"].mean() < 0.4
    assert all(not source.regions(row) for row in rows if not row["boxed"])


@needs_shared
def test_the_real_box_list_is_read_whole():
    lines = (SHARED / "BBox_List_2017.csv").read_text().splitlines()[1:]
    read = _boxes(SHARED / "BBox_List_2017.csv")
    assert sum(len(drawn) for labels in read.values() for drawn in labels.values()) == len(lines) == 984
    assert len(read) == len({line.split(",")[0] for line in lines}) == 880
    assert "Infiltration" in {label for labels in read.values() for label in labels}


def test_headers_with_commas_and_joined_labels(folder):
    index = NihCxr14(folder, {}).index().set_index("image_id")
    positive = {image: [label for label in LABELS if row[label] == 1] for image, row in index.iterrows()}
    assert positive == {
        "00000001_000": ["Cardiomegaly", "Effusion"], "00000001_001": [], "00000002_000": ["Infiltration"],
        "00000003_000": [],
    }  # fmt: skip
    assert index["No Finding"].tolist() == [0, 1, 0, 1]
    assert index["view"].tolist() == ["PA", "PA", "AP", "AP"]
    assert index["age"].tolist() == [57, 58, 80, 74]
    assert index["study_id"].tolist() == ["1-0", "1-1", "2-0", "3-0"]


def test_boxes_count_the_pixels_of_the_image(folder):
    source = NihCxr14(folder, {})
    heart, _, lung, _ = source.index().to_dict("records")
    regions = source.regions(heart)
    assert set(regions) == {"finding", "finding:Cardiomegaly", "finding:Effusion"}
    assert regions["finding:Cardiomegaly"].sum() == 512 * 512
    assert regions["finding:Cardiomegaly"][:512, :512].all()
    assert regions["finding"].sum() == 512 * 512 + 100 * 100
    expected = np.zeros((1024, 1024), bool)
    expected[512:576, 256:384] = True
    assert (source.regions(lung)["finding:Infiltration"] == expected).all()


def test_boxes_follow_a_copy_of_another_size(folder):
    Image.new("L", (256, 256)).save(folder / "images/00000002_000.png")
    source = NihCxr14(folder, {})
    expected = np.zeros((256, 256), bool)
    expected[128:144, 64:96] = True
    assert (source.regions(source.index().to_dict("records")[2])["finding"] == expected).all()


def test_rgba_and_grey_are_read_alike(folder):
    source = NihCxr14(folder, {})
    greys = [source.image(row) for row in source.index().to_dict("records")]
    assert [grey.shape for grey in greys] == [(1024, 1024)] * 4
    assert [round(float(grey[0, 0]) * 255) for grey in greys] == [5, 15, 25, 35]


def test_the_official_lists_are_the_split(folder):
    (folder / "train_val_list.txt").write_text("00000001_000.png\n00000001_001.png\n00000003_000.png\n")
    (folder / "test_list.txt").write_text("00000002_000.png")
    index = NihCxr14(folder, {}).index()
    assert index.loc[index["split"] == "test", "image_id"].tolist() == ["00000002_000"]
    assert index.groupby("patient_id")["split"].nunique().max() == 1
    (folder / "test_list.txt").write_text("00000001_000.png")
    with pytest.raises(DataError, match=r"line 2: is not in one of .*'00000001_000\.png'"):
        NihCxr14(folder, {"split_seed": 1}).index()


def test_images_of_the_twelve_parts_are_found(folder):
    (folder / "images_002").mkdir()
    (folder / "images").rename(folder / "images_002/images")
    source = NihCxr14(folder, {"partial": True})
    assert source.index()["path"].tolist()[0] == "images_002/images/00000001_000.png"
    assert source.image(source.index().to_dict("records")[0]).shape == (1024, 1024)


def test_without_boxes_no_finding_is_offered(folder):
    (folder / "BBox_List_2017.csv").unlink()
    source = NihCxr14(folder, {})
    assert source.offers == frozenset()
    assert source.regions(source.index().to_dict("records")[0]) == {}
    assert NihCxr14.offers == {"finding"}


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("Data_Entry_2017_v2020.csv", "Finding Labels", "Labels", "has no column 'Finding Labels'"),
        ("Data_Entry_2017_v2020.csv", "80,F", "80", "line 4: is not a view"),
        (
            "Data_Entry_2017_v2020.csv",
            "|Effusion",
            "|Efusion",
            "line 2: has an unknown finding: 'Cardiomegaly.Efusion'",
        ),
        ("Data_Entry_2017_v2020.csv", "Infiltration,0,2,", "Infiltration,0,1,", "line 4: is no image of the patient"),
        ("Data_Entry_2017_v2020.csv", "00000003_000.png", "../../etc.png", "line 5: is no image of the patient"),
        ("Data_Entry_2017_v2020.csv", "00000003_000.png", "00000003_000.png,3", "Expected 11 fields in line 5, saw 12"),
        ("Data_Entry_2017_v2020.csv", "00000001_001", "00000001_000", "'00000001_000' is listed twice"),
        ("BBox_List_2017.csv", "128.0,64.0", "128.0,", "line 2: has no box"),
        ("BBox_List_2017.csv", "Mass", "Masses", "line 5: is an unknown finding: 'Masses'"),
    ],
)
def test_a_broken_table_is_refused_by_file_and_line(folder, name, old, new, message):
    change(folder, name, old, new)
    with pytest.raises(DataError, match=message) as caught:
        NihCxr14(folder, {}).index()
    assert name in str(caught.value) or str(folder) in str(caught.value)
    assert caught.value.hint
