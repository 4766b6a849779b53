"""Preparation: what is decoded once is what the source gives, whatever the number of processes or interruptions."""

import dataclasses
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from xraybench.data import _chunks
from xraybench.data.prepare import Recipe, prepare, prepare_validation
from xraybench.data.prepared import Prepared
from xraybench.data.sources import phantom_wrist
from xraybench.data.splits import split_digest
from xraybench.errors import DataError
from xraybench.steps import DEFAULT, Quantise, SideBySide
from xraybench.tasks import Task

SETTINGS = {"size": 64, "train": 150, "validation": 10, "test": 40}
RECIPE = Recipe(64, ["fracture"], "positive", 8)


def nothing(done, total):
    pass


@pytest.fixture(scope="module")
def source():
    return phantom_wrist.open_source(None, SETTINGS)


@pytest.fixture(scope="module")
def prepared(source, tmp_path_factory):
    return prepare(source, tmp_path_factory.mktemp("one"), RECIPE, 1, nothing)


def digests(folder):
    """Every file of a prepared folder by its bytes."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_pixels_masks_and_twins_are_the_sources(prepared, source):
    rows = prepared.index.to_dict("records")
    np.testing.assert_allclose(prepared.grey(np.array([3]))[0], source.image(rows[3]), atol=1e-5)
    explained = prepared.explained
    assert len(explained.rows) == 8
    for position, number in enumerate(explained.rows):
        assert rows[number]["split"] == "test"
        assert rows[number]["fracture"] == 1
        for name, mask in source.regions(rows[number]).items():
            np.testing.assert_array_equal(explained.regions[name][position], mask)
        np.testing.assert_allclose(explained.twins[position], source.twin(rows[number]), atol=1e-5)


def test_statistics_and_the_means_are_of_the_training_images(prepared, source):
    train = prepared.index[prepared.index["split"] == "train"]
    images = np.stack([source.image(row) for row in train.to_dict("records")])
    assert prepared.statistics.mean == pytest.approx(images.mean(dtype=np.float64), abs=1e-6)
    assert prepared.statistics.std == pytest.approx(images.std(dtype=np.float64), abs=1e-6)
    np.testing.assert_allclose(prepared.mean_training_image, images.mean(0), atol=1e-5)
    masks = [source.regions(row)["finding"] for row in train[train["fracture"] == 1].to_dict("records")]
    np.testing.assert_allclose(prepared.mean_training_mask, np.mean(masks, axis=0), atol=1e-6)
    rows = np.flatnonzero(prepared.index["split"] == "train")
    np.testing.assert_array_equal(np.concatenate(list(prepared.batches(rows, 7))), prepared.grey(rows))


def test_two_processes_prepare_the_same_to_the_byte(prepared, source, tmp_path):
    again = prepare(source, tmp_path / "two", RECIPE, 2, nothing)
    assert digests(again.folder) == digests(prepared.folder)
    assert "parts" not in os.listdir(again.folder)


def test_what_is_prepared_is_not_prepared_again(prepared, source):
    class Broken(phantom_wrist.PhantomWrist):
        def image(self, row):
            raise AssertionError("decoded again")

    assert prepare(Broken(source.settings), prepared.folder, RECIPE, 1, nothing).statistics == prepared.statistics


def test_nothing_to_explain_is_an_error(source, tmp_path):
    with pytest.raises(DataError, match="no test image can be explained"):
        prepare(source, tmp_path / "none", dataclasses.replace(RECIPE, labels=["age"]), 1, nothing)
    assert not (tmp_path / "none").exists()


def test_an_older_folder_is_prepared_anew(prepared, source, tmp_path):
    folder = tmp_path / "old"
    shutil.copytree(prepared.folder, folder)
    (folder / "prepared.json").write_text(json.dumps({"mean": 0.1, "std": 1, "split_digest": "x", "image_size": 64}))
    assert digests(prepare(source, folder, RECIPE, 1, nothing).folder) == digests(prepared.folder)


INTERRUPTED = """
import sys
from pathlib import Path
from xraybench.data import _chunks
from xraybench.data.prepare import Recipe, prepare
from xraybench.data.sources import phantom_wrist
if __name__ == "__main__":
    source = phantom_wrist.open_source(None, {"size": 64, "train": 150, "validation": 10, "test": 40})
    prepare(source, Path(sys.argv[1]), Recipe(64, ["fracture"], "positive", 8), 1, lambda done, total: None)
