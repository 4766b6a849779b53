"""The board on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.leaderboard.conftest import CEILINGS, CONTROLS, METRICS, QUALITY, Recipe, write_run
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.rounding import letters, number, span
from xraybench.leaderboard.show import show
from xraybench.leaderboard.tables import build_board


def shown(folder, width):
    stream = io.StringIO()
    show(build_board(load_run(folder)), Console(file=stream, width=width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [100, 120, 200])
def test_nothing_is_cut_off(run_folder, width):
    text = shown(run_folder, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for name in (*QUALITY, *CONTROLS, *CEILINGS, *(metric[0] for metric in METRICS)):
        assert name in text, name


def test_reference_maps_stand_below_the_methods(run_folder):
    lines = [line.split()[0] for line in shown(run_folder, 110).splitlines() if line.strip()]
    assert lines.index("smoothgrad") < lines.index("random") < lines.index("oracle")


def test_doubts_and_failures_are_said(tmp_path):
    recipe = Recipe(models=("small-cnn",), metrics=("srg",), undecided=("srg",), void=("small-cnn",))
    text = shown(write_run(tmp_path / "run", recipe), 110)
    assert "Phantom results: computed radiographs" in text
    assert "uninformative for this task" in text
    assert "gradient (void)" in text
    assert "failed: expected-gradients on small-cnn, seed 0: RuntimeError: out of memory" in text
    assert "[95 % interval over patients, given these weights]" in " ".join(text.split())


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    [
        (None, (), "–"),
        (0.0, (), "0.00"),
        (0.4312, (), "0.43"),
        (-0.0007, (-0.04, 0.04), "0.00"),
        (0.0072, (), "0.007"),
        (0.0004, (), "4.0e-04"),
        (154_321.4, (), "154,321"),
        (-12.345, (), "-12.35"),
    ],
)
def test_numbers_have_the_decimals_they_need(value, beside, text):
    assert number(value, *beside) == text


def test_an_interval_without_width_is_not_printed():
    assert span(1.0, 1.0, 1.0) == ""
    assert span(0.5, None, None) == ""
    assert span(0.43, 0.38, 0.47) == "0.38, 0.47"


def test_an_infinite_end_is_printed_and_leaves_the_decimals_of_the_others():
    inf = float("inf")
    assert (number(7.9373, 4.509, inf), span(7.9373, 4.509, inf)) == ("7.94", "4.51, ∞")
    assert (number(-inf, -inf, -120.5), span(-121.0, -inf, -120.5)) == ("−∞", "−∞, -120")
    assert span(inf, inf, inf) == ""


def test_tie_groups_are_letters():
    assert [letters(group) for group in (None, 1, 2, 26, 27, 28)] == ["", "a", "b", "z", "aa", "ab"]
