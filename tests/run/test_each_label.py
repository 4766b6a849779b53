"""Multi-label tasks may explain each true label by itself: an item is an image and a label."""

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from scipy.stats import spearmanr

from tests.run.conftest import scores_of
from tests.run.test_every_task import Silent, shrunk
from xraybench.cells.bench import Bench
from xraybench.cells.items import Items
from xraybench.cells.place import Place
from xraybench.explainers.gradient import Gradient
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.strata import divide
from xraybench.leaderboard.tables import build_board
from xraybench.planning import Plan, Request, make_plan
from xraybench.results import FINDINGS, CellRecord, FindingsRecord, iterate_records, read_record
from xraybench.runner import execute, open_source
from xraybench.score_files import read_scores
from xraybench.scoring import ONE_LABEL
from xraybench.tasks import Task, load_task
from xraybench.training import predict
from xraybench.workshop import Engine

ITEMS = 12
LOGIT, SOME = "random-logit", "random-logit(patients=3)"
METRICS = ("relevance-mass", "srg", "max-sensitivity(draws=2, patients=3)", "twin-localisation", LOGIT, SOME)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Plan, object]:
    task = shrunk(load_task("chexpert"))
    preset = task.presets["quick"]
    sources = {"phantom-chexpert": preset.sources["phantom-chexpert"] | {"train": 40, "validation": 16, "test": 32}}
    presets = {"quick": preset.model_copy(update={"sources": sources, "target": "each-label"})}
    task = task.model_copy(update={"presets": presets})
    request = Request(explainers=("gradient",), metrics=METRICS, limit=ITEMS)
    plan = make_plan(task, open_source(task, request), request)
    outcome = execute(plan, tmp_path_factory.mktemp("each"), Engine("cpu", 0), "failed", "", Silent())
    assert outcome.failures == ()
    return plan, outcome.folder


@pytest.fixture(scope="module")
def desk(finished) -> Bench:
    plan, folder = finished
    return Bench(Place(folder, folder.parent / "data" / plan.data_digest, plan.task, ITEMS, "cpu", ""))


def test_items_are_the_pairs_of_image_and_true_label():
    true = np.array([[0, 1, 1], [0, 0, 0], [1, 0, 1]], dtype=bool)
    items = Items.of_labels(true, ["a", "b", "c"], 3)
    assert items.named(pd.Series(["x", "x", "z"])) == ["x: b", "x: c", "z: a"]
    assert items.positions.tolist() == [0, 0, 2]
    masks = {name: np.zeros((3, 2, 2), dtype=bool) for name in ("finding", "finding:a", "finding:b", "lung")}
    masks["finding"][:] = masks["finding:a"][2, 0] = masks["finding:b"][0, 1] = masks["lung"][2] = True
    own = items.regions(masks)
    assert own["finding"].sum((1, 2)).tolist() == [2, 0, 2]  # c has no region of its own
    assert own["finding"][0, 1].all()
    assert own["finding"][2, 0].all()
    assert own["lung"].any((1, 2)).tolist() == [False, False, True]


def test_what_humans_drew_of_a_label_is_its_own_too():
    items = Items.of_labels(np.array([[0, 1, 1], [1, 0, 0]], dtype=bool), ["a", "b", "c"], 3)
    masks = {name: np.zeros((2, 2, 2), dtype=bool) for name in ("finding", "human", "human:a", "human:c", "human-read")}
    masks["human"][:] = masks["human:c"][0, 1] = masks["human:a"][1, 0] = masks["human-read"][0] = True
    own = items.regions(masks)
    assert set(own) == {"finding", "human", "human-read"}
    np.testing.assert_array_equal(own["human"], [np.zeros((2, 2)), masks["human:c"][0], masks["human:a"][1]])
    assert own["human-read"].all((1, 2)).tolist() == [True, True, False]


def test_the_papers_preset_explains_each_true_label_and_the_quick_one_the_first():
    task = load_task("chexpert")
    targets = {
        name: make_plan(task, open_source(task, Request(preset=name)), Request(preset=name)).task.explained.target
        for name in ("quick", "paper")
    }
    assert targets == {"quick": "label", "paper": "each-label"}


def test_a_preset_of_a_task_whose_images_have_one_label_cannot_ask_for_each():
    task = load_task("wrist").model_dump()
    task["presets"]["quick"]["target"] = "each-label"
    with pytest.raises(ValidationError, match="multi-label tasks"):
        Task.model_validate(task)


def test_where_labels_have_no_regions_the_finding_stays():
    items = Items.of_labels(np.ones((2, 2), dtype=bool), ["a", "b"], 4)
    finding = np.random.default_rng(0).random((2, 3, 3)) > 0.5
    np.testing.assert_array_equal(items.regions({"finding": finding})["finding"], finding[[0, 0, 1, 1]])