"""


def test_a_killed_preparation_goes_on_where_it_was_and_ends_the_same(prepared, source, tmp_path, monkeypatch):
    folder = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED, str(folder)])
    deadline = time.monotonic() + 60
    while not list(folder.glob("parts/images-*.npz")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "prepared.json").exists()
    done = [int(path.stem.removeprefix("images-")) for path in folder.glob("parts/images-*.npz")]
    decoded = []
    view_of = _chunks.view_of
    monkeypatch.setattr(
        _chunks, "view_of", lambda site, item, w: decoded.append((item.number, w)) or view_of(site, item, w)
    )
    finished = prepare(source, folder, RECIPE, 1, nothing)
    assert digests(finished.folder) == digests(prepared.folder)
    again = {number for number, wanted in decoded if wanted != "everything"}
    assert again == set(range(200)) - {n for start in done for n in range(start, start + 128)}


def prepare_beside(folder, barrier):
    barrier.wait()
    prepare(phantom_wrist.open_source(None, SETTINGS), folder, RECIPE, 1, nothing)


def test_two_preparations_of_one_folder_at_once_do_no_harm(prepared, tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, folder = context.Barrier(2), tmp_path / "both"
    both = [context.Process(target=prepare_beside, args=(folder, barrier)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    shutil.rmtree(folder / "parts", ignore_errors=True)
    assert digests(folder) == digests(prepared.folder)


@dataclasses.dataclass(frozen=True)
class Flat:
    """Images of one grey each: image n has grey n/N. Some do not decode, or have a mask of another size."""

    train: int = 300
    broken: frozenset = frozenset()
    odd_mask: frozenset = frozenset()
    side: int = 16
    name: ClassVar = "flat"
    phantom: ClassVar = True
    offers: ClassVar = frozenset({"finding"})

    def index(self):
        total = self.train + 100
        splits = ["train"] * self.train + ["validation"] * 50 + ["test"] * 50
        table = pd.DataFrame({"image_id": [f"i{n:06d}" for n in range(total)], "split": splits})
        names = {"patient_id": table["image_id"], "study_id": table["image_id"], "view": "PA", "site": ""}
        return table.assign(path=table["image_id"] + ".png", **names, sick=np.arange(total) % 2)

    def image(self, row):
        number = int(row["image_id"][1:])
        if number in self.broken:
            raise DataError(f"{row['path']}: does not decode", "")
        return np.full((self.side, self.side), number / (self.train + 100), np.float32)

    def regions(self, row):
        number = int(row["image_id"][1:])
        mask = np.zeros((self.side + (number in self.odd_mask), self.side), bool)
        mask[:4, number % self.side] = True
        return {"finding": mask}

    def twin(self, row):
        return None


SICK = Recipe(16, ["sick"], "positive", 50)


def test_images_that_do_not_decode_are_left_out_and_listed(tmp_path):
    whole = prepare(Flat(), tmp_path / "whole", SICK, 1, nothing)
    explained = whole.index["image_id"][whole.explained.rows].tolist()
    victim = int(explained[0][1:])
    made = prepare(Flat(broken=frozenset({7, 201, victim})), tmp_path / "made", SICK, 1, nothing)
    assert [entry.image_id for entry in made.statistics.quarantine] == ["i000007", "i000201", explained[0]]
    assert made.statistics.quarantine[0].path == "i000007.png"
    assert "does not decode" in made.statistics.quarantine[0].reason
    assert len(made.index) == 397
    assert made.index["image_id"][made.explained.rows].tolist() == explained[1:]
    assert made.statistics.split_digest == split_digest(made.index) != whole.statistics.split_digest
    numbers = made.index["image_id"].str[1:].astype(int).to_numpy()
    np.testing.assert_allclose(made.grey(np.arange(397))[:, 5, 5], numbers / 400, atol=1e-5)
    train = numbers[numbers < 300]
    assert made.statistics.mean == pytest.approx(np.mean(train / 400), abs=1e-5)
    assert made.statistics.std == pytest.approx(np.std(train / 400), abs=1e-5)
    for position, number in enumerate(numbers[made.explained.rows]):
        assert made.explained.regions["finding"][position].nonzero()[1].tolist() == [number % 16] * 4


def test_over_one_per_cent_is_refused_and_mended_files_are_read_again(tmp_path):
    bad = frozenset(range(10, 15))
    with pytest.raises(DataError, match=r"(?s)5 of 400 images do not decode, over 1%.*quarantine\.csv") as refused:
        prepare(Flat(broken=bad), tmp_path / "made", SICK, 1, nothing)
    assert "i000010.png" in refused.value.message
    listed = pd.read_csv(tmp_path / "made" / "quarantine.csv")
    assert listed["image_id"].tolist() == [f"i{n:06d}" for n in sorted(bad)]
    assert not (tmp_path / "made" / "prepared.json").exists()
    mended = prepare(Flat(), tmp_path / "made", SICK, 1, nothing)
    assert digests(mended.folder) == digests(prepare(Flat(), tmp_path / "whole", SICK, 1, nothing).folder)


@pytest.mark.parametrize("number", [1, 399], ids=["training", "explained"])
def test_a_mask_of_another_size_is_an_error_that_names_the_image(tmp_path, number):
    with pytest.raises(
        DataError, match=rf"i000{number:03d} \(i000{number:03d}\.png\): its region 'finding' is \(17, 16\)"
    ):
        prepare(Flat(odd_mask=frozenset({number})), tmp_path / "made", SICK, 1, nothing)


def test_a_folder_of_another_preparation_is_refused(tmp_path):
    (tmp_path / "made").mkdir()
    np.save(tmp_path / "made" / "images.npy", np.zeros((3, 4, 4), np.uint16))
    with pytest.raises(DataError, match="belongs to another preparation"):
        prepare(Flat(), tmp_path / "made", SICK, 1, nothing)


def test_eight_bits_are_stored_in_eight_bits(tmp_path):
    steps = (*DEFAULT, Quantise(step="quantise", bits=8))
    made = prepare(Flat(), tmp_path / "made", dataclasses.replace(SICK, steps=steps), 1, nothing)
    assert made.pixels.dtype == np.uint8
    np.testing.assert_allclose(
        made.grey(np.arange(400))[:, 0, 0], np.round(np.arange(400) / 400 * 255) / 255, atol=1e-6
    )
    train = np.round(np.arange(300) / 400 * 255) / 255
    assert made.statistics.mean == pytest.approx(train.mean())
    assert made.statistics.std == pytest.approx(train.std())


def test_memory_is_flat_whatever_the_size_of_the_set(tmp_path):
    def peak(count):
        prepare(Flat(train=200), tmp_path / "warm", SICK, 1, nothing)
        tracemalloc.start()
        prepare(Flat(train=count), tmp_path / str(count), SICK, 1, nothing)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small, large = peak(500), peak(4000)
    pixels = 3500 * 16 * 16 * 2
    assert large - small < pixels + 3500 * 1000  # the index's text, and less than the pixels


class Pairs(Flat):
    """Studies of two views; the third view of each study and every tenth study's lateral are without a partner."""

    def index(self):
        table = super().index()
        study = np.arange(len(table)) // 2
        table["study_id"] = table["patient_id"] = [f"s{n}" for n in study]
        table["view"] = np.where(np.arange(len(table)) % 2 == 0, "PA", "lateral")
        table.loc[[21, 41], "view"] = "oblique"
        return table


