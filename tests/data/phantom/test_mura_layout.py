"""The mura and anatomy families on disk: the official layouts, bit for bit."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xraybench.data.phantom.anatomy_layout import ANATOMY, FOLDER, TABLE
from xraybench.data.phantom.layouts import write
from xraybench.data.phantom.mura_layout import native
from xraybench.data.phantom.whole_body import CLASSES
from xraybench.data.sources import phantom_anatomy, phantom_mura

COUNT, SIZE, SEED = 20, 96, 4


@pytest.fixture(scope="module")
def mura(tmp_path_factory):
    out = tmp_path_factory.mktemp("phantoms") / "mura"
    write("mura", COUNT, SIZE, SEED, out)
    return out


def test_folders_and_tables_are_those_of_mura(mura):
    patients = {}
    for split in ("train", "valid"):
        paths = pd.read_csv(mura / f"MURA-v1.1/{split}_image_paths.csv", header=None)[0].tolist()
        studies = pd.read_csv(mura / f"MURA-v1.1/{split}_labeled_studies.csv", header=None)
        assert len(paths) == {"train": 16, "valid": 4}[split]
        assert {path.rsplit("/", 1)[0] + "/" for path in paths} == set(studies[0])
        for study, label in studies.itertuples(index=False):
            root, folder, part, patient, name, end = study.split("/")
            assert (root, folder, end) == ("MURA-v1.1", split, "")
            assert part in {"XR_ELBOW", "XR_FINGER", "XR_FOREARM", "XR_HAND", "XR_HUMERUS", "XR_SHOULDER", "XR_WRIST"}
            assert patient.startswith("patient")
            assert len(patient) == 12
            assert name.endswith({1: "_positive", 0: "_negative"}[label])
        assert all((mura / path).is_file() for path in paths)
        patients[split] = {path.split("/")[3] for path in paths}
    assert not patients["train"] & patients["valid"]


def test_images_twins_and_masks_read_back_bit_for_bit(mura):
    source = phantom_mura.open_source(None, {"size": SIZE, "train": COUNT, "test": COUNT, "seed": SEED})
    rows = {row["image_id"]: row for row in source.index().to_dict("records")}
    modes, shapes = set(), set()
    for case in pd.read_csv(mura / "phantom/cases.csv").itertuples():
        row = rows[case.image_id]
        kept = native(source._radiograph(row))
        picture = Image.open(mura / case.path)
        modes.add(picture.mode)
        pixels = np.asarray(picture.convert("L"))
        shapes.add(pixels.shape)
        np.testing.assert_array_equal(pixels.astype(np.float32) / np.float32(255), source.image(row)[kept])
        assert (f"study{case.stem.split('study')[1][0]}_positive" in case.path) == row["abnormal"]
        twin = source.twin(row)
        assert (mura / f"phantom/twins/{case.stem}.png").exists() == (twin is not None)
        for name in ("finding", "difference", "text", "frame", "hardware"):
            mask = np.asarray(Image.open(mura / f"phantom/masks/{case.stem}_{name}.png"))
            np.testing.assert_array_equal(mask == 255, source.regions(row)[name][kept])
    assert modes == {"L", "RGB"}
    assert len(shapes) > 3


def test_readme_names_the_layout(mura):
    text = (mura / "README.txt").read_text()
    assert "MURA v1.1" in text
    assert "no patients" in text


def test_anatomy_reads_back_with_its_codes(tmp_path):
    write("anatomy", 10, SIZE, SEED, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / TABLE, sep=";", dtype=str)
    source = phantom_anatomy.open_source(None, {"size": SIZE, "train": 10, "seed": SEED})
    for code, (_, row) in zip(table.itertuples(), source.index().iterrows(), strict=False):
        pixels = np.asarray(Image.open(tmp_path / "out" / FOLDER / f"{code.image_id}.png"))
        np.testing.assert_array_equal(pixels.astype(np.float32) / np.float32(255), source.image(row))
        assert code.irma_code.split("-")[2] == ANATOMY[row["body_part"]]
        mask = np.asarray(Image.open(tmp_path / f"out/phantom/masks/{code.image_id}_landmark.png"))
        np.testing.assert_array_equal(mask == 255, source.regions(row)["landmark"])


def test_every_class_has_a_code_of_its_own():
    assert set(ANATOMY) == set(CLASSES)
    assert len(set(ANATOMY.values())) == len(CLASSES)
