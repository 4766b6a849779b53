"""Localisation by groups of images: who is in which, and that means and intervals are over those images."""

import numpy as np
import pandas as pd
import pytest

from tests.leaderboard.conftest import Recipe, image_ids, metric_info, patient_ids, write_run
from tests.leaderboard.test_pages import Page
from xraybench import registry
from xraybench.identity import digest
from xraybench.leaderboard.board import Stratum
from xraybench.leaderboard.formats import size_text
from xraybench.leaderboard.pages import page_of, render
from xraybench.leaderboard.publishing import check, publish
from xraybench.leaderboard.records import find_runs, load_run
from xraybench.leaderboard.strata import divide, localises
from xraybench.leaderboard.tables import build_board
from xraybench.results import FINDINGS, CellRecord, Finding, FindingsRecord, read_record, write_record
from xraybench.score_files import read_scores

METRICS = ("pointing-game", "relevance-rank", "srg")
NAMES = ["true positives", "small findings", "medium findings", "large findings"]
RECIPE = Recipe(models=("small-cnn",), methods=("gradient", "occlusion"), metrics=METRICS, images=160, patients=120)


def findings_of(recipe, seed=0, found=0.7, without=10):
    """Of all images but the last few, which have none."""
    rng = np.random.default_rng(seed)
    hits = rng.random(recipe.images) < found
    shares = np.random.default_rng(99).uniform(0.001, 0.1, recipe.images)
    named = zip(image_ids(recipe)[:-without], hits.tolist(), shares.tolist(), strict=False)
    return {name: Finding(found=hit, share=share) for name, hit, share in named}


def write_findings(folder, recipe, seed=0, **options):
    findings = findings_of(recipe, seed, **options)
    path = folder / "models" / digest([recipe.models[0], seed]) / FINDINGS
    write_record(path, FindingsRecord(weights_digest="of the model", findings=findings))
    return findings


def row_of(folder, explainer="gradient"):
    (row,) = (row for row in build_board(load_run(folder)).rows if row.explainer == explainer)
    return row


def values_of(folder, label, explainer="gradient", seed=0):
    (cell,) = (
        path.parent
        for path in folder.glob("cells/*/cell.json")
        if (record := read_record(path, CellRecord)).explainer == explainer and record.seed == seed
    )
    scores = read_scores(cell)[label]
    return pd.Series(scores.values, scores.image_ids)


def members(*seeds):
    """The groups by their definition: the cut at position (N - 1) / 3 of the sorted sizes, and at twice that."""
    first = seeds[0]
    order = sorted(finding.share for finding in first.values())
    places = np.arange(len(order))
    low, high = np.interp(np.array([1, 2]) * (len(order) - 1) / 3, places, order)
    return [
        {name for name in first if all(seed[name].found for seed in seeds)},
        {name for name, one in first.items() if one.share < low},
        {name for name, one in first.items() if low <= one.share < high},
        {name for name, one in first.items() if high <= one.share},
    ]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("strata") / "run", RECIPE)
    return folder, write_findings(folder, RECIPE)


def test_thirds_hold_each_finding_once_and_their_bounds_are_where_they_are():
    findings = findings_of(RECIPE)
    groups = divide([findings])
    assert [group.name for group in groups] == NAMES
    assert [set(group.ids) for group in groups] == members(findings)
    assert [len(group.ids) for group in groups[1:]] == [50, 50, 50]
    _, small, medium, large = groups
    assert (small.at_least, large.below) == (None, None)
    assert max(findings[name].share for name in small.ids) < small.below == medium.at_least
    assert medium.below == large.at_least <= min(findings[name].share for name in large.ids)


def test_findings_of_one_size_stay_together_and_none_at_all_leave_every_group_empty():
    same = {f"image-{n}": Finding(found=False, share=0.25) for n in range(9)}
    assert [len(group.ids) for group in divide([same])] == [0, 0, 0, 9]
    assert [(len(group.ids), group.at_least, group.below) for group in divide([{}])] == [(0, None, None)] * 4


def test_what_is_divided_are_the_metrics_that_need_the_findings_mask():
    """Of those that are built in; with the parameters that they have by default."""
    built = {name: registry.build("metrics", registry.Call(name, {})) for name in registry.METRICS}
    wanted = {name for name, one in built.items() if one.family == "localisation" and "finding" in one.needs}
    info = metric_info("pointing-game")
    found = {
        name
        for name, one in built.items()
        if localises(info.model_copy(update={"family": one.family, "higher_is_better": one.higher_is_better}))
    }
    assert found == wanted > {"pointing-game", "miou"}