def test_two_views_become_one_image_and_one_row(tmp_path):
    steps = (SideBySide(step="side-by-side"), *DEFAULT)
    recipe = Recipe(32, ["sick"], "positive", 50, steps)
    made = prepare(Pairs(broken=frozenset({100})), tmp_path / "made", recipe, 1, nothing)
    assert len(made.index) == 200 - 2 - 1
    assert made.statistics.unpaired == 4
    assert [entry.image_id for entry in made.statistics.quarantine] == ["i000100"]
    assert made.index["image_id"][3] == "i000006+i000007"
    assert made.index["view"][3] == "PA+lateral"
    assert (made.index["sick"] == 1).all()  # every lateral is
    image = made.grey(np.array([3]))[0]
    np.testing.assert_allclose(image[8:24, :16], 6 / 400, atol=1e-5)
    np.testing.assert_allclose(image[8:24, 16:], 7 / 400, atol=1e-5)
    assert not image[:8].any()
    masks = made.explained.regions["finding"]
    for position, row in enumerate(made.explained.rows):
        left = int(made.index["image_id"][row][1:7])
        columns = np.unique(masks[position].nonzero()[1])
        assert columns.tolist() == [left % 16, 16 + (left + 1) % 16]
        assert masks[position].nonzero()[0].min() == 8


def test_the_run_says_what_was_left_out(monkeypatch, tmp_path):
    from xraybench import preparation
    from xraybench.planning import Request, make_plan
    from xraybench.tasks import load_task

    class Voice:
        lines: ClassVar = []

        def say(self, line):
            self.lines.append(line)

        def progress(self, *what):
            pass

    class Sick(Flat):
        def identity(self):
            return {"source": "flat"}

    task: Task = load_task("wrist")
    source = Sick(broken=frozenset({3}))
    plan = make_plan(task, source, Request(explainers=("gradient",), metrics=("srg",)))
    plan = dataclasses.replace(plan, task=task.model_copy(update={"labels": ["sick"]}))
    (read,) = preparation.prepare_data(plan, tmp_path, 1, Voice())
    made = read.prepared
    assert isinstance(made, Prepared)
    assert made.folder == tmp_path / "data" / plan.data_digest
    (line,) = Voice.lines
    assert "i000003.png" in line
    assert "prepared.json" in line


def test_validation_images_have_their_regions_beside_a_preparation_where_a_run_asks(tmp_path):
    prepared, source = prepare(Flat(), tmp_path, SICK, 1, nothing), Flat()
    before = digests(tmp_path)
    assert prepared.validation is None
    prepare_validation(source, tmp_path, dataclasses.replace(SICK, count=10), 1, nothing)
    known = Prepared(tmp_path).validation
    rows = prepared.index.iloc[known.rows]
    assert set(rows["split"]) == {"validation"}
    assert rows["sick"].eq(1).all()
    assert len(rows) == 10
    drawn = np.stack([source.regions(row)["finding"] for row in rows.to_dict("records")])
    np.testing.assert_array_equal(known.regions["finding"], drawn)
    assert known.twins is None
    written = digests(tmp_path)
    assert {name: digest for name, digest in written.items() if name != "validation.npz"} == before
    prepare_validation(source, tmp_path, SICK, 1, nothing)  # it is there
    assert digests(tmp_path) == written
