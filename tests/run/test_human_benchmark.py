"""Computed radiographs in CheXpert's layout, read by humans or not: the ceiling row, and thresholds tuned beside it."""

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import distance_transform_edt

from tests.metrics.test_miou_and_axioms import share_by_hand
from tests.run.test_every_task import Silent, shrunk
from xraybench.cells.bench import Bench
from xraybench.cells.drawing import NOTE
from xraybench.cells.place import Place
from xraybench.data.masks import from_rle
from xraybench.data.phantom.chexpert_layout import BASE, TASKS, write_chexpert
from xraybench.data.prepare import Recipe, prepare, prepare_validation
from xraybench.data.sources._chexlocalize import NO_HUMAN
from xraybench.data.sources.chexpert import LABELS, Chexpert
from xraybench.explainers.gradient import Gradient
from xraybench.leaderboard.pages import render
from xraybench.leaderboard.records import CellData, RunData, load_run
from xraybench.leaderboard.tables import build_board
from xraybench.planning import Plan, Request, make_plan
from xraybench.runner import execute, open_source
from xraybench.tasks import load_task
from xraybench.workshop import Engine

METRICS = ("pointing-game", "miou", "miou(threshold=tuned)", "relevance-mass", "sparseness")
ITEMS = 40
UNSEEN, MISSED = "Pleural Effusion", "Lung Opacity"


def quiet(done, total):
    pass


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Half of the patients of the validation images become the test set; one with a mask is whom nobody read."""
    root = tmp_path_factory.mktemp("chexpert") / "set"
    write_chexpert(100, 64, 5, root, quiet)
    base, beside = root / BASE, root / "CheXlocalize"
    table = pd.read_csv(base / "valid.csv")
    patients = table["Path"].str.extract(r"(patient\d+)")[0]
    chosen = patients.isin(patients.unique()[::2])
    unread = patients[chosen & table["Pleural Effusion"].eq(1)].iloc[0]
    moved = table["Path"].str.replace(f"{BASE}/valid", "test").str.replace(unread, NO_HUMAN)
    table.assign(Path=moved)[chosen][["Path", *LABELS]].to_csv(base / "test_labels.csv", index=False)
    table[~chosen].to_csv(base / "valid.csv", index=False)
    for old, new in zip(table["Path"][chosen], moved[chosen], strict=True):
        (base / new).parent.mkdir(parents=True)
        shutil.move(root / old, base / new)
    masks = json.loads((beside / "gt_segmentations_val.json").read_text())
    of_test = {name for name in masks if name.split("_")[0] in set(patients[chosen])}
    test = {name.replace(unread, NO_HUMAN): masks.pop(name) for name in sorted(of_test)}
    (beside / "gt_segmentations_val.json").write_text(json.dumps(masks))
    (beside / "gt_segmentations_test.json").write_text(json.dumps(test))
    return root


@dataclass(frozen=True)
class Finished:
    """A run, with the bench that its cells were computed on."""

    plan: Plan
    data: RunData
    desk: Bench

    def cell(self, explainer: str) -> CellData:
        (cell,) = (cell for cell in self.data.cells if cell.record.explainer == explainer)
        return cell


def run(root: Path, out: Path, **settings) -> Finished:
    """The task's smallest model on the folder, each label explained by itself."""
    task = shrunk(load_task("chexpert"))
    preset = task.presets["quick"].model_copy(
        update={"sources": {"chexpert": {"valid": "validation"} | settings}, "target": "each-label", "explained": ITEMS}
    )
    task = task.model_copy(update={"presets": {"quick": preset}})
    request = Request(explainers=("gradient",), metrics=METRICS, source="chexpert", data=root)
    plan = make_plan(task, open_source(task, request), request)
    outcome = execute(plan, out, Engine("cpu", 0), "failed", "", Silent())
    assert outcome.failures == ()
    place = Place(outcome.folder, out / "data" / plan.data_digest, plan.task, ITEMS, "cpu", "")
    return Finished(plan, load_run(outcome.folder), Bench(place))


def inside(coded) -> list[list[float]]:
    """The point (x, y) of a mask that is farthest from its border; none of a blank one."""
    mask = from_rle(coded)
    depth = distance_transform_edt(mask)
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return [[float(column), float(row)]] if mask.any() else []


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory) -> Finished:
    """Humans who outline what is there, but for effusions, of which they see none; one patient they did not read.

    They point into what they outline, but for opacities, where they point into the corner.
    """
    truth = json.loads((root / "CheXlocalize/gt_segmentations_test.json").read_text())
    human = {
        name: {label: mask for label, mask in masks.items() if label != UNSEEN}
        for name, masks in truth.items()
        if not name.startswith(NO_HUMAN)
    }
    points = {
        name: {label: inside(mask) if label != TASKS[MISSED] else [[1, 1]] for label, mask in masks.items()}
        for name, masks in human.items()
    }
    for what, content in {"segmentations": human, "salient_pt": points}.items():
        (root / f"CheXlocalize/hb_{what}_test.json").write_text(json.dumps(content))
    finished = run(root, tmp_path_factory.mktemp("read"))
    for what in ("segmentations", "salient_pt"):
        (root / f"CheXlocalize/hb_{what}_test.json").unlink()
    return finished


