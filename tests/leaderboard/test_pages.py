"""Pages: well-formed, self-contained, and saying what the board says."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from tests.leaderboard.conftest import CEILINGS, CONTROLS, METRICS, QUALITY, Recipe, give_scores, write_run
from xraybench.leaderboard.pages import build_pages, page_of, render
from xraybench.leaderboard.pieces import slug
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.tables import build_board
from xraybench.results import CellRecord, DataRecord, LeftOut, SourceRecord, SplitCount, read_record, write_record

VOID_TAGS = {"meta", "img", "br", "input", "link", "line", "path", "circle", "rect"}
NAMES = (*QUALITY, *CONTROLS, *CEILINGS)
ALWAYS = {
    "index.html",
    "validity.html",
    "validity.json",
    "models.html",
    "models.json",
    "board.json",
    "board.csv",
    "board.md",
}


class Page(HTMLParser):
    """The page's elements, with their attributes and text; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        if tag not in VOID_TAGS:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, tag

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("style", "script"):
            self.text += data
            if self.rows and self.rows[-1] and "tr" in self._open:
                self.rows[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def pages(run_folder):
    return render([load_run(run_folder)])


@pytest.fixture(scope="module")
def index(pages):
    return Page(pages["index.html"])


def test_there_is_a_page_for_the_task_and_for_every_explainer(pages):
    assert set(pages) == {*ALWAYS, *map(page_of, NAMES)}
    assert page_of("rise(masks=500)") == "explainers/rise-masks-500.html"


def test_every_page_is_well_formed_and_needs_no_network(pages):
    for name, html in pages.items():
        if name.endswith(".html"):
            page = Page(html)
            for _, attributes in page.elements:
                for key in ("src", "href", "xlink:href"):
                    address = attributes.get(key) or ""
                    assert address.startswith("data:image/png") or ":" not in address, (name, address[:80])
            assert "url(" not in html
            assert "@import" not in html
            ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
            assert len(ids) == len(set(ids))


def test_links_lead_to_pages_that_exist(pages):
    for name, html in pages.items():
        if name.endswith(".html"):
            for link in Page(html).all("a"):
                target, _, place = link["href"].partition("#")
                if place:
                    assert f'id="{place}"' in (pages[target] if target else html)
                    continue
                target = (
                    target.removeprefix("../")
                    if name.startswith("explainers/") and "../" in target
                    else (f"explainers/{target}" if name.startswith("explainers/") else target)
                )
                assert target in pages, (name, target)


def test_the_index_says_what_a_reader_must_know(index):
    for text in (
        "Phantom results: computed radiographs",
        "quick",
        "3f2c9a1be07d4455",
        "paper 0.94",
        "RuntimeError: out of memory",
        "the model has no global average pooling",
        "The paper of pointing-game, 2020",
        "xraybench run --task wrist --explainer all",
        "--explainer 'rise(masks=500)' --model small-cnn",
    ):
        assert text in index.text, text
    for metric, *_ in METRICS:
        assert metric in index.text


def test_every_row_of_a_table_has_the_same_columns(index):
    boards = [row for row in index.rows if row and any(row[0].startswith(name) for name in NAMES) and len(row) > 10]
    assert len(boards) == 2 * len(NAMES)
    assert {len(row) for row in boards} == {2 + len(METRICS) + 3}
    assert {row[-1] for row in boards} == {"9.54", ""}  # of 10,000,000 bytes; nothing beside reference maps


def test_memory_that_nobody_measured_is_no_number(tmp_path):
    folder = write_run(tmp_path / "run", Recipe(models=("small-cnn",), methods=("gradient",), references=False))
    for path in folder.glob("cells/*/cell.json"):
        record = read_record(path, CellRecord)
        spent = record.spent and record.spent.model_copy(update={"peak_bytes": None})
        write_record(path, record.model_copy(update={"spent": spent}))
    pages = render([load_run(folder)])
    (row, *_) = (row for row in Page(pages["index.html"]).rows if row and row[0].startswith("gradient"))
    assert len(row) == 2 + len(METRICS) + 3
    assert row[-1] == ""
    assert "peak memory" not in pages["explainers/gradient.html"]


def test_the_table_holds_the_scores_of_the_board(run_folder, index):
    board = build_board(load_run(run_folder))
    row = next(row for row in board.rows if row.explainer == "occlusion" and row.model == "densenet-tiny")
    cells = next(cells for cells in index.rows if cells and cells[0].startswith("occlusion") and len(cells) > 10)
    score = row.scores["pointing-game"]
    assert cells[2].startswith(f"\n{score.mean:.2f}a")
    assert f"[{score.low:.2f}, {score.high:.2f}]" in cells[2]
    assert f"rank {score.rank[0]}–{score.rank[1]}" in cells[2]


def test_the_page_says_of_each_model_over_what_its_mean_ranks_are(tmp_path):
    folder = write_run(tmp_path / "run", Recipe(metrics=("pointing-game", "srg")))
    give_scores(folder, "srg", "small-cnn", "random", "oracle")
    page = Page(render([load_run(folder)])["index.html"])
    titles = [title for head in page.all("th") if (title := head.get("title") or "").startswith("mean of the ranks")]
    assert titles == ["mean of the ranks on pointing-game, srg", "mean of the ranks on pointing-game"]
    for labels in ("pointing-game, srg", "pointing-game"):
        assert page.text.count(f"Mean rank: on {labels}, among the 12 methods that all of these rank.") == 1
    none = Page(render([load_run(write_run(tmp_path / "none", Recipe(metrics=("sparseness",))))])["index.html"])
    assert "mean rank" not in none.text.lower()


def test_a_score_that_was_not_measured_says_why(index):
    reasons = [cell.get("title") for cell in index.all("td") if "na" in (cell.get("class") or "").split()]
    assert reasons.count("price") == 2 * 3
    assert reasons.count("the map does not come from the model") == 2 * 7 * 3


def test_an_explainers_page_shows_best_worst_and_random_with_outlines(pages):
    page = Page(pages[page_of("grad-cam")])
    images = page.all("img")
    assert len(images) == 2 * (1 + 6 * 2)  # for two models: the legend, and six pairs
    assert all(image["alt"] for image in images)
    assert all(len(image["data-digest"]) == 16 for image in images)
    assert len([path for path in page.all("path") if path["class"] == "over"]) == 2 * 6 * 2
    for text in ("best", "worst", "random", "99.5th percentile", "image-0003", "--explainer 'grad-cam'"):
        assert text in page.text, text


def test_signed_and_unsigned_maps_have_their_own_legend(pages):
    signed, unsigned = Page(pages[page_of("gradient")]), Page(pages[page_of("grad-cam")])
    assert "for the target" in signed.text
    assert "for the target" not in unsigned.text
    assert signed.all("img")[0]["data-digest"] != unsigned.all("img")[0]["data-digest"]


def test_the_legend_of_what_looks_at_no_logit_speaks_for_no_target(tmp_path):
    folder = write_run(tmp_path / "run", Recipe(models=("small-cnn",), metrics=("srg",)))
    for path in folder.glob("cells/*/cell.json"):
        path.write_text(path.read_text().replace('"class_agnostic": false', '"class_agnostic": true'))
    page = Page(render([load_run(folder)])[page_of("gradient")])
    assert "for the target" not in page.text
    assert "the same for all targets" in page.text
    assert "negative" in page.text


def test_void_models_and_uninformative_metrics_are_marked(tmp_path):
    recipe = Recipe(models=("small-cnn",), metrics=("srg",), undecided=("srg",), void=("small-cnn",))
    page = Page(render([load_run(write_run(tmp_path / "run", recipe))])["index.html"])
    assert "Void: this model does not beat chance" in page.text
    assert "uninformative for this task" in page.text
    assert len([row for row in page.all("tr") if "void" in (row.get("class") or "").split()]) == 1 + len(NAMES)


def test_pictures_of_others_are_shown_only_on_request_and_marked(tmp_path):
    recipe = Recipe(models=("small-cnn",), metrics=("srg",), redistributable=False)
    run = load_run(write_run(tmp_path / "run", recipe))
    plain, local = (Page(render([run], with_images=asked)[page_of("gradient")]) for asked in (False, True))
    assert not plain.all("img")
    assert "may not be passed on, so none are shown" in plain.text
    assert local.all("img")
    assert "not for publication" in local.text


def test_runs_with_different_keys_are_separate_boards(tmp_path):
    small = {"models": ("small-cnn",), "metrics": ("srg",)}
    folders = [
        write_run(tmp_path / name, Recipe(**small, name=name, key=key)) for name, key in (("a", "11"), ("b", "22"))
    ]
    pages = render([load_run(folder) for folder in folders])
    assert {"board-a.json", "board-b.json"} <= set(pages)
    page = Page(pages["index.html"])
    assert "Rows of different boards are never ranked together" in page.text
    assert len([table for table in page.all("table") if table.get("class") == "board"]) == 2


def test_pages_of_former_runs_are_removed_and_other_files_are_not(tmp_path, run_folder):
    out = tmp_path / "out"
    (out / "explainers").mkdir(parents=True)
    (out / "explainers" / "gone.html").write_text("old")
    (out / "notes.txt").write_text("mine")
    build_pages([run_folder], out)
    assert not (out / "explainers" / "gone.html").exists()
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "index.html").is_file()


