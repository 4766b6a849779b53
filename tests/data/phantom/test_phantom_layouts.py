"""Phantoms on disk: bit-exact, whole or not at all."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xraybench.data.phantom.layouts import write
from xraybench.data.sources.phantom_wrist import open_source
from xraybench.errors import DataError, UsageError

COUNT, SIZE, SEED = 8, 96, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("phantoms") / "wrist"
    done = []
    write("wrist", COUNT, SIZE, SEED, out, progress=lambda k, n: done.append((k, n)))
    assert done == [(k + 1, COUNT) for k in range(COUNT)]
    return out


@pytest.fixture(scope="module")
def source():
    return open_source(None, {"size": SIZE, "train": COUNT, "validation": 0, "test": 0, "seed": SEED})


def read(path):
    pixels = np.asarray(Image.open(path))
    assert pixels.dtype == np.uint16
    return pixels.astype(np.float32) / np.float32(65535)


def test_images_twins_and_masks_read_back_bit_for_bit(folder, source):
    table = pd.read_csv(folder / "dataset.csv", encoding="utf-8-sig")
    for stem, (_, row) in zip(table.filestem, source.index().iterrows(), strict=True):
        np.testing.assert_array_equal(read(folder / f"images_part1/{stem}.png"), source.image(row))
        twin, regions = source.twin(row), source.regions(row)
        assert (folder / f"phantom/twins/{stem}.png").exists() == (twin is not None)
        if twin is not None:
            np.testing.assert_array_equal(read(folder / f"phantom/twins/{stem}.png"), twin)
        for name in ("finding", "difference"):
            mask = np.asarray(Image.open(folder / f"phantom/masks/{stem}_{name}.png"))
            np.testing.assert_array_equal(mask == 255, regions[name])


def test_table_has_the_columns_of_the_real_set(folder, source):
    assert (folder / "dataset.csv").read_bytes().startswith(b"\xef\xbb\xbffilestem,patient_id,study_number,timehash,")
    table = pd.read_csv(folder / "dataset.csv", encoding="utf-8-sig")
    assert list(table)[-4:] == ["fracture_visible", "metal", "pixel_spacing", "device_manufacturer"]
    assert len(table.columns) == 17
    np.testing.assert_array_equal(table.fracture_visible.fillna(0), source.index().fracture)
    assert (table.projection == 1).all()


def test_yolo_boxes_are_those_of_the_masks(folder, source):
    stems = pd.read_csv(folder / "dataset.csv", encoding="utf-8-sig").filestem
    for stem, (_, row) in zip(stems, source.index().iterrows(), strict=True):
        regions = source.regions(row)
        lines = (folder / f"folder_structure/yolov5/labels/{stem}.txt").read_text().splitlines()
        found = {int(line.split()[0]): [float(value) for value in line.split()[1:]] for line in lines}
        assert set(found) == {k for k, name in ((3, "finding"), (8, "text")) if regions[name].any()}
        for number, name in ((3, "box"), (8, "text")):
            if number in found:
                cx, cy, width, height = found[number]
                assert width * height * SIZE**2 == pytest.approx(
                    regions[name].any(0).sum() * regions[name].any(1).sum(), rel=1e-3
                )
                assert regions[name].any(0).nonzero()[0].min() == pytest.approx((cx - width / 2) * SIZE, abs=1e-3)
                assert regions[name].any(1).nonzero()[0].min() == pytest.approx((cy - height / 2) * SIZE, abs=1e-3)


def test_readme_says_phantom(folder):
    assert "computed radiographs, no patients" in (folder / "README.txt").read_text()


def test_its_own_folder_is_written_over(tmp_path):
    for count in (3, 2):
        write("wrist", count, 64, 0, tmp_path / "out")
    assert len(list((tmp_path / "out/images_part1").iterdir())) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_another_folder_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match="in use"):
        write("wrist", 1, 64, 0, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_interruption_leaves_nothing(tmp_path):
    def stop(done, n):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write("wrist", 3, 64, 0, tmp_path / "out", progress=stop)
    assert not list(tmp_path.iterdir())


def test_unknown_family_and_size(tmp_path):
    with pytest.raises(UsageError, match="ankle"):
        write("ankle", 1, 64, 0, tmp_path / "out")
    with pytest.raises(UsageError, match="32 pixels"):
        write("wrist", 1, 32, 0, tmp_path / "out")
