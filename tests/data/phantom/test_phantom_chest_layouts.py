"""Chest phantoms on disk: the readers of the real sets read back the same labels and masks, bit for bit."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xraybench.data.masks import from_polygons, from_rle
from xraybench.data.phantom.chexpert_cases import LABELS, NOTHING, draw_chexpert, masks
from xraybench.data.phantom.chexpert_layout import TASKS
from xraybench.data.phantom.layouts import write
from xraybench.data.sources.chexpert import Chexpert
from xraybench.data.sources.montgomery_shenzhen import MontgomeryShenzhen
from xraybench.data.sources.phantom_tb import open_source

SIZE, SEED, COUNT = 80, 4, 24


@pytest.fixture(scope="module")
def tb(tmp_path_factory):
    out = tmp_path_factory.mktemp("phantoms") / "tb"
    write("tb", COUNT, SIZE, SEED, out)
    return out


@pytest.fixture(scope="module")
def chexpert(tmp_path_factory):
    out = tmp_path_factory.mktemp("phantoms") / "chexpert"
    write("chexpert", COUNT, SIZE, SEED, out)
    return out


def test_tuberculosis_reads_back_bit_for_bit(tb):
    source = open_source(None, {"size": SIZE, "train": COUNT, "validation": 0, "test": 0, "seed": SEED})
    cases = pd.read_csv(tb / "phantom/cases.csv", keep_default_na=False).set_index("stem")
    reader = MontgomeryShenzhen(tb, {})
    read = reader.index().set_index("image_id", drop=False)
    assert set(read.site) == {"Montgomery", "Shenzhen"}
    assert set(read.index) == set(cases.index)
    for stem, row in zip(cases.index, source.index().to_dict("records"), strict=True):
        found, regions = read.loc[stem], source.regions(row)
        assert (found.tb, found.age, found.sex) == (row["tb"], row["age"], row["sex"])
        np.testing.assert_array_equal(reader.image(found), source.image(row))
        seen = reader.regions(found)
        if found.site == "Montgomery":
            np.testing.assert_array_equal(seen["lung"], regions["lung"])
            assert Image.open(reader.path(found)).mode == "L"
        else:
            assert found[["Infiltrate", "Cavity", "Pleural_Effusion", "Nodules"]].sum() == row["tb"]
            assert Image.open(reader.path(found)).mode == "RGB"
            assert ("finding" in seen) == bool(row["tb"])
            if row["tb"]:
                np.testing.assert_array_equal(seen["finding"], regions["finding"])
        twin = source.twin(row)
        assert (tb / f"phantom/twins/{stem}.png").exists() == (twin is not None)
        for name in ("finding", "difference"):
            mask = np.asarray(Image.open(tb / f"phantom/masks/{stem}_{name}.png"))
            np.testing.assert_array_equal(mask == 255, regions[name])


def test_readings_are_as_irregular_as_the_sets(tb):
    texts = [path.read_text() for path in (tb / "ChinaSet_AllFiles/ClinicalReadings").iterdir()]
    heads = {"".join(c for c in text.split("\n")[0] if not c.isdigit()) for text in texts}
    assert len(heads) >= 4
    text = next((tb / "MontgomerySet/ClinicalReadings").iterdir()).read_text()
    assert text.startswith("Patient's Sex: ")
    assert "\nPatient's Age: 0" in text


def test_chexpert_reads_back_the_same_labels_and_masks(chexpert):
    reader = Chexpert(chexpert, {"blank": "missing", "uncertain": "ignore"})
    read = reader.index()
    assert len(read) == COUNT
    valid = COUNT // 5
    parts = [("train", n) for n in range(COUNT - valid)] + [("test", n) for n in range(valid)]
    truth = pd.read_csv(chexpert / "phantom/cases.csv").set_index("image_id")
    for (split, number), stem in zip(parts, truth.index, strict=True):
        case, found = draw_chexpert(SEED, split, number), read[read.image_id == stem].iloc[0]
        said = np.array([case.said[label] for label in LABELS])
        np.testing.assert_array_equal(found[list(LABELS)].astype(float), np.where(said == -1, np.nan, said))
        np.testing.assert_array_equal(found[[f"{label} uncertain" for label in LABELS]].astype(int), said == -1)
        np.testing.assert_array_equal(truth.loc[stem, list(LABELS)].astype(int), list(case.truth.values()))
        assert found["view"] == ("AP" if case.subject.portable else "PA")
        assert (found.age, found.sex) == (case.subject.age, "M" if case.subject.male else "F")
        regions, drawn = reader.regions(found), masks(case, case.chest(SIZE))
        if split == "train":
            assert not regions
        else:
            for label in TASKS:
                np.testing.assert_array_equal(regions[f"finding:{label}"], drawn[label])


def test_jpeg_is_near_the_radiograph_that_lies_beside_it(chexpert):
    reader = Chexpert(chexpert, {})
    for row in reader.index().head(5).to_dict("records"):
        exact = np.asarray(Image.open(chexpert / f"phantom/images/{row['image_id']}.png")) / 255
        assert np.abs(reader.image(row) - exact).mean() < 0.01


def test_outlines_hold_what_the_run_lengths_hold(chexpert):
    segmented, outlined = (
        json.loads((chexpert / f"CheXlocalize/gt_{kind}_val.json").read_text())
        for kind in ("segmentations", "annotations")
    )
    seen = 0
    for image_id, tasks in segmented.items():
        assert set(tasks) == set(TASKS.values())
        for task, coded in tasks.items():
            mask = from_rle(coded)
            assert mask.any() == (task in outlined[image_id])
            if mask.any():
                seen += 1
                filled = from_polygons(outlined[image_id][task], (SIZE, SIZE))
                assert (filled & mask).sum() >= 0.9 * mask.sum()
    assert seen > 3
    assert NOTHING not in TASKS