def test_a_row_names_its_baseline(run_folder):
    run = load_run(run_folder)
    named = {row.explainer: row.baseline for row in build_board(run).rows}
    assert {name: words for name, words in named.items() if words} == {"integrated-gradients": "training mean"}
    pages = render([run])
    links = [(each["href"], each.get("title")) for tag, each in Page(pages["index.html"]).elements if tag == "a"]
    assert ("explainers/integrated-gradients.html", "baseline: training mean") in links
    assert ("explainers/gradient.html", None) in links
    assert "training mean" in Page(pages["explainers/integrated-gradients.html"]).text
    assert "training mean" not in Page(pages["explainers/gradient.html"]).text


def test_text_of_records_is_escaped(tmp_path):
    recipe = Recipe(models=("<b>m</b>",), methods=("gradient",), metrics=("srg",), name="<i>run</i>")
    html = render([load_run(write_run(tmp_path / "run", recipe))])["index.html"]
    assert "<b>m</b>" not in html
    assert "&lt;b&gt;m&lt;/b&gt;" in html
    assert slug("<i>run</i>") == "i-run-i"


def test_the_page_says_what_was_read_and_what_was_left_out(tmp_path):
    run = write_run(tmp_path / "run", Recipe())
    assert "<h2>Data</h2>" not in render([load_run(run)])["index.html"], "runs of old kept no such record"
    count = SplitCount(images=4321, patients=1234, positives={"fracture": 77})
    broken = LeftOut(image_id="i7", path="a/i7.png", reason="does not decode: truncated")
    source = SourceRecord(source="grazpedwri", task="wrist", splits={"train": count}, left_out=[broken], unpaired=3)
    earlier = SourceRecord(source="mura", task="mura", splits={"test": count}, notes={"no lungs found": 2})
    write_record(run / "data.json", DataRecord(sources=[source, earlier]))
    text = Page(render([load_run(run)])["index.html"]).text
    for said in (
        "4,321",
        "1,234",
        "fracture\xa077",
        "1 images left out",
        "does not decode: truncated",
        "3 images left",
    ):
        assert said in text
    assert "mura: no lungs found: 2 images" in text


def test_a_run_in_which_nothing_succeeded_still_has_a_page(tmp_path):
    folder = write_run(tmp_path / "run", Recipe(models=("small-cnn",), methods=(), references=False))
    pages = render([load_run(folder)])
    assert set(pages) == ALWAYS
    assert "RuntimeError: out of memory" in Page(pages["index.html"]).text


def test_a_task_without_masks_has_no_outlines(tmp_path):
    recipe = Recipe(models=("small-cnn",), methods=("gradient",), references=False, metrics=("srg", "sparseness"))
    folder = write_run(tmp_path / "run", recipe)
    for path in folder.glob("cells/*/gallery.npz"):
        with np.load(path) as file:
            arrays = dict(file)
        np.savez(path, **{**arrays, "mask": np.zeros_like(arrays["mask"])})
    page = Page(render([load_run(folder)])[page_of("gradient")])
    assert len(page.all("img")) == 13
    assert not page.all("path")
    assert "Cyan" not in page.text
