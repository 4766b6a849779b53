"""The page of models says what the records say."""

from __future__ import annotations

import re

import pytest

from tests.leaderboard.conftest import Recipe, write_run
from tests.leaderboard.model_runs import write_models
from tests.leaderboard.test_pages import Page
from xraybench.leaderboard.pages import render
from xraybench.leaderboard.publishing import check, publish
from xraybench.leaderboard.records import load_run
from xraybench.tasks import load_task


def page_of(folder):
    return Page(render([load_run(folder)])["models.html"])


def test_a_papers_models_with_recipes_scores_and_curves(tmp_path):
    page = page_of(write_models(tmp_path / "run", models=("wristnet", "radinet-wrist")))
    for said in (
        "Phantom results: computed radiographs",
        "The data differ: the paper scored on the wrists of a hospital, which are not public",
        "what the paper reported, on the wrists of a hospital, which are not public.",
        "study, majority vote",
        "not trained in this run",
        "From ImageNet weights.",
        "the head alone learns for the first 25 epochs",
        "Digest of the weights",
        "mura (phantom-mura): 9 epochs in 8.3 min; epoch 6 is kept",
        "4 models of this task that the preset paper does not train",
        "grade=hairline",
        "Paper B's text and its abstract disagree on ImageNet_wrist",
    ):
        assert said in page.text, said
    assert len([one for one in page.all("svg") if one["class"] == "plot curves"]) == 1 + 1 + 2, "together, and by stage"


def test_what_is_measured_and_what_a_paper_says_are_different_rows(tmp_path):
    page = page_of(write_models(tmp_path / "run", models=("wristnet",)))
    theirs = {f"{value:.2f}" for found in load_task("wrist").reference.values() for value in found.values()}
    papers = [row for row in page.rows if "paper" in row[:2]]
    assert len(papers) == 5
    assert all(set(row[row.index("paper") + 2 :]) <= theirs | {""} for row in papers)


def test_an_area_on_too_few_positives_is_hidden_with_the_count(tmp_path):
    page = page_of(write_models(tmp_path / "run", "chexpert"))
    row = next(row for row in page.rows if row and row[0] == "Fracture")
    assert row[1] == "3"
    assert row[3:6] == ["hidden", "0.00", "hidden"], "roc-auc, the paper's, pr-auc"
    assert "Fracture: 3 positives, fewer than 5" in page.text
    assert "hidden of 2 of 14 labels" in page.text
    titles = [one.get("title") for one in page.all("span") if one.get("class") == "hidden"]
    assert titles.count("3 positives, fewer than 5") == 4


def test_several_seeds_are_folded_below_their_mean(tmp_path):
    page = page_of(write_models(tmp_path / "run", models=("wristnet",), seeds=(0, 1, 2)))
    for said in ("3 seeds", "Scores of each seed", "seed 2, study, majority vote", "of several seeds the mean"):
        assert said in page.text, said
    assert len([one for one in page.all("details") if "open" not in one]) >= 3


def test_rows_have_the_columns_of_their_head(tmp_path):
    html = render([load_run(write_models(tmp_path / "run", models=("wristnet", "radinet-wrist")))])["models.html"]
    table = re.search(r'<table class="scores models-board">.*?</table>', html, re.DOTALL)[0]
    head, *bodies = re.split(r"</thead>", table)
    assert head.count("<th") - 1 == 3 + 6
    for body in re.findall(r"<tbody>.*?</tbody>", bodies[0], re.DOTALL):
        first, *others = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
        assert len(re.findall(r"<t[dh]", first)) == (2 if 'colspan="8"' in first else 9)
        assert all(len(re.findall(r"<t[dh]", row)) == 8 for row in others)


def test_records_without_recipe_and_curves_say_so(run_folder):
    page = page_of(run_folder)
    assert page.text.count("The records hold no recipe that this version reads.") == 2
    assert page.text.count("the records hold no curve of it") == 2
    assert not [one for one in page.all("svg") if "curves" in (one["class"] or "")]


def test_two_runs_stand_on_one_page(tmp_path):
    folders = [write_models(tmp_path / name, "mnist", "quick", source=name, models=()) for name in ("digits", "mnist")]
    pages = render([load_run(folder) for folder in folders])
    assert {"models.html", "models-digits.json", "models-mnist.json"} <= set(pages)
    ids = [one["id"] for _, one in Page(pages["models.html"]).elements if "id" in one]
    assert len(ids) == len(set(ids))


def test_text_of_records_is_escaped(tmp_path):
    recipe = Recipe(models=("<b>m</b>",), methods=("gradient",), metrics=("srg",))
    html = render([load_run(write_run(tmp_path / "run", recipe))])["models.html"]
    assert "<b>m</b>" not in html
    assert "&lt;b&gt;m&lt;/b&gt;" in html


def test_earlier_stages_are_published_with_the_run_and_give_the_same_page(tmp_path):
    run = write_models(tmp_path / "runs" / "one", models=("radinet-wrist",))
    site = publish(run, tmp_path / "leaderboards")
    assert (site / "records" / "one" / "stages" / "stage-of-radinet" / "stage.json").is_file()
    assert (site / "models.html").read_text() == render([load_run(run)])["models.html"]
    check(site)


def test_the_index_leads_to_the_page(run_folder):
    assert {"href": "models.html"} in Page(render([load_run(run_folder)])["index.html"]).all("a")


@pytest.mark.parametrize("task", ["mura", "tb", "chexpert", "anatomy", "mnist"])
def test_the_models_of_every_paper_have_a_page(tmp_path, task):
    assert page_of(write_models(tmp_path / "run", task)).all("svg")
