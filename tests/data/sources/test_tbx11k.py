"""COCO files written by hand: float boxes, three categories, parts; images of other sets refused."""

import json

import numpy as np
import pytest
from PIL import Image

from xraybench.data.sources.tbx11k import Tbx11k
from xraybench.errors import DataError

CATEGORIES = [
    {"id": 1, "name": "ActiveTuberculosis"}, {"id": 2, "name": "ObsoletePulmonaryTuberculosis"},
    {"id": 3, "name": "PulmonaryTuberculosis"},
]  # fmt: skip


def coco(names, boxes=()):
    images = [{"id": n, "file_name": name, "width": 512, "height": 512} for n, name in enumerate(names, 1)]
    annotations = [
        {"id": n, "image_id": names.index(name) + 1, "category_id": category, "bbox": box}
        for n, (name, category, box) in enumerate(boxes)
    ]
    return {"images": images, "annotations": annotations, "categories": CATEGORIES}


@pytest.fixture
def root(tmp_path):
    base = tmp_path / "TBX11K"
    (base / "annotations/json").mkdir(parents=True)
    train = [f"{group}/{group[0]}{n:04d}.png" for group in ("health", "sick", "tb") for n in range(1, 21)]
    boxes = [
        ("tb/t0001.png", 1, [10.5, 20.5, 100.0, 50.0]), ("tb/t0001.png", 1, [300, 300, 10, 10]),
        ("tb/t0001.png", 2, [0, 0, 4.25, 4.25]), ("tb/t0002.png", 3, [1, 1, 2, 2]),
    ]  # fmt: skip
    files = {"train": coco(train, boxes), "val": coco(["tb/t0900.png", "health/h0900.png"])}
    for part, content in files.items():
        (base / f"annotations/json/TBX11K_{part}.json").write_text(json.dumps(content))
        for image in content["images"]:
            path = base / "imgs" / image["file_name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (512, 512), (9, 9, 9)).save(path)
    return tmp_path


@pytest.mark.parametrize("inner", ["", "TBX11K"])
def test_parts_and_labels(root, inner):
    source = Tbx11k(root / inner, {})
    index = source.index()
    assert index["split"].value_counts().to_dict() == {"train": 54, "validation": 6, "test": 2}
    assert index.loc[index["split"] == "test", "image_id"].tolist() == ["t0900", "h0900"]
    assert index[["tb", "sick"]].sum().tolist() == [21, 20]
    assert index["ActiveTuberculosis"].sum() == index["ObsoletePulmonaryTuberculosis"].sum() == 1
    assert source.image(index.to_dict("records")[0]).shape == (512, 512)
    assert not source.redistributable


def test_float_boxes_by_category(root):
    source = Tbx11k(root, {})
    rows = {row["image_id"]: row for row in source.index().to_dict("records")}
    regions = source.regions(rows["t0001"])
    active = np.zeros((512, 512), bool)
    active[20:70, 10:110] = active[300:310, 300:310] = True  # centres of pixels: 20.5 is in, 70.5 is out
    assert set(regions) == {"finding", "finding:ActiveTuberculosis", "finding:ObsoletePulmonaryTuberculosis"}
    assert (regions["finding:ActiveTuberculosis"] == active).all()
    assert regions["finding:ObsoletePulmonaryTuberculosis"].sum() == 16
    assert regions["finding"].sum() == active.sum() + 16
    assert source.regions(rows["t0003"]) == source.regions(rows["h0001"]) == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("health/h0001", "extra/da+db/h0001", "lists 'extra/da.db/h0001.png'"),
        ("health/h0001", "../health/h0001", "lists '../health/h0001.png'"),
        ('"category_id": 3', '"category_id": 4', "KeyError"),
        ('"bbox": [1, 1, 2, 2]', '"bbox": [1, 1, 2]', "not enough values"),
        ('"images"', '"pictures"', "KeyError"),
        ('{"id": 1', '{"id" 1', "JSONDecodeError"),
    ],
)
def test_a_broken_file_is_refused(root, old, new, message):
    path = root / "TBX11K/annotations/json/TBX11K_train.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=rf"TBX11K_train\.json: .*{message}") as caught:
        Tbx11k(root, {}).index()
    assert caught.value.hint
