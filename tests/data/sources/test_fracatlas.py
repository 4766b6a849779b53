"""FracAtlas as its publisher describes it: tables and a COCO file written here, around real radiographs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xraybench.data.sources.fracatlas import FracAtlas
from xraybench.errors import DataError

SHARED = Path(__file__).parents[3] / "../shared/data/fracatlas"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data at {SHARED}")
FRACTURED, WHOLE = 10, 40
POLYGON, BOX = [10.0, 20.0, 30.0, 20.0, 30.0, 60.0, 10.0, 60.0], [40.0, 5.0, 8.0, 4.0]


def names():
    return [f"IMG{n:07d}.jpg" for n in range(3297, 3297 + FRACTURED + WHOLE)]


def written(folder, shape=(100, 80), **changes):
    """50 images, the first ten fractured; of those the first has a polygon and a box, the second nothing."""
    for place in ("images/Fractured", "images/Non_fractured", "Annotations/COCO JSON"):
        (folder / place).mkdir(parents=True)
    flag = [1] * FRACTURED + [0] * WHOLE
    table = pd.DataFrame(
        {
            "image_id": names(), "hand": 1, "leg": 0, "hip": 0, "shoulder": 0, "mixed": 0, "hardware": 0,
            "multiscan": 0, "fractured": flag, "fracture_count": flag, "frontal": 1, "lateral": 0, "oblique": 1,
        }
    ).assign(**changes)  # fmt: skip
    table.to_csv(folder / "dataset.csv", index=False)
    for name, fractured in zip(names(), flag, strict=True):
        place = folder / "images" / ("Fractured" if fractured else "Non_fractured")
        Image.new("L", shape[::-1], 90).save(place / name)
    annotations = [
        {"id": 1, "image_id": 7, "category_id": 0, "bbox": [10, 20, 20, 40], "segmentation": [POLYGON]},
        {"id": 2, "image_id": 7, "category_id": 0, "bbox": BOX, "segmentation": []},
        *({"id": n, "image_id": n, "bbox": BOX, "segmentation": [POLYGON]} for n in range(9, 17)),
    ]
    images = [{"id": 7 + n, "file_name": name, "height": 100, "width": 80} for n, name in enumerate(names())]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 0, "name": "fractured"}]}
    (folder / "Annotations/COCO JSON/COCO_fracture_masks.json").write_text(json.dumps(content))
    return folder


def test_every_image_is_its_own_patient_and_fractures_are_shared_out(tmp_path):
    index = FracAtlas(written(tmp_path), {}).index()
    assert index["patient_id"].is_unique
    assert index.groupby("split")["fracture"].sum().to_dict() == {"train": 8, "validation": 1, "test": 1}
    assert index["split"].value_counts().to_dict() == {"train": 40, "validation": 5, "test": 5}


def test_views_and_parts_are_named(tmp_path):
    hip = [0] * 49 + [1]
    index = FracAtlas(written(tmp_path, hip=hip, mixed=hip, hardware=hip), {}).index()
    assert set(index["view"]) == {"frontal+oblique"}
    assert index["body_part"].tolist() == ["hand"] * 49 + ["hand+hip"]
    assert index["mixed"].tolist() == index["hardware"].tolist() == hip


def test_the_finding_is_the_polygon_and_the_box_of_what_has_none(tmp_path):
    source = FracAtlas(written(tmp_path), {})
    first, second, *_, last = source.index().to_dict("records")
    expected = np.zeros((100, 80), bool)
    expected[20:60, 10:30] = True
    expected[5:9, 40:48] = True
    np.testing.assert_array_equal(source.regions(first)["finding"], expected)
    assert source.regions(second) == {}  # fractured, and nobody outlined it: unknown, not nothing
    assert not source.regions(last)["finding"].any()
    assert "finding" in source.offers


def test_without_the_coco_file_nothing_is_known_of_places(tmp_path):
    shutil.rmtree(written(tmp_path) / "Annotations")
    source = FracAtlas(tmp_path, {})
    assert source.offers == frozenset()
    assert source.regions(source.index().iloc[0].to_dict()) == {}


def test_the_erratum_is_mended_in_early_tables(tmp_path):
    early = [1, 0] + [1] * (FRACTURED - 2) + [0] * WHOLE
    index = FracAtlas(written(tmp_path, fractured=early), {}).index().set_index("image_id")
    assert index.loc["IMG0003298", "fracture"] == 1
    assert index["fracture"].sum() == FRACTURED


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fractured": [0] + [1] * 9 + [0] * 40}, r"dataset\.csv: line 2: lies in the other folder"),
        ({"hardware": [0, 2] + [0] * 48}, r"line 3: 'hardware' is not 1, 0 or blank: '2'"),
        ({"leg": [0, 0, ""] + [0] * 47}, r"line 4: 'leg' is blank"),
        ({"image_id": ["../../x.jpg", *names()[1:]]}, "line 2: is not the name of an image"),
        ({"image_id": [names()[1], *names()[1:]]}, "listed twice"),
    ],
)
def test_a_table_that_is_not_the_official_one(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        FracAtlas(written(tmp_path, **changes), {}).index()


def test_outlines_of_another_size_are_refused(tmp_path):
    source = FracAtlas(written(tmp_path, shape=(50, 40)), {})
    with pytest.raises(DataError, match="as it lies here"):
        source.regions(source.index().iloc[0].to_dict())


def test_a_broken_coco_file_is_named(tmp_path):
    path = written(tmp_path) / "Annotations/COCO JSON/COCO_fracture_masks.json"
    for text in ('{"images": []}', '{"images": [', "[]"):
        path.write_text(text)
        source = FracAtlas(tmp_path, {})
        with pytest.raises(DataError, match="COCO_fracture_masks"):
            source.regions(source.index().iloc[0].to_dict())


def test_a_jpeg_that_ends_early_is_refused_rather_than_filled_with_grey(tmp_path):
    source = FracAtlas(written(tmp_path), {})
    row = source.index().iloc[0].to_dict()
    path = source.path(row)
    noise = np.random.default_rng(0).integers(0, 256, (100, 80), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(DataError, match=rf"{path.name}: does not decode"):
        source.image(row)


@needs_shared
def test_real_radiographs_are_read_in_either_mode(tmp_path):
    written(tmp_path / "written")
    shutil.copytree(SHARED, tmp_path / "set")
    table = pd.read_csv(tmp_path / "written/dataset.csv")
    real = sorted((tmp_path / "set/images/Fractured").glob("*.jpg"))
    rows = table.head(len(real)).assign(image_id=[path.name for path in real])
    rows.to_csv(tmp_path / "set/dataset.csv", index=False)
    source, modes = FracAtlas(tmp_path / "set", {}), set()
    assert len(source.index()) == len(real) == 7
    for row in source.index().to_dict("records"):
        grey = source.image(row)
        with Image.open(source.path(row)) as picture:
            modes.add(picture.mode)
            assert grey.shape == (picture.height, picture.width)
        assert 0 <= grey.min() < grey.max() <= 1
    assert modes == {"L", "RGB"}


@needs_shared
def test_the_official_lists_hold_fractured_images_only():
    """Why they cannot make a split: the real lists sum to the published number of fractured images."""
    lists = [pd.read_csv(SHARED / f"Utilities/Fracture Split/{name}.csv") for name in ("train", "valid", "test")]
    images = pd.concat(lists)["image_id"]
    assert images.nunique() == len(images) == FracAtlas.about.official["fracture=1"]
