"""The pages in a browser: they open from disk, sort, and ask no network for anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.leaderboard.model_runs import write_models
from xraybench.leaderboard.pages import build_pages

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
pytestmark = pytest.mark.skipif(not CHROMIUM.is_file(), reason="no browser at /usr/bin/chromium")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(run_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("pages")
    build_pages([run_folder], out)
    return out


@pytest.fixture
def visit(browser, site):
    """Open a page; its complaints and its requests are collected."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.complaints, page.requests = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))

    def open_page(name):
        page.goto((site / name).as_uri())
        return page

    yield open_page
    context.close()


def column(page, place):
    cells = page.locator("table.board").first.locator(f"tbody.methods tr > :nth-child({place + 1})")
    return cells.evaluate_all("cells => cells.map(cell => cell.dataset.value)")


@pytest.mark.parametrize("name", ["index.html", "models.html", "explainers/gradient.html", "explainers/oracle.html"])
def test_a_page_opens_from_disk_without_complaint_or_network(visit, name):
    page = visit(name)
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in page.requests if url.startswith("file:")]) == 1
    broken = page.evaluate("[...document.images].filter(image => !image.complete || !image.naturalWidth).length")
    assert broken == 0


def test_columns_sort_best_first_and_then_the_other_way(visit):
    page = visit("index.html")
    header = page.locator("table.board").first.locator("th[data-column]", has_text="deletion-")
    place = int(header.get_attribute("data-column"))
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"  # lower is better
    values = [float(value) for value in column(page, place)]
    assert values == sorted(values)
    header.locator("button").click()
    assert [float(value) for value in column(page, place)] == values[::-1]


def test_sorting_works_from_the_keyboard_and_leaves_references_pinned(visit):
    page = visit("index.html")
    table = page.locator("table.board").first
    pinned = table.locator("tbody.pinned").inner_text()
    header = table.locator("th[data-text]")
    header.locator("button").focus()
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert column(page, 0) == sorted(column(page, 0))
    assert table.locator("tbody.pinned").inner_text() == pinned
    assert table.locator("th[aria-sort]").count() == 1


def test_rows_without_a_value_come_last_either_way(visit):
    page = visit("index.html")
    header = page.locator("table.board").first.locator("th[data-column]", has_text="sensitivity")
    place = int(header.get_attribute("data-column"))
    for _ in range(2):
        header.locator("button").click()
        assert column(page, place)[-1] == ""
        assert "" not in column(page, place)[:-1]


def test_numbers_and_plots_are_shown_on_request(visit):
    page = visit("index.html")
    details = page.locator("td.score .details").first
    assert not details.is_visible()
    page.locator(".show-numbers").first.check()
    assert details.is_visible()
    plots = page.locator("select[data-plots]").first
    plots.select_option("srg")
    visible = page.locator("figure[data-metric]:visible")
    assert visible.first.get_attribute("data-metric") == "srg"
    assert visible.count() == 2  # one a model


@pytest.mark.parametrize("width", [1280, 1600])
def test_the_page_itself_does_not_scroll_sideways(visit, width):
    page = visit("index.html")
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [800, 1440])
def test_the_models_page_fits_its_window_and_its_names_their_drawings(browser, tmp_path, width):
    build_pages([write_models(tmp_path / "run", models=("wristnet", "radinet-wrist"), seeds=(0, 1))], tmp_path / "site")
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto((tmp_path / "site" / "models.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = """[...document.querySelectorAll("svg.plot text")].filter(text => text.getClientRects().length)
      .filter(text => { const box = text.getBoundingClientRect(), of = text.ownerSVGElement.getBoundingClientRect();
        return box.left < of.left - 1 || box.right > of.right + 1; }).map(text => text.textContent)"""
    assert page.evaluate(cut) == []
    page.close()
