"""Drawings: where things stand."""

from __future__ import annotations

import re

import pytest

from xraybench.leaderboard.board import Score
from xraybench.leaderboard.charts import Axis, cost_plot, heat, whisker
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.tables import build_board


def test_axes_are_linear_or_logarithmic_and_clip():
    linear, log = Axis(0, 10, 0, 100), Axis(1, 100, 0, 100, log=True)
    assert [linear(value) for value in (-5, 0, 2.5, 10, 11)] == [0, 0, 25, 100, 100]
    assert [log(value) for value in (1, 10, 100)] == [0, 50, 100]
    assert linear.ticks() == [0, 2, 4, 6, 8, 10]
    assert log.ticks() == [1, 2, 5, 10, 20, 50, 100]


def test_a_whisker_stands_where_its_numbers_are():
    axis = Axis(0, 1, 4, 64)
    svg = whisker(Score(mean=0.5, low=0.25, high=0.75, n=9, n_undefined=0), axis, floor=0.1)
    assert re.search(r'class="interval" x1="19.0" x2="49.0"', svg)
    assert re.search(r'class="mean" cx="34.0"', svg)
    assert re.search(r'class="floor" x1="10.0"', svg)
    assert whisker(Score(mean=None, low=None, high=None, n=0, n_undefined=9), axis, None) == ""


def test_every_method_stands_in_the_cost_plot_and_names_do_not_overlap(run_folder):
    board = build_board(load_run(run_folder))
    metric = next(metric for metric in board.metrics if metric.label == "srg")
    svg = cost_plot(board, "small-cnn", metric)
    assert svg.count('<circle class="mean"') == 12
    assert 'class="front"' in svg
    names = re.findall(r'class="name" x="([\d.]+)" y="([\d.]+)">([^<]+)<', svg)
    boxes = [(float(x), float(x) + 6.6 * len(text), float(y)) for x, y, text in names]
    for n, (left, right, base) in enumerate(boxes):
        for other_left, other_right, other_base in boxes[:n]:
            assert right <= other_left or left >= other_right or abs(base - other_base) >= 13


@pytest.mark.parametrize(("tau", "colour"), [(1, "214,118,36"), (-1, "72,130,190"), (0, "255,255,255")])
def test_heat_has_white_at_zero(tau, colour):
    assert f"rgb({colour})" in heat(tau)


def test_no_order_has_no_colour():
    assert heat(None) == ""