def test_means_are_over_the_groups_images_and_intervals_over_their_patients(measured):
    folder, findings = measured
    row = row_of(folder)
    patients = dict(zip(image_ids(RECIPE), patient_ids(RECIPE), strict=True))
    assert [stratum.name for stratum in row.strata] == NAMES
    for stratum, names in zip(row.strata, members(findings), strict=True):
        assert set(stratum.scores) == {"pointing-game", "relevance-rank"}
        for label, score in stratum.scores.items():
            values = values_of(folder, label)[sorted(names)].dropna()
            assert score.n == len(values) < len(findings)
            assert score.mean == pytest.approx(values.mean(), rel=1e-5)
            sums = values.groupby(patients.get).agg(["sum", "count"]).to_numpy()
            drawn = np.random.default_rng(1).integers(len(sums), size=(4000, len(sums)))
            total, count = sums[drawn].sum(1).T
            ends = np.quantile(total / count, [0.025, 0.975])
            assert [score.low, score.high] == pytest.approx(ends, abs=0.12 * (ends[1] - ends[0]))


def test_an_empty_group_has_none_and_few_patients_no_interval(tmp_path):
    folder = write_run(tmp_path / "run", RECIPE)
    write_findings(folder, RECIPE, found=0, without=100)
    hits, *thirds = (stratum.scores["pointing-game"] for stratum in row_of(folder).strata)
    assert (hits.mean, hits.low, hits.high, hits.n) == (None, None, None, 0)
    assert [score.n for score in thirds] == [20, 20, 20]
    assert {score.low for score in thirds} == {None}
    page = Page(render([load_run(folder)])[page_of("gradient")])
    assert [row[2] for row in page.rows if row[0].startswith("pointing-game") and len(row) == 6] == ["–n = 0"]


def test_of_several_seeds_true_positives_are_those_that_every_seed_finds(tmp_path):
    recipe = Recipe(**{**vars(RECIPE), "seeds": (0, 1, 2)})
    folder = write_run(tmp_path / "run", recipe)
    found = [write_findings(folder, recipe, seed) for seed in (0, 1)]
    assert row_of(folder).strata == [], "nothing is known of the third seed"
    found.append(write_findings(folder, recipe, 2))
    row = row_of(folder)
    for stratum, names in zip(row.strata, members(*found), strict=True):
        means = [values_of(folder, "pointing-game", seed=seed)[sorted(names)].mean() for seed in range(3)]
        assert stratum.scores["pointing-game"].n == len(names)
        assert stratum.scores["pointing-game"].mean == pytest.approx(np.mean(means), rel=1e-5)
    assert "the model finds under every seed" in render([load_run(folder)])[page_of("gradient")]


def test_the_page_has_a_line_a_metric_and_a_column_a_group(measured):
    folder, _ = measured
    page, row = Page(render([load_run(folder)])[page_of("occlusion")]), row_of(folder, "occlusion")
    assert "Localisation by groups of images" in page.text
    (head,) = (cells for cells in page.rows if cells[1:2] == ["all"])
    sizes = [size_text(stratum) for stratum in row.strata]
    assert head[2:] == [name + size for name, size in zip(NAMES, sizes, strict=True)]
    lines = {cells[0].split()[0]: cells[1:] for cells in page.rows if len(cells) == 6 and cells is not head}
    assert set(lines) == {"pointing-game", "relevance-rank"}
    for label, cells in lines.items():
        for cell, score in zip(cells, [row.scores[label], *(one.scores[label] for one in row.strata)], strict=True):
            assert cell == f"{score.mean:.2f} [{score.low:.2f}, {score.high:.2f}]n = {score.n}"


def test_a_size_is_said_in_per_cent_of_the_image():
    ends = [(None, 0.00612), (0.00612, 0.02), (0.02, None), (None, None)]
    said = [size_text(Stratum(name="", at_least=low, below=high, scores={})) for low, high in ends]
    assert said == ["under 0.612 % of the image", "0.612 to 2 %", "from 2 %", ""]


def test_records_without_findings_give_a_board_and_a_page_without_groups(run_folder):
    assert all(row.strata == [] for row in build_board(load_run(run_folder)).rows)
    assert "groups of images" not in render([load_run(run_folder)])[page_of("gradient")]


def test_findings_are_published_with_the_run(measured, tmp_path):
    folder, _ = measured
    site = publish(folder, tmp_path / "leaderboards")
    (copy,) = find_runs(site, "wrist")
    assert row_of(copy).strata == row_of(folder).strata != []
    check(site)
