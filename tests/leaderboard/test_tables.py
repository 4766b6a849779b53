"""From records to a board: what is averaged, what is ranked, and what is only shown."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import rankdata

from tests.leaderboard.conftest import CONTROLS, METRICS, QUALITY, Recipe, give_scores, set_scores, write_run
from xraybench.leaderboard.board import Absent
from xraybench.leaderboard.formats import over_seeds, to_csv, to_json, to_markdown
from xraybench.leaderboard.pages import render
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.tables import build_board
from xraybench.results import CellRecord, read_record, write_record
from xraybench.score_files import ImageScores, read_scores

SMALL = Recipe(models=("small-cnn",), methods=("gradient", "occlusion", "rise(masks=500)"), metrics=("srg", "mprt"))


@pytest.fixture(scope="module")
def board(run_folder):
    return build_board(load_run(run_folder))


def row_of(board, explainer, model="small-cnn"):
    return next(row for row in board.rows if (row.explainer, row.model) == (explainer, model))


def cell_of(folder, explainer, seed=0):
    for path in sorted(folder.glob("cells/*/cell.json")):
        record = read_record(path, CellRecord)
        if (record.explainer, record.seed) == (explainer, seed):
            return path.parent
    raise AssertionError(explainer)


def test_a_score_is_the_mean_over_images(board, run_folder):
    for cell in load_run(run_folder).cells:
        for label, scores in cell.scores.items():
            score = row_of(board, cell.record.explainer, cell.record.model).scores[label]
            assert score.mean == pytest.approx(np.nanmean(scores.values), rel=1e-5)
            assert score.n == np.isfinite(scores.values).sum()
            assert score.n_undefined == np.isnan(scores.values).sum()


def test_every_method_is_ranked_within_its_model_and_no_reference_is(board):
    for row in board.rows:
        for label, score in row.scores.items():
            ranked = (
                row.role == "method" and next(higher for name, _, higher, _ in METRICS if name == label) is not None
            )
            assert (score.rank is not None) is ranked, (row.explainer, label)
            assert (score.tie_group is not None) is ranked
            if ranked:
                assert 1 <= score.rank[0] <= score.rank[1] <= len(QUALITY)


def test_rows_are_ordered_methods_first_best_first(board):
    for model in board.model_names():
        rows = board.rows_of(model)
        assert [row.role for row in rows] == ["method"] * 12 + ["control"] * 6 + ["ceiling"]
        means = [row.scores["pointing-game"].mean for row in rows[:12]]
        assert means == sorted(means, reverse=True)


def test_the_best_meant_method_is_in_the_first_group_and_the_worst_is_not(board):
    for label in ("relevance-mass", "deletion-auc", "max-sensitivity"):
        assert row_of(board, "lrp-epsilon-plus-flat").scores[label].tie_group == 1
        assert row_of(board, "smoothgrad").scores[label].tie_group > 2


def test_what_was_not_measured_stands_with_its_reason(board):
    assert row_of(board, "rise(masks=500)").skipped == dict.fromkeys(
        ("max-sensitivity", "mprt", "twin-localisation"), "price"
    )
    assert [(one.explainer, one.reason) for one in board.failed] == [
        ("expected-gradients", "RuntimeError: out of memory")
    ]
    whole = [one for one in board.skipped if one.metric is None]
    assert [(one.explainer, one.reason) for one in whole] == [("cam", "the model has no global average pooling")]
    assert not any(row.explainer in ("expected-gradients", "cam") for row in board.rows)


def summaries_by_hand(board, model, labels):
    """Mean rank among the methods that are ranked on every one of the metrics, from their means."""
    rows = [
        row
        for row in board.rows_of(model, "method")
        if all(label in row.scores and row.scores[label].rank for label in labels)
    ]
    better = {metric.label: metric.higher_is_better for metric in board.metrics}
    ranks = [
        rankdata([(-1 if better[label] else 1) * row.scores[label].mean for row in rows], method="average")
        for label in labels
    ]
    return dict(zip((row.explainer for row in rows), np.mean(ranks, axis=0), strict=True))


def test_the_summary_is_the_mean_rank_among_the_rows_that_all_its_metrics_rank(board):
    assert board.summary_metrics == ["pointing-game", "twin-localisation", "srg", "max-sensitivity"]
    assert board.summary_of("small-cnn") == board.summary_metrics
    by_hand = summaries_by_hand(board, "small-cnn", board.summary_metrics)
    assert set(by_hand) == set(QUALITY) - {"rise(masks=500)"}  # not measured on two of them
    found = {row.explainer: row.summary for row in board.rows_of("small-cnn") if row.summary is not None}
    assert found == pytest.approx(by_hand, rel=1e-5)
    assert sum(found.values()) == pytest.approx(11 * 12 / 2)  # ranks 1 to 11, whatever their order


def test_every_model_has_the_summary_of_the_metrics_that_can_tell_its_own_rows_apart(tmp_path):
    recipe = Recipe(metrics=("pointing-game", "srg", "sparseness"))
    folder = write_run(tmp_path / "run", recipe)
    give_scores(folder, "srg", "small-cnn", "random", "oracle")
    board = build_board(load_run(folder))
    used = {"densenet-tiny": ["pointing-game", "srg"], "small-cnn": ["pointing-game"]}
    assert {model: board.summary_of(model) for model in used} == used
    assert board.summary_metrics == ["pointing-game", "srg"]
    for model, labels in used.items():
        found = {row.explainer: row.summary for row in board.rows_of(model, "method")}
        assert found == pytest.approx(summaries_by_hand(board, model, labels), rel=1e-5)
    void = build_board(load_run(write_run(tmp_path / "void", Recipe(models=("small-cnn",), void=("small-cnn",)))))
    assert void.summary_metrics == void.summary_of("small-cnn") == []


@pytest.mark.parametrize("label", ["srg", "deletion-auc"])
def test_a_metric_that_ranks_random_above_the_oracle_is_said_to(tmp_path, label):
    recipe = Recipe(models=("small-cnn",), metrics=("relevance-mass", label))
    folder = write_run(tmp_path / "run", recipe)
    random = give_scores(folder, label, "small-cnn", "oracle", "random")["random"]
    set_scores(cell_of(folder, "oracle"), **{label: random})
    board = build_board(load_run(folder))
    said = board.column("small-cnn", label).uninformative
    assert said.startswith("ranks random above the oracle: oracle minus random is ")
    ends = [float(end) for end in said.rpartition(" is ")[2].split(" to ")]
    oracle, noise = (row_of(board, name).scores[label].mean for name in ("oracle", "random"))
    assert ends[0] < oracle - noise < ends[1]
    assert all(end < 0 for end in ends) if label == "srg" else all(end > 0 for end in ends)
    assert board.summary_metrics == []


def test_agreement_is_symmetric_with_ones_on_the_diagonal(board):
    for agreement in board.agreement:
        tau = np.array(agreement.tau, dtype=float)
        assert agreement.metrics == [name for name in [m.label for m in board.metrics] if name in agreement.metrics]
        assert "sparseness" not in agreement.metrics
        np.testing.assert_allclose(tau, tau.T)
        np.testing.assert_allclose(np.diag(tau), 1)


def test_a_model_no_better_than_chance_has_void_rows(tmp_path):
    board = build_board(load_run(write_run(tmp_path / "run", Recipe(void=("small-cnn",), metrics=("srg",)))))
    for row in board.rows:
        assert row.void is (row.model == "small-cnn")
        if row.void and row.role == "method":
            assert row.scores["srg"].rank is None
            assert row.scores["srg"].unranked == "void: the model does not beat chance"
            assert row.scores["srg"].low is not None
        elif row.role == "method":
            assert row.scores["srg"].rank is not None


def test_a_metric_on_which_the_oracle_does_not_beat_random_is_flagged(tmp_path):
    metrics, undecided = ("relevance-mass", "deletion-auc", "srg", "sparseness"), ("srg", "deletion-auc")
    recipe = Recipe(models=("small-cnn",), metrics=metrics, undecided=undecided)
    board = build_board(load_run(write_run(tmp_path / "run", recipe)))
    flags = {column.metric: column.uninformative for column in board.columns}
    assert all(flags[label].startswith("uninformative for this task") for label in undecided)
    assert flags["relevance-mass"] is None
    assert flags["sparseness"] is None
    without = build_board(load_run(write_run(tmp_path / "two", Recipe(references=False, metrics=("srg",)))))
    assert all(column.uninformative is None for column in without.columns)  # nothing to tell it from


def test_an_incomplete_row_is_shown_and_not_ranked(tmp_path):
    folder = write_run(tmp_path / "run", SMALL)
    cell = cell_of(folder, "gradient")
    whole = read_scores(cell)["srg"]
    set_scores(cell, srg=ImageScores(whole.image_ids[:60], whole.patient_ids[:60], whole.values[:60]))
    board = build_board(load_run(folder))
    score = row_of(board, "gradient").scores["srg"]
    assert (score.n, score.n_undefined, score.rank) == (60, 0, None)
    assert score.unranked == "incomplete: 4 of 64 images are missing"
    assert row_of(board, "occlusion").scores["srg"].rank is not None


@pytest.mark.parametrize(("seeds", "over"), [(4, "patients, given these weights"), (5, "patients and model seeds")])
def test_a_board_says_what_its_intervals_are_over(tmp_path, seeds, over):
    """As the statistics do: five model seeds are resampled, fewer are not."""
    recipe = Recipe(models=("small-cnn",), seeds=tuple(range(seeds)), methods=("gradient",), metrics=("srg",))
    board = build_board(load_run(write_run(tmp_path / "run", recipe)))
    assert f"[95 % interval over {over}]" in to_markdown(board)


def test_seeds_that_lack_the_same_for_the_same_reason_share_a_line():
    absent = [
        Absent(explainer="cam", model="mlp", seed=seed, metric=metric, reason=reason)
        for seed, metric, reason in [
            (0, None, "no maps"),
            (1, None, "no maps"),
            (1, "srg", "dear"),
            (2, None, "killed"),
        ]
    ]
    assert over_seeds(absent) == [
        ["cam", "mlp", "0, 1", "all", "no maps"],
        ["cam", "mlp", "1", "srg", "dear"],
        ["cam", "mlp", "2", "all", "killed"],
    ]


def test_rows_are_means_over_seeds_and_a_row_without_one_is_incomplete(tmp_path):
    recipe = Recipe(models=("small-cnn",), seeds=(0, 1, 2), methods=("gradient", "occlusion"), metrics=("srg",))
    folder = write_run(tmp_path / "run", recipe)
    values = [read_scores(cell_of(folder, "gradient", seed))["srg"].values for seed in range(3)]
    row = row_of(build_board(load_run(folder)), "gradient")
    assert row.seeds == [0, 1, 2]
    assert row.reproduce == ["xraybench run --task wrist --explainer 'gradient' --model small-cnn --seeds 0,1,2"]
    assert build_board(load_run(folder)).command.endswith("--explainer all --seeds 0,1,2")
    assert row.scores["srg"].mean == pytest.approx(np.mean(values), rel=1e-5)
    assert row.scores["srg"].n == 64
    path = cell_of(folder, "gradient", 1) / "cell.json"
    failed = read_record(path, CellRecord).model_copy(update={"status": "failed", "reason": "killed"})
    write_record(path, failed)
    row = row_of(build_board(load_run(folder)), "gradient")
    assert row.seeds == [0, 2]
    assert row.scores["srg"].unranked == "incomplete: no scores of seed 1"
    page = render([load_run(folder)])["index.html"]
    assert page.count('<span class="tag void">seed 0, 2 only</span>') == 1
    assert row.scores["srg"].mean == pytest.approx(np.mean([values[0], values[2]]), rel=1e-5)


def test_scores_of_an_older_version_of_a_metric_are_not_ranked(tmp_path):
    folder = write_run(tmp_path / "run", SMALL)
    for explainer in ("occlusion", "rise(masks=500)"):
        path = cell_of(folder, explainer) / "cell.json"
        record = read_record(path, CellRecord)
        info = record.scores["srg"]
        newer = info.model_copy(update={"metric": info.metric.model_copy(update={"version": 2})})
        write_record(path, record.model_copy(update={"scores": {**record.scores, "srg": newer}}))
    board = build_board(load_run(folder))
    assert row_of(board, "gradient").scores["srg"].unranked.startswith("measured with version 1")
    assert row_of(board, "occlusion").scores["srg"].rank is not None


def test_a_method_whose_maps_are_blank_stands_outside_tie_groups(tmp_path):
    recipe = Recipe(models=("small-cnn",), methods=("gradient", "occlusion"), metrics=("pixel-auprc", "srg"))
    folder = write_run(tmp_path / "run", recipe)
    cell = cell_of(folder, "gradient")
    mine = read_scores(cell)["pixel-auprc"]
    set_scores(cell, **{"pixel-auprc": dataclasses.replace(mine, values=np.zeros_like(mine.values))})
    row = row_of(build_board(load_run(folder)), "gradient")
    assert row.blank
    assert {score.tie_group for score in row.scores.values()} == {None}


def test_few_patients_give_means_and_nothing_else(tmp_path):
    recipe = Recipe(models=("small-cnn",), methods=("gradient", "occlusion"), metrics=("srg",), patients=20)
    score = row_of(build_board(load_run(write_run(tmp_path / "run", recipe))), "gradient").scores["srg"]
    assert score.mean is not None
    assert (score.low, score.rank, score.unranked) == (None, None, "20 patients, fewer than 30")


def test_the_board_is_a_pure_function_of_its_records(run_folder, board):
    assert to_json(build_board(load_run(run_folder))) == to_json(board)


# --- forms -----------------------------------------------------------------------------------------------------------


def test_the_json_form_is_what_other_tools_rely_on(board):
    form = json.loads(to_json(board), parse_constant=lambda text: pytest.fail(f"{text} in JSON"))
    assert {"task", "source", "comparability_key", "models", "rows"} <= set(form)
    assert {"model", "seed", "scores"} <= set(form["models"][0])
    assert set(form["models"][0]["scores"]["roc-auc"]) == {"mean", "low", "high", "n"}
    for row in form["rows"]:
        assert {"explainer", "model", "role", "scores"} <= set(row)
        assert row["role"] in ("method", "control", "ceiling")
        for score in row["scores"].values():
            assert {"mean", "low", "high", "n", "n_undefined", "rank", "tie_group"} <= set(score)
            assert score["rank"] is None or [type(end) for end in score["rank"]] == [int, int]
    assert {row["explainer"] for row in form["rows"] if row["role"] == "control"} == set(CONTROLS)


def test_notes_that_are_no_number_are_left_out(board):
    assert row_of(board, "lrp-epsilon-plus-flat").notes == {"conservation_error": 0.0004}


def test_csv_has_a_line_a_row_and_metric(board):
    lines = to_csv(board).splitlines()
    assert len(lines) == 1 + sum(len(row.scores) for row in board.rows)
    assert all(line.count(",") >= 20 for line in lines)


def test_markdown_names_what_a_reader_must_know(board):
    text = to_markdown(board)
    assert "**Phantom results: computed radiographs.**" in text
    assert "| *oracle* (ceiling) | 1.00 |" in text
    assert "RuntimeError: out of memory" in text
    assert "deletion-auc ↓" in text
    widths = {line.count(" | ") for line in text.splitlines() if line.startswith("| explainer | pointing")}
    assert len(widths) == 1
