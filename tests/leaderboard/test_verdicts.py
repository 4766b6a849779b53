"""The randomisation test in words: from the last stage's similarities, which score files hold as a detail."""

import dataclasses

import numpy as np
import pytest

from tests.leaderboard.conftest import Recipe, set_scores, write_run
from xraybench.leaderboard.pages import render
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.tables import build_board
from xraybench.leaderboard.verdicts import BOUND
from xraybench.results import CellRecord, iterate_records
from xraybench.score_files import ImageScores, read_scores
from xraybench.spec import ALL_ANEW

SPREAD = np.tile([-0.05, 0.05], 16)  # of 32 patients: a standard error of 0.009
LEVELS = {"grad-cam": BOUND + 0.1, "gradient": BOUND - 0.1, "deeplift": BOUND}
RECIPE = Recipe(models=("small-cnn",), methods=(*LEVELS, "occlusion"), metrics=("mprt", "pixel-auprc"))


def with_details(folder, levels=LEVELS, patients=32, noise=SPREAD):
    """The run, with a detail beside mprt's scores of these explainers."""
    for cell, record in iterate_records(folder / "cells", "cell.json", CellRecord):
        if record.explainer in levels and "mprt" in record.scores:
            ids, more = read_scores(cell)["mprt"], {ALL_ANEW: levels[record.explainer] + noise[:patients]}
            kept = (ids.image_ids[:patients], ids.patient_ids[:patients], ids.values[:patients])
            set_scores(cell, mprt=ImageScores(*kept, more))
    return folder


def verdicts_of(folder):
    rows = build_board(load_run(folder)).rows
    return {row.explainer: row.verdicts["mprt"] for row in rows if row.verdicts}


def test_a_method_fails_above_the_bound_passes_below_and_is_undecided_across_it(tmp_path):
    found = verdicts_of(with_details(write_run(tmp_path / "run", RECIPE)))
    words = {"grad-cam": "fails", "gradient": "passes", "deeplift": "undecided"}
    assert {name: one.word for name, one in found.items()} == words
    for name, one in found.items():
        assert one.alike.mean == pytest.approx(LEVELS[name])
        assert one.alike.n == 32
        half_width = 1.96 * SPREAD.std() / 32**0.5
        assert one.alike.high - one.alike.low == pytest.approx(2 * half_width, rel=0.1)


def test_images_of_one_patient_are_no_independent_evidence(tmp_path):
    """Twice the images of the same patients, alike in pairs, leave the interval as wide as it was."""
    folder = with_details(write_run(tmp_path / "run", RECIPE))
    before = verdicts_of(folder)["gradient"].alike
    twice = Recipe(**{**vars(RECIPE), "images": 64, "patients": 32})
    pairs = write_run(tmp_path / "pairs", twice)
    for cell, record in iterate_records(pairs / "cells", "cell.json", CellRecord):
        if record.explainer == "gradient":
            details = {ALL_ANEW: LEVELS["gradient"] + np.tile(SPREAD, 2)}
            set_scores(cell, mprt=dataclasses.replace(read_scores(cell)["pixel-auprc"], details=details))
    after = verdicts_of(pairs)["gradient"].alike
    assert (before.n, after.n) == (32, 64)
    assert after.high - after.low == pytest.approx(before.high - before.low, rel=0.1)


def test_undefined_images_are_left_out_and_few_patients_decide_nothing(tmp_path):
    noise = np.where(np.arange(32) < 1, np.nan, SPREAD)
    (one, *_) = verdicts_of(with_details(write_run(tmp_path / "one", RECIPE), {"gradient": 0.0}, noise=noise)).values()
    assert (one.word, one.alike.n, one.alike.n_undefined) == ("passes", 31, 1)
    (few,) = verdicts_of(with_details(write_run(tmp_path / "few", RECIPE), {"gradient": 0.0}, patients=29)).values()
    assert (few.word, few.alike.low, few.alike.high) == ("undecided", None, None)


def test_older_records_other_metrics_and_void_models_have_no_verdict(tmp_path):
    assert verdicts_of(write_run(tmp_path / "old", RECIPE)) == {}
    void = Recipe(**{**vars(RECIPE), "void": ("small-cnn",)})
    assert verdicts_of(with_details(write_run(tmp_path / "void", void))) == {}


def test_the_board_is_otherwise_the_same(tmp_path):
    plain, more = write_run(tmp_path / "plain", RECIPE), with_details(write_run(tmp_path / "more", RECIPE))
    one, other = (build_board(load_run(folder)) for folder in (plain, more))
    assert [row.model_copy(update={"verdicts": {}}) for row in other.rows] == one.rows
    assert one.columns == other.columns


def test_an_explainers_page_says_it_in_words_with_the_bound(tmp_path):
    pages = render([load_run(with_details(write_run(tmp_path / "run", RECIPE)))])
    page = pages["explainers/grad-cam.html"]
    assert "<b>mprt: fails.</b>" in page
    assert f"the bound is {BOUND}" in page
    assert "name none" in page
    assert "<b>mprt:" not in pages["explainers/occlusion.html"]


def test_a_score_file_keeps_its_details(tmp_path):
    folder = with_details(write_run(tmp_path / "run", RECIPE))
    found = [
        read_scores(cell)["mprt"].details
        for cell, record in iterate_records(folder / "cells", "cell.json", CellRecord)
        if record.explainer == "gradient"
    ]
    np.testing.assert_array_equal(found[0][ALL_ANEW], LEVELS["gradient"] + SPREAD)