def test_each_true_label_has_its_own_map_and_region(finished, desk):
    plan, folder = finished
    labels = desk.prepared.index[plan.task.labels].iloc[desk.explained_rows].to_numpy()
    targets = desk.targets(torch.nn.Identity()).numpy()
    assert (labels[np.arange(ITEMS), targets] == 1).all()
    assert len(set(desk.explained_rows.tolist())) < ITEMS  # some image has several
    source = open_source(plan.task, Request())
    regions = source.regions(desk.prepared.index.iloc[desk.explained_rows[1]].to_dict())
    own = regions.get(f"finding:{plan.task.labels[targets[1]]}", np.zeros_like(next(iter(regions.values()))))
    assert bool(desk.regions["finding"][1].any()) == bool(own.any())

    records = iterate_records(folder / "cells", "cell.json", CellRecord)
    (cell,) = (path for path, record in records if record.explainer == "gradient")
    (job,) = plan.models
    expected = Gradient()(desk.model(job), desk.explained_images, torch.from_numpy(targets), desk.context)
    np.testing.assert_allclose(np.load(cell / "maps.npy"), expected.numpy(), rtol=1e-3, atol=1e-6)
    scores = read_scores(cell)["relevance-mass"]
    assert scores.image_ids.tolist() == desk.explained_table["image_id"].tolist()
    assert len(set(scores.image_ids)) == len(scores.image_ids)
    blank = ~desk.regions["finding"].flatten(1).any(1).numpy()
    np.testing.assert_array_equal(np.isnan(scores.values), blank)


def test_a_random_logit_is_another_true_label_of_the_image(finished, desk):
    plan, folder = finished
    (cell,) = (
        path
        for path, made in iterate_records(folder / "cells", "cell.json", CellRecord)
        if made.explainer == "gradient"
    )
    scores = read_scores(cell)
    whole, some = (pd.Series(scores[label].values, scores[label].image_ids) for label in (LOGIT, SOME))
    labels = desk.prepared.index[plan.task.labels].iloc[desk.explained_rows].to_numpy() == 1
    np.testing.assert_array_equal(desk.true_labels.numpy(), labels)
    np.testing.assert_array_equal(whole.isna(), labels.sum(1) < 2)
    assert 0 < len(some) < len(whole)
    np.testing.assert_allclose(some, whole[some.index], atol=1e-5)

    (job,) = plan.models
    model, own = desk.model(job), desk.targets(torch.nn.Identity())
    maps = [
        Gradient()(model, desk.explained_images, torch.full_like(own, label), desk.context).flatten(1).numpy()
        for label in range(labels.shape[1])
    ]
    for row, label in enumerate(own.tolist()):
        others = [other for other in np.flatnonzero(labels[row]) if other != label]
        expected = [spearmanr(maps[label][row], maps[other][row])[0] for other in others]
        assert not others or np.isclose(expected, whole.iloc[row], atol=1e-4).any()


def test_findings_are_of_each_label_by_its_own_region_and_logit(finished, desk):
    plan, folder = finished
    (job,) = plan.models
    targets = desk.targets(torch.nn.Identity())
    logits = predict(desk.model(job), desk.explained_images)
    stored, expected = desk.prepared.explained.regions, {}
    for n, (name, position) in enumerate(zip(desk.explained_table["image_id"], desk.items.positions, strict=True)):
        own = stored.get(f"finding:{plan.task.labels[targets[n]]}")
        if own is not None and own[position].any():
            expected[name] = (bool(logits[n, targets[n]] > 0), pytest.approx(own[position].mean()))
    record = read_record(folder / "models" / job.id / FINDINGS, FindingsRecord)
    assert {name: (one.found, one.share) for name, one in record.findings.items()} == expected
    assert 0 < len(expected) < ITEMS
    (row,) = (row for row in build_board(load_run(folder)).rows if row.explainer == "gradient")
    assert [one.scores["relevance-mass"].n for one in row.strata[1:]] == [
        len(group.ids) for group in divide([record.findings])[1:]
    ]


def test_the_oracle_marks_the_labels_own_region_and_the_board_is_built(finished):
    _, folder = finished
    board = build_board(load_run(folder))
    (oracle,) = (row for row in board.rows if row.explainer == "oracle")
    assert oracle.scores["relevance-mass"].mean == pytest.approx(1)
    (gradient,) = (row for row in board.rows if row.explainer == "gradient")
    assert {"srg", METRICS[2]} <= set(gradient.scores)
    assert gradient.skipped["twin-localisation"] == ONE_LABEL
    assert "At most 12 pairs of a label" in board.explained
    assert scores_of(folder.parent)
