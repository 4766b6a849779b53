"""Training curves and the scores of models, drawn: where things stand."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from tests.leaderboard.model_runs import history, write_models
from xraybench.leaderboard.charts import Axis
from xraybench.leaderboard.curves import LEFT, PANEL, TOGETHER, TOP, stage_curves, ticks_of, together
from xraybench.leaderboard.forest import forest
from xraybench.leaderboard.modelboard import Curve
from xraybench.leaderboard.models import build_models
from xraybench.leaderboard.records import load_run

PATH = r'class="curve {}" d="([^"]*)"'


def points(svg, style, panel=0):
    path = re.findall(PATH.format(style), svg)[panel]
    return np.array([[float(n) for n in pair.split()] for pair in re.findall(r"[ML]([\d.]+ [\d.]+)", path)])


def curve(**fields):
    return Curve(**{"stage": "wrist", "history": history(11), "kept": 8, **fields})


def test_a_line_stands_where_its_values_are():
    svg, values = stage_curves(curve(), "binary"), history(11)
    train, validation = points(svg, "train"), points(svg, "validation")
    assert train[:, 0] == pytest.approx(np.linspace(LEFT, LEFT + PANEL[0], 11), abs=0.06)
    heights = np.r_[train[:, 1], validation[:, 1]]
    losses = np.r_[[one["train_loss"] for one in values], [one["validation_loss"] for one in values]]
    slope, offset = np.polyfit(losses, heights, 1)
    assert heights == pytest.approx(slope * losses + offset, abs=0.1), "one linear axis for both losses"
    assert slope < 0, "more loss stands higher"
    assert heights.min() >= TOP
    assert heights.max() <= TOP + PANEL[1]


def test_the_kept_epoch_is_marked_on_both_panels():
    svg = stage_curves(curve(), "binary")
    marks = [float(x) for x in re.findall(r'<line class="kept" x1="([\d.]+)"', svg)]
    assert marks == [points(svg, "validation", panel)[7, 0] for panel in (0, 1)]
    assert svg.count("epoch 8 kept") == 2
    assert "kept" not in stage_curves(curve(kept=None), "binary")


def test_findings_have_an_auc_and_classes_an_accuracy():
    findings, classes = stage_curves(curve(), "binary"), stage_curves(curve(), "multi-class")
    assert "validation AUC" in findings
    assert len(re.findall(PATH.format("train"), findings)) == 1
    assert "validation AUC" not in classes
    assert len(re.findall(PATH.format("train"), classes)) == 2


def test_frozen_epochs_are_shaded():
    svg = stage_curves(curve(frozen=5), "binary")
    widths = [float(width) for width in re.findall(r'class="frozen"[^>]* width="([\d.]+)"', svg)]
    assert widths == pytest.approx([0.4 * PANEL[0]] * 2, abs=0.1), "4 of 10 steps from the first epoch"


def test_a_line_breaks_where_nothing_was_measured():
    gap = [{**one, "validation_auc": None if n == 4 else one["validation_auc"]} for n, one in enumerate(history(11))]
    path = re.findall(PATH.format("validation"), stage_curves(curve(history=gap), "binary"))[1]
    assert (path.count("M"), path.count("L")) == (2, 8)
    never = [{**one, "validation_auc": None} for one in history(3)]
    assert "nothing was measured" in stage_curves(curve(history=never), "binary")


@pytest.mark.parametrize("epochs", [1, 2, 60])
def test_epochs_are_whole_numbers_that_do_not_overlap(epochs):
    svg = stage_curves(curve(history=history(epochs), kept=epochs), "binary")
    ticks = re.findall(r'class="tick" x="([\d.]+)" y="[\d.]+" text-anchor="middle">(\d+)<', svg)
    written = [int(text) for _, text in ticks]
    half = len(written) // 2
    assert written[:half] == written[half:]
    assert written[0] == 1
    assert max(written) <= epochs
    places = [float(x) for x, _ in ticks[:half]]
    assert all(b - a > 12 for a, b in pairwise(places))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.9988, 1.0), (0.981, 0.983), (0.02, 14.0)])
@pytest.mark.parametrize(("start", "end"), [(40.0, 320.0), (180.0, 20.0)])
def test_ticks_are_told_apart_and_fit(low, high, start, end):
    axis = Axis(low, high, start, end)
    ticks = ticks_of(axis)
    assert len({text for _, text in ticks}) == len(ticks) >= 2
    assert all(float(text) == pytest.approx(value, abs=1e-9) for value, text in ticks)
    room = max(len(text) for _, text in ticks) * 6 if end > start else 13
    assert all(abs(axis(b) - axis(a)) >= room for (a, _), (b, _) in pairwise(ticks))


def test_models_are_drawn_together_and_told_apart(tmp_path):
    board = build_models(load_run(write_models(tmp_path / "run", "mura", seeds=(0, 1))))
    pictures = together(board.entries, board.kind)
    assert len(pictures) == len(board.entries) // TOGETHER
    for place, picture in enumerate(pictures):
        names = re.findall(r'class="end series\d" x="[\d.]+" y="([\d.]+)">([^<]+)<', picture)
        entries = board.entries[TOGETHER * place : TOGETHER * (place + 1)]
        assert {name for _, name in names} == {entry.model for entry in entries}
        heights = sorted(float(y) for y, _ in names)
        assert all(b - a >= 13 for a, b in pairwise(heights)), "names do not overlap"
        assert len(re.findall(r'class="curve series\d"', picture)) == 2 * 2 * len(entries), "panels, seeds"
    assert together(board.entries[:1], board.kind) == [], "one model is drawn in its own section"


def test_the_papers_score_is_a_mark_of_its_own(tmp_path):
    board = build_models(load_run(write_models(tmp_path / "run", models=("wristnet",))))
    svg = forest(board)
    assert svg.count('class="paper"') == 3 * 4 + 2, "three scores of four models, two of a fifth"
    assert svg.count('<circle class="mean"') == 3, "what was measured: one model's"
    for name in ("wristnet", "radinet-wrist-by-hand", "roc-auc", "accuracy", "kappa"):
        assert f">{name}<" in svg
    assert "paper: 0.82" in svg


def test_no_scores_no_drawing(tmp_path):
    assert forest(build_models(load_run(write_models(tmp_path / "run", "tb", models=())))) == ""
