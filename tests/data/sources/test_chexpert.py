"""Files written from the layout's description: policies, official parts, CheXlocalize's traps, pickles left alone."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from xraybench.data.sources.chexpert import LABELS, Chexpert
from xraybench.errors import DataError, UsageError

HEADER = "Path,Sex,Age,Frontal/Lateral,AP/PA," + ",".join(LABELS)
SHAPE = (40, 60)  # height, width of every radiograph here
IDS = {
    "edema": "patient64741_study1_view1_frontal",
    "unsegmented": "patient65086_study1_view1_frontal",
    "no human": "patient65145_study1_view1_frontal",
    "no key": "patient64742_study1_view1_frontal",
}


def line(path, said, **values):
    """One row of a table: the observations by name, all others blank."""
    cells = [str(values.get(label.replace(" ", "_"), "")) for label in LABELS]
    return ",".join([path, *said, *cells])


def write_set(root, name="CheXpert-v1.0"):
    """A folder as it unpacks: three patients to train on, one to validate, four of the test set."""
    base, where = root / name, f"{name}/train"
    first, second, third = (f"{where}/patient0000{number}/study{number}" for number in (1, 2, 3))
    train = [
        line(f"{first}/view1_frontal.jpg", ("Female", "68", "Frontal", "AP"), Edema="1.0", Fracture="-1.0"),
        line(f"{second}/view1_frontal.jpg", ("Female", "87", "Frontal", "PA"), Edema="-1.0"),
        line(f"{second}/view2_lateral.jpg", ("Female", "87", "Lateral", ""), Edema="0.0"),
        line(f"{third}/view1_frontal.jpg", ("Unknown", "0", "Frontal", "LL"), No_Finding="1.0"),
    ]
    valid = [line(f"{name}/valid/patient64541/study1/view1_frontal.jpg", ("Male", "73", "Frontal", "AP"), Edema="1.0")]
    test = [
        line("test/patient64741/study1/view1_frontal.jpg", (), Edema="1", Lung_Opacity="1"),
        line("test/patient65086/study1/view1_frontal.jpg", (), Atelectasis="1", Edema="0"),
        line("test/patient65145/study1/view1_frontal.jpg", (), Edema="1"),
        line("test/patient64742/study1/view1_frontal.jpg", (), Edema="0"),
    ]
    base.mkdir(parents=True)
    for table, listed in {"train.csv": train, "valid.csv": valid, "test_labels.csv": test}.items():
        header = ",".join(("Path", *LABELS)) if table == "test_labels.csv" else HEADER
        (base / table).write_text("\n".join([header, *listed]) + "\n")
        for row in listed:
            path = root / row.split(",")[0] if row.startswith(name) else base / row.split(",")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", SHAPE[::-1], 7).save(path)
    return root


def coded(top, left, height, width, shape=SHAPE):
    """A rectangle as CheXlocalize writes it: compressed run lengths, column by column, as text."""
    mask = np.zeros(shape, np.uint8)
    mask[top : top + height, left : left + width] = 1
    code = coco.encode(np.asfortranarray(mask))
    return {"size": list(shape), "counts": code["counts"].decode()}


def write_chexlocalize(folder):
    """Segmentations of the test set, in which one image has no key; the human benchmark; heat maps as pickles."""
    folder.mkdir()
    empty = coded(0, 0, 0, 0)
    truth = {
        IDS["edema"]: {"Edema": coded(10, 20, 5, 8), "Airspace Opacity": coded(0, 0, 4, 4), "Atelectasis": empty},
        IDS["unsegmented"]: {"Edema": empty, "Atelectasis": empty},
        IDS["no human"]: {"Edema": coded(1, 1, 2, 2)},
    }
    human = {IDS["edema"]: {"Edema": coded(11, 20, 5, 8)}}
    points = {IDS["edema"]: {"Edema": [[22.0, 12.0]], "Airspace Opacity": [[1.0, 2.0], [3.0, 4.0]]}}
    files = {"gt_segmentations_test": truth, "hb_segmentations_test": human, "hb_salient_pt_test": points}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    (folder / "gradcam_maps_test").mkdir()
    (folder / "gradcam_maps_test" / f"{IDS['edema']}_Edema_map.pkl").write_bytes(b"never read")
    return folder


@pytest.fixture
def root(tmp_path):
    return write_set(tmp_path)


@pytest.fixture
def segmented(root):
    write_chexlocalize(root / "CheXlocalize")
    return root


def rows(source):
    return {row["image_id"]: row for row in source.index().to_dict("records")}


@pytest.mark.parametrize("name", ["CheXpert-v1.0", "CheXpert-v1.0-small"])
def test_both_sizes_from_either_folder(tmp_path, name):
    write_set(tmp_path, name)
    outer, inner = Chexpert(tmp_path, {}), Chexpert(tmp_path / name, {})
    assert outer.index()["image_id"].tolist() == inner.index()["image_id"].tolist()
    for source in (outer, inner):
        assert [source.image(row).shape for row in rows(source).values()] == [SHAPE] * 5
    assert list(outer.index()["view"]) == ["AP", "PA", "lateral", "LL", "AP"]
    assert list(outer.index()["sex"]) == ["F", "F", "F", "", "M"]
    assert list(outer.index()["study_id"])[1:3] == ["patient00002_study2"] * 2


@pytest.mark.parametrize(
    ("settings", "edema", "fracture"),
    [
        ({}, [1, 0, 0, 0, 1], [0, 0, 0, 0, 0]),
        ({"uncertain": "ones"}, [1, 1, 0, 0, 1], [1, 0, 0, 0, 0]),
        ({"uncertain": "ignore"}, [1, None, 0, 0, 1], [None, 0, 0, 0, 0]),
        ({"uncertain": {"Edema": "ones"}}, [1, 1, 0, 0, 1], [0, 0, 0, 0, 0]),
        ({"uncertain": {"default": "ones", "Edema": "ignore"}}, [1, None, 0, 0, 1], [1, 0, 0, 0, 0]),
        ({"blank": "missing"}, [1, 0, 0, None, 1], [0, None, None, None, None]),
        ({"blank": "missing", "uncertain": "ones"}, [1, 1, 0, None, 1], [1, None, None, None, None]),
    ],
)
def test_policies(root, settings, edema, fracture):
    index = Chexpert(root, settings).index()
    for label, expected in (("Edema", edema), ("Fracture", fracture)):
        assert [None if np.isnan(value) else value for value in index[label]] == expected
    assert index["Edema uncertain"].tolist() == [0, 1, 0, 0, 0]
    assert index["Fracture uncertain"].tolist() == [1, 0, 0, 0, 0]


def test_policies_are_part_of_the_identity(root):
    plain = Chexpert(root, {}).identity()
    assert Chexpert(root, {"uncertain": "zeros", "blank": "zero"}).identity() == plain
    assert Chexpert(root, {"uncertain": {"Edema": "zeros", "default": "zeros"}}).identity() != plain
    assert Chexpert(root, {"uncertain": {"Edema": "ones"}}).identity() != plain
    assert Chexpert(root, {"valid": "validation"}).identity() != plain


def test_what_the_official_validation_set_is_for(root):
    index = Chexpert(root, {}).index()
    assert set(index.loc[index["official"] == "valid", "split"]) == {"test"}
    assert set(index.loc[index["official"] == "train", "split"]) <= {"train", "validation"}
    assert index.groupby("patient_id")["split"].nunique().max() == 1
    index = Chexpert(root, {"valid": "validation"}).index()
    assert index.groupby("split")["official"].unique().map(list).to_dict() == {
        "train": ["train"], "validation": ["valid"], "test": ["test"],
    }  # fmt: skip
    test = index[index["split"] == "test"]
    assert set(test["view"]) == {"frontal"}
    assert test["Edema"].tolist() == [1, 0, 1, 0]
    (root / "CheXpert-v1.0/test_labels.csv").unlink()
    with pytest.raises(DataError, match=r"test_labels\.csv: missing"):
        Chexpert(root, {"valid": "validation", "split_seed": 1}).index()


def findings(regions):
    return {name: mask for name, mask in regions.items() if not name.startswith("human")}


def test_segmentations_by_label(segmented):
    source = Chexpert(segmented, {"valid": "validation"})
    assert source.offers == {"finding", "human"}
    row = rows(source)[IDS["edema"]]
    regions = findings(source.regions(row))
    edema, opacity = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    edema[10:15, 20:28] = opacity[:4, :4] = True
    assert (regions["finding:Edema"] == edema).all()
    assert (regions["finding:Lung Opacity"] == opacity).all()  # "Airspace Opacity" in the JSON files
    assert (regions["finding"] == edema | opacity).all()
    assert not regions["finding:Atelectasis"].any()  # all zero
    assert not regions["finding:Cardiomegaly"].any()  # no key
    assert len(regions) == 11


def test_an_image_without_a_key_has_no_finding(segmented):
    source = Chexpert(segmented, {"valid": "validation"})
    regions = findings(source.regions(rows(source)[IDS["no key"]]))
    assert len(regions) == 11
    assert not any(mask.any() for mask in regions.values())


def test_positive_without_a_segmentation_is_unknown_and_not_empty(segmented):
    source = Chexpert(segmented, {"valid": "validation"})
    regions = source.regions(rows(source)[IDS["unsegmented"]])
    assert "finding:Atelectasis" not in regions
    assert "finding" not in regions
    assert not regions["finding:Edema"].any()


def test_training_images_have_no_regions(segmented):
    source = Chexpert(segmented, {"valid": "validation"})
    assert source.regions(rows(source)["patient00001_study1_view1_frontal"]) == {}
    assert source.regions(rows(source)["patient64541_study1_view1_frontal"]) == {}  # no gt_segmentations_val.json


def test_masks_and_points_follow_the_small_copy(segmented):
    small = segmented / "CheXpert-v1.0/test/patient64741/study1/view1_frontal.jpg"
    Image.new("L", (30, 20)).save(small)
    source = Chexpert(segmented, {"valid": "validation"})
    row = rows(source)[IDS["edema"]]
    mask = source.regions(row)["finding:Edema"]
    assert mask.shape == (20, 30)
    assert mask[5:7, 10:14].all()
    assert mask.sum() in (8, 12)  # the fifth of its rows fills half a pixel
    assert source.human_points(row)["finding:Edema"] == [(11.0, 6.0)]
    Image.new("L", (30, 30)).save(small)
    with pytest.raises(DataError, match=r"gt_segmentations_test\.json: .*another picture"):
        source.regions(row)


def test_the_human_benchmark(segmented):
    source = Chexpert(segmented, {"valid": "validation"})
    by_id = rows(source)
    row = by_id[IDS["edema"]]
    drawn = np.zeros(SHAPE, bool)
    drawn[11:16, 20:28] = True
    assert (source.human_benchmark(row)["finding:Edema"] == drawn).all()
    assert source.human_points(row) == {"finding:Edema": [(22, 12)], "finding:Lung Opacity": [(1, 2), (3, 4)]}
    assert not any(mask.any() for mask in source.human_benchmark(by_id[IDS["no key"]]).values())
    for method in (source.human_benchmark, source.human_points):
        assert method(by_id[IDS["no human"]]) is None
        assert method(by_id["patient64541_study1_view1_frontal"]) is None


def test_what_humans_drew_is_a_region_of_the_images_that_they_read(segmented):
    source = Chexpert(segmented, {"valid": "validation"})
    by_id = rows(source)
    regions = source.regions(by_id[IDS["edema"]])
    drawn = source.human_benchmark(by_id[IDS["edema"]])
    assert {name for name in regions if name.startswith("human")} == {
        "human-read", "human-point", "human-point:Edema", "human-point:Lung Opacity",
        *(name.replace("finding", "human") for name in drawn),
    }  # fmt: skip
    assert all((regions[name.replace("finding", "human")] == mask).all() for name, mask in drawn.items())
    assert regions["human-read"].all()
    assert np.argwhere(regions["human-point:Edema"]).tolist() == [
        [11, 21],
        [11, 22],
        [12, 21],
        [12, 22],
    ]  # about (22, 12)
    assert regions["human-point:Lung Opacity"].sum() == 8  # two points
    assert (regions["human-point"] == regions["human-point:Edema"] | regions["human-point:Lung Opacity"]).all()
    read_and_blank = source.regions(by_id[IDS["no key"]])
    assert "human-point" not in read_and_blank
    assert read_and_blank["human-read"].all()
    assert not read_and_blank["human"].any()
    for other in (IDS["no human"], "patient64541_study1_view1_frontal", "patient00001_study1_view1_frontal"):
        assert not [name for name in source.regions(by_id[other]) if name.startswith("human")]


def test_the_human_benchmark_is_offered_beside_its_own_test_set_alone(segmented):
    offered, other = Chexpert(segmented, {"valid": "validation"}), Chexpert(segmented, {})
    assert other.offers == {"finding"}
    assert "human" not in other.identity()
    assert offered.identity()["human"] == 1
    (segmented / "CheXlocalize/hb_segmentations_test.json").unlink()
    assert Chexpert(segmented, {"valid": "validation"}).offers == {"finding"}


def test_without_chexlocalize_no_finding_is_offered(root):
    source = Chexpert(root, {})
    assert source.offers == frozenset()
    assert all(source.regions(row) == {} for row in rows(source).values())


def test_chexlocalize_by_setting_and_beside(root, tmp_path):
    folder = write_chexlocalize(tmp_path / "elsewhere")
    assert Chexpert(root, {}).offers == frozenset()
    assert Chexpert(root, {"chexlocalize": "elsewhere"}).offers == {"finding"}
    inner = root / "CheXpert-v1.0"
    assert Chexpert(inner, {"chexlocalize": str(folder)}).identity() != Chexpert(inner, {}).identity()
    with pytest.raises(DataError, match="nowhere: missing"):
        Chexpert(root, {"chexlocalize": "nowhere"})
    folder.rename(root / "CheXlocalize")
    assert Chexpert(inner, {}).offers == {"finding"}


def test_pickles_are_no_part_of_what_is_read(segmented):
    assert {path.suffix for path in Chexpert(segmented, {}).tables()} == {".csv", ".json"}


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("train.csv", "Lung Lesion", "Lesion", "has no column 'Lung Lesion'"),
        ("valid.csv", "AP/PA", "View", "has no column 'AP/PA'"),
        ("train.csv", "-1.0", "2.0", "line 3: Edema is not 1, 0, -1: '2.0'"),
        ("train.csv", "1.0", "yes", "line 5: No Finding is not 1, 0, -1: 'yes'"),
        ("train.csv", "train/patient00003", "train/../../patient00003", "line 5: is no image of train"),
        ("train.csv", "CheXpert-v1.0/train/patient00003", "/train/patient00003", "line 5: is no image of train"),
        ("valid.csv", "valid/", "train/", "line 2: is no image of valid"),
        ("train.csv", "study2/view2_lateral", "study2/view1_frontal", "listed twice"),
    ],
)
def test_a_broken_table_is_refused_by_file_and_line(root, table, old, new, message):
    path = root / "CheXpert-v1.0" / table
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=message) as caught:
        Chexpert(root, {}).index()
    assert caught.value.hint


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({IDS["edema"]: {"Edema": {"size": [4]}}})])
def test_broken_segmentations_are_refused_by_file(segmented, content):
    (segmented / "CheXlocalize/gt_segmentations_test.json").write_text(content)
    source = Chexpert(segmented, {"valid": "validation"})
    with pytest.raises(DataError, match=r"gt_segmentations_test\.json"):
        source.regions(rows(source)[IDS["edema"]])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"uncertain": "zeroes"}, "'zeroes' does not exist"),
        ({"uncertain": {"Oedema": "ones"}}, "label = 'Oedema'"),
        ({"uncertain": 1}, "uncertain = 1"),
        ({"blank": "ones"}, "blank = 'ones'"),
        ({"valid": "train"}, "valid = 'train'"),
        ({"uncertian": "ones"}, "did you mean 'uncertain'"),
    ],
)
def test_settings_that_do_not_exist(root, settings, message):
    with pytest.raises(UsageError, match=message):
        Chexpert(root, settings)