def covered(drawn, points, finding):
    return ((drawn | points) & finding).sum() / (drawn | points | finding).sum()


def hit(drawn, points, finding):
    return (points & finding).sum() / points.sum() if points.any() else 0.0


def mass(drawn, points, finding):
    values = np.where(points, 1 + 2**-10, drawn)
    return (values * finding).sum() / values.sum() if points.any() else 0.0


@pytest.mark.parametrize(
    ("metric", "by_hand"),
    [("pointing-game", hit), ("miou", covered), ("miou(threshold=tuned)", covered), ("relevance-mass", mass)],
)
def test_humans_score_as_they_drew_and_pointed_and_what_they_did_not_read_is_no_miss(finished, metric, by_hand):
    human, regions = finished.cell("human-benchmark").scores[metric], finished.desk.regions
    labels = np.array([name.partition(": ")[2] for name in human.image_ids])
    unread = np.char.startswith(human.image_ids, NO_HUMAN)
    drawn, points, finding = (regions[name].numpy() for name in ("human", "human-point", "finding"))
    points = np.where((points & drawn).any((1, 2), keepdims=True), points & drawn, points)
    masks = zip(drawn, points, finding, strict=True)
    expected = np.array([by_hand(*each) if each[2].any() else np.nan for each in masks])
    np.testing.assert_allclose(human.values, np.where(unread, np.nan, expected), atol=1e-12)
    known = ~np.isnan(expected)
    assert (unread & known).any()
    assert (human.values[(labels == UNSEEN) & ~unread] == 0).all()
    assert ((labels == UNSEEN) & known & ~unread).any()
    pointed = known & ~unread & (labels != UNSEEN)
    if metric == "pointing-game":
        assert (human.values[pointed & (labels == MISSED)] == 0).all()
        assert (pointed & (labels == MISSED)).any()
    assert human.values[pointed & (labels != MISSED)] == pytest.approx(1)


def test_other_metrics_leave_out_what_was_not_read(finished):
    scores = finished.cell("human-benchmark").scores["sparseness"]
    unread = np.char.startswith(scores.image_ids, NO_HUMAN)
    assert np.isnan(scores.values[unread]).all()
    assert not np.isnan(scores.values[~unread]).all()


def test_the_row_is_a_ceiling_and_says_what_it_leaves_out(finished):
    record = finished.cell("human-benchmark").record
    unread = np.char.startswith(finished.cell("oracle").scores["miou"].image_ids, NO_HUMAN)
    assert record.role == "ceiling"
    assert record.notes[NOTE] == unread.sum() > 0
    board = build_board(finished.data)
    rows = {row.explainer: row for row in board.rows}
    more = rows["human-benchmark"].scores["miou"].n_undefined - rows["oracle"].scores["miou"].n_undefined
    assert more == (unread & ~np.isnan(finished.cell("oracle").scores["miou"].values)).sum()
    assert rows["human-benchmark"].notes[NOTE] == unread.sum()
    page = render([finished.data], with_images=True)["explainers/human-benchmark.html"]
    assert NOTE in page


def test_thresholds_are_those_that_suit_validation_images_best(finished):
    desk, cell, (job,) = finished.desk.validation, finished.cell("gradient"), finished.plan.models
    assert set(desk.prepared.index["split"].iloc[desk.explained_rows]) == {"validation"}
    model = desk.model(job)
    targets = desk.targets(model)
    maps, masks = (
        Gradient()(model, desk.explained_images, targets, desk.context).numpy(),
        desk.regions["finding"].numpy(),
    )
    marked = masks.any((1, 2))
    info = cell.record.scores["miou(threshold=tuned)"]
    assert info.image_forwards == marked.sum() * Gradient().cost(64)
    shares = {}
    for target in set(finished.desk.targets(model).tolist()):
        rows = marked & (targets.numpy() == target)
        rows = rows if rows.any() else marked
        shares[LABELS[target]] = share_by_hand(maps[rows].astype(np.float64), masks[rows])
    assert len(set(shares.values())) > 1
    notes = {f"miou(threshold=tuned): threshold of {label}": share for label, share in shares.items()}
    assert cell.record.notes == notes


def test_data_without_a_human_benchmark_have_no_such_row(finished, root):
    bare = make_plan(finished.plan.task, Chexpert(root, {"valid": "validation"}), Request())
    there, without = ({cell.label for cell in plan.cells} for plan in (finished.plan, bare))
    assert "human-benchmark" in there
    assert "oracle" in without
    assert "human-benchmark" not in without


def test_validation_images_cut_from_the_training_set_have_no_masks_to_tune_on(finished, root, tmp_path):
    recipe = Recipe(64, LABELS, "positive", ITEMS)
    folder = tmp_path / "data"
    source = Chexpert(root, {"valid": "test"})
    prepare(source, folder, recipe, 1, quiet)
    desk = Bench(dataclasses.replace(finished.desk.place, data=folder))
    assert desk.validation is None  # no run has asked for them
    prepare_validation(source, folder, recipe, 1, quiet)
    there = Bench(dataclasses.replace(finished.desk.place, data=folder))
    assert len(there.prepared.validation.rows) > 0
    assert there.validation is None
    assert "finding" in there.regions
    assert {path.name for path in folder.iterdir()} >= {"validation.npz", "explained.npz"}
    assert not (folder / "parts").exists()
