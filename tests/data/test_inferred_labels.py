"""Labels inferred from reports: train only, and only in the stages that want them."""

import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xraybench.cells.bench import Bench
from xraybench.cells.place import Place
from xraybench.cells.train import train_model
from xraybench.data.prepare import Recipe, prepare
from xraybench.data.prepared import Prepared
from xraybench.data.sources.phantom_wrist import PhantomWrist, Settings
from xraybench.data.splits import check_split
from xraybench.errors import DataError
from xraybench.lineage import NO_STARTS, Setting, model_job
from xraybench.tasks import ModelEntry, Stage, load_task

DOCUMENT = Path(__file__).parents[2] / "docs/report-labelling.md"
WRIST = load_task("wrist")


def setting(data: str) -> Setting:
    """The wrist task on data prepared in a folder of that name."""
    return Setting(WRIST, "phantom-wrist", data, WRIST.preset("quick"), NO_STARTS)


STAGE = Stage(epochs=1, batch_size=16, learning_rate=1e-3)


class PartlyLabelled(PhantomWrist):
    """Phantoms of which every third training image's label is inferred."""

    def index(self):
        index = super().index()
        return index.assign(inferred=(index["split"] == "train") & (index.index % 3 == 0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    source = PartlyLabelled(Settings.parse({"size": 64, "train": 48, "validation": 10, "test": 20}))
    folder = tmp_path_factory.mktemp("prepared")
    prepare(source, folder, Recipe(64, ["fracture"], "positive", 4), 1, lambda *_: None)
    return folder


def place_of(folder, run) -> Place:
    return Place(run, folder, load_task("wrist"), 4, "cpu", "")


def test_training_rows_are_chosen_by_how_they_got_their_label(folder, tmp_path):
    desk, index = Bench(place_of(folder, tmp_path)), Prepared(folder).index
    train, given = desk.rows("train"), desk.rows("train", inferred_labels=False)
    assert list(train) == [row for row in index.index if index["split"][row] == "train"]
    assert list(given) == [row for row in train if not index["inferred"][row]]
    assert (len(train), len(given)) == (48, 32)
    examples = desk.examples("train", inferred_labels=False)
    np.testing.assert_array_equal(examples.labels[:, 0], index["fracture"].iloc[given])
    assert len(examples.images) == 32
    assert len(desk.rows("test", inferred_labels=False)) == 20


def trained(folder, run, stage):
    entry = ModelEntry(name="m", architecture="small-cnn", presets=["quick"], stages=[stage])
    return train_model(place_of(folder, run), model_job(setting(folder.name), entry, 0), lambda *_: None)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_stage_without_them_learns_nothing_from_them(folder, tmp_path, wanted):
    """Every inferred label turned round: weights change where, and only where, they are trained on."""
    turned = shutil.copytree(folder, tmp_path / "turned")
    index = pd.read_parquet(turned / "index.parquet")
    index.assign(fracture=index["fracture"].where(~index["inferred"], 1 - index["fracture"])).to_parquet(
        turned / "index.parquet"
    )
    stage = STAGE.model_copy(update={"inferred_labels": wanted})
    digests = [trained(data, tmp_path / name, stage).weights_digest for data, name in ((folder, "a"), (turned, "b"))]
    assert (digests[0] != digests[1]) == wanted


def test_without_the_column_all_labels_were_given(folder, tmp_path):
    plain = shutil.copytree(folder, tmp_path / "plain")
    pd.read_parquet(plain / "index.parquet").drop(columns="inferred").to_parquet(plain / "index.parquet")
    desk = Bench(place_of(plain, tmp_path))
    assert list(desk.rows("train", inferred_labels=False)) == list(desk.rows("train"))


def test_nothing_left_to_train_on_is_an_error(folder, tmp_path):
    every = shutil.copytree(folder, tmp_path / "every")
    index = pd.read_parquet(every / "index.parquet")
    index.assign(inferred=index["split"] == "train").to_parquet(every / "index.parquet")
    with pytest.raises(DataError, match="no train image has a label that was not inferred"):
        Bench(place_of(every, tmp_path)).examples("train", inferred_labels=False)


def table(inferred):
    splits = ["train", "train", "validation", "test"]
    return pd.DataFrame({"image_id": list("abcd"), "patient_id": list("pqrs"), "split": splits, "inferred": inferred})


def test_inferred_labels_in_training_pass():
    check_split(table([True, False, False, False]))


@pytest.mark.parametrize(
    ("inferred", "message"),
    [
        ([True, False, False, True], "1 images outside the train split have inferred labels, 'd' of test"),
        ([False, False, True, True], "2 images outside the train split have inferred labels, 'c' of validation"),
        ([1, 0, 0, 0], "not boolean"),
        ([True, False, None, False], "not boolean"),
    ],
)
def test_inferred_labels_in_validation_or_test_are_refused(inferred, message):
    with pytest.raises(DataError, match=message):
        check_split(table(inferred))


def test_the_documents_entries_are_two_models_that_differ_in_that_alone():
    (block,) = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    with_them, without = (ModelEntry.model_validate(entry) for entry in tomllib.loads(block)["models"])
    assert with_them.stages[0].inferred_labels
    assert without.stages == [with_them.stages[0].model_copy(update={"inferred_labels": False})]
    jobs = [model_job(setting(""), entry.model_copy(update={"name": "m"}), 0) for entry in (with_them, without)]
    assert jobs[0].id != jobs[1].id
