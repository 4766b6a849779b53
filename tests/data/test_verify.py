"""Verification: counts, gaps, duplicates, shared patients and broken files of a set written by hand."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.here import here
from xraybench.data._verify_text import lines_of
from xraybench.data.sources._folder import FolderSource
from xraybench.data.sources.grazpedwri import Grazpedwri
from xraybench.data.verify import Counts, LabelCounts, Official, label_columns, listed_count, verify
from xraybench.errors import DataError
from xraybench.spec import About

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real data at {SHARED.name}/data beside the checkout")


class Chests(FolderSource):
    """Reads table.csv: image_id,patient_id,split,sick,hard; the mask of an image is where it is bright."""

    name: ClassVar = "chests"
    redistributable: ClassVar = False
    about: ClassVar = About("Chests", "none", "nobody", "nowhere", {"images": 9, "patients": 7, "sick=1": 4, "beds": 3})

    def tables(self):
        return [self.root / "table.csv"]

    def listed(self):
        table = pd.read_csv(self.root / "table.csv", dtype={"patient_id": str})
        same = {"study_id": table["patient_id"], "view": "PA", "site": "", "age": range(20, 20 + len(table))}
        return table.assign(path="images/" + table["image_id"] + ".png", **same)

    def regions(self, row):
        if row["image_id"] == "refused":
            raise DataError("refused.txt: is not a mask", "")
        bright = self.image(row) > 0.5
        return {"finding": bright[:, 1:] if row["image_id"] == "odd" else bright}


def write(root, rows, files):
    """The table, and for each file its grey (None: not written, "broken": text)."""
    (root / "images").mkdir(parents=True)
    (root / "table.csv").write_text("image_id,patient_id,split,sick,hard\n" + "\n".join(rows) + "\n")
    for name, grey in files.items():
        path = root / "images" / f"{name}.png"
        if grey == "broken":
            path.write_text("no PNG")
        elif grey is not None:
            Image.fromarray(np.full((8, 8), grey, np.uint8)).save(path)
    return Chests(root, {})


@pytest.fixture
def chests(tmp_path):
    rows = ["a,1,train,1,1", "b,1,train,0,-1", "c,2,train,,0", "d,3,validation,1,0", "e,4,test,1,0", "f,5,test,0,"]
    return write(tmp_path / "set", rows, {"a": 10, "b": 200, "c": 30, "d": 40, "e": 10, "f": None})


def nothing(done, total):
    pass


def test_what_is_there_and_what_is_missing_is_counted(chests):
    found = verify(chests, 1, nothing)
    assert found.listed == Counts(6, 5, 5)
    assert found.found == Counts(5, 4, 4)
    assert found.missing == ("images/f.png",)
    assert found.splits == {"train": Counts(3, 2, 2), "validation": Counts(1, 1, 1), "test": Counts(1, 1, 1)}
    assert found.labels["sick"]["train"] == LabelCounts(1, 1, 0, 1)
    assert found.labels["hard"]["train"] == LabelCounts(1, 1, 1, 0)
    assert set(found.labels) == {"sick", "hard"}
    assert found.annotated == {"finding": 1}
    assert found.refusals == []


def test_official_counts_stand_beside_ours(chests):
    official = verify(chests, 1, nothing).official
    assert official == {
        "images": Official(9, 6),
        "patients": Official(7, 5),
        "sick=1": Official(4, 3),
        "beds": Official(3, None),
    }
    index = chests.index()
    assert listed_count(index, "train images") == 3
    assert listed_count(index, "train patients") == 2
    assert listed_count(index, "train + test images") == (index["split"].isin(["train", "test"])).sum()
    assert listed_count(index, "valid images") is None
    assert listed_count(index, "gender=F") is None


def test_equal_pixels_are_found_whatever_the_file(chests):
    path = chests.root / "images" / "e.png"
    Image.fromarray(np.full((8, 8), 10 * 257, np.uint16)).save(path)  # the grey of a.png in 16 bits
    found = verify(chests, 1, nothing)
    (group,) = found.duplicates
    assert group.image_ids == ("a", "e")
    assert group.splits == ("train", "test")
    assert found.across_splits == (group,)
    assert found.refusals == []


def test_patients_in_two_splits_are_refused(tmp_path):
    rows = ["a,1,train,1,0", "b,1,test,0,0", "c,2,validation,0,0"]
    found = verify(write(tmp_path / "set", rows, {"a": 1, "b": 2, "c": 3}), 1, nothing)
    (shared,) = found.shared_patients
    assert (shared.patient_id, shared.splits) == ("1", ("train", "test"))
    assert found.refusals == ["1 patients stand in more than one split"]


def test_files_that_do_not_decode_are_listed_and_over_one_per_cent_refused(tmp_path):
    rows = [f"i{n},{n},train,1,0" for n in range(200)]
    files = {f"i{n}": n for n in range(200)}
    few = verify(write(tmp_path / "few", rows, files | {"i7": "broken", "i8": "broken"}), 1, nothing)
    assert [one.image_id for one in few.undecodable] == ["i7", "i8"]
    assert "i7.png: does not decode" in few.undecodable[0].reason
    assert few.refusals == []
    many = verify(write(tmp_path / "many", rows, files | {f"i{n}": "broken" for n in (7, 8, 9)}), 1, nothing)
    assert many.refusals == ["over 1% of the images do not decode"]


def test_annotation_that_does_not_fit_is_refused(tmp_path):
    rows = ["odd,1,train,1,0", "refused,2,train,0,0", "c,3,test,0,0"]
    found = verify(write(tmp_path / "set", rows, {"odd": 200, "refused": 2, "c": 3}), 1, nothing)
    assert "its region 'finding' is (8, 7), the image (8, 8)" in found.misfits[0].reason
    assert "refused.txt: is not a mask" in found.misfits[1].reason
    assert found.undecodable == ()
    assert found.refusals == ["the annotation of 2 images does not fit them"]


def test_two_processes_find_the_same(tmp_path):
    rows = [f"i{n},{n},train,1,0" for n in range(150)]
    source = write(tmp_path / "set", rows, {f"i{n}": n // 2 for n in range(150)})
    seen = []
    assert verify(source, 2, lambda done, total: seen.append((done, total))) == verify(source, 1, nothing)
    assert seen == [(64, 150), (128, 150), (150, 150)]


def test_labels_are_the_columns_of_ones_and_zeros():
    table = pd.DataFrame(
        {"a": [1, 0], "b": [1.0, np.nan], "c": [-1, 1], "age": [1, 2], "sex": ["F", "M"], "none": [np.nan] * 2}
    )
    assert label_columns(table) == ["a", "b", "c"]


def test_the_text_says_all_of_it(chests):
    (chests.root / "images" / "d.png").write_text("no PNG")
    text = "\n".join(lines_of(verify(chests, 1, nothing)))
    for part in (
        "licence    none",
        "may not be published",
        "listed     6 images, 5 patients",
        "missing    1",
        "images: 9; 6 listed  <- differs",
        "beds: 3; not counted",
        "sick: 1 positive, 1 negative, 0 uncertain, 1 blank",
        "images/d.png: does not decode",
        "a = e (train, test)",
        "refused    over 1% of the images do not decode",
    ):
        assert part in text


@needs_shared
def test_the_real_grazpedwri_table_agrees_with_its_publisher():
    found = verify(Grazpedwri(SHARED / "grazpedwri", {}), 1, nothing)
    assert all(pair.listed == pair.official for pair in found.official.values())
    assert found.found.images == 12
    assert len(found.missing) == 20327 - 12
    assert found.annotated == {"text": 3}
    assert (found.undecodable, found.misfits, found.refusals) == ((), (), [])


def test_the_command_exits_with_4_where_it_refuses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = ["filestem,patient_id,study_number,gender,age,laterality,projection,device_manufacturer,cast,"
             "diagnosis_uncertain,osteopenia,fracture_visible,metal"]  # fmt: skip
    lines += [f"w{n},{n},1,F,9,L,1,X,,,,{n % 2}," for n in range(20)]
    (tmp_path / "images_part1").mkdir()
    (tmp_path / "dataset.csv").write_text("\n".join(lines))
    for n in range(20):
        Image.fromarray(np.full((8, 8), n, np.uint16)).save(tmp_path / "images_part1" / f"w{n}.png")
    done = here("data", "verify", "--source", "grazpedwri", "--data", ".", "--workers", "1", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["found"] == {"images": 20, "patients": 20, "studies": 20}
    assert report["official"]["images"] == {"official": 20327, "listed": 20}
    assert report["pixels_may_be_published"] is True
    (tmp_path / "images_part1" / "w3.png").write_bytes(b"\x89PNG")
    done = here("data", "verify", "--source", "grazpedwri", "--data", ".", "--workers", "1")
    assert done.returncode == 4, done.stderr
    assert "w3.png" in done.stdout


def test_prepare_is_what_a_run_would_do_and_says_where(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = here("data", "prepare", "--task", "mnist", "--workers", "1", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (tmp_path / report["folder"] / "prepared.json").exists()
    assert report["images"] == 1797
    assert report["explained"] == 64
