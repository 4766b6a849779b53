"""The published site: what is copied, and that a page which its records do not give is found."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.leaderboard.conftest import Recipe, write_run
from xraybench.errors import DataError, ValidationError
from xraybench.leaderboard.formats import to_json
from xraybench.leaderboard.overlays import picture
from xraybench.leaderboard.publishing import check, publish
from xraybench.leaderboard.records import find_runs, load_run
from xraybench.leaderboard.tables import build_board
from xraybench.score_files import SCORES

SMALL = Recipe(models=("small-cnn",), methods=("gradient", "grad-cam"), metrics=("pixel-auprc", "srg"))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    root = tmp_path_factory.mktemp("site")
    run = write_run(root / "runs" / "one", SMALL)
    for name in ("maps.npy", "log.txt"):
        (next(run.glob("cells/*/gallery.npz")).parent / name).write_bytes(b"not for publication")
    (next(run.glob("models/*/model.json")).parent / "weights.safetensors").write_bytes(b"weights")
    publish(run, root / "leaderboards")
    return root


@pytest.fixture
def site(published, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(published / "leaderboards", tmp_path / "leaderboards") / "wrist"


def test_records_are_copied_and_nothing_else(published):
    names = {path.name for path in (published / "leaderboards" / "wrist" / "records").rglob("*") if path.is_file()}
    assert names == {"run.json", "model.json", "cell.json", "gallery.npz", SCORES}


def test_the_published_copy_reads_as_the_run_does(published):
    (copy,) = find_runs(published / "leaderboards", "wrist")
    original = build_board(load_run(published / "runs" / "one"))
    assert to_json(build_board(load_run(copy))) == to_json(original)
    assert (published / "leaderboards" / "wrist" / "board.json").read_text() == to_json(original)


def test_what_was_published_checks(published):
    assert check(published / "leaderboards") == [published / "leaderboards" / "wrist"]
    assert check(published / "leaderboards" / "wrist") == [published / "leaderboards" / "wrist"]


def test_publishing_again_replaces_and_a_second_run_stands_beside(site):
    runs = site.parent.parent
    publish(write_run(runs / "two", Recipe(**{**vars(SMALL), "methods": ("gradient",)})), site.parent)
    assert not (site / "explainers" / "grad-cam.html").exists()
    check(site)
    publish(write_run(runs / "three", Recipe(**{**vars(SMALL), "name": "other", "key": "77"})), site.parent)
    assert sorted(path.name for path in site.glob("records/*")) == ["other", "wrist-quick"]
    assert (site / "board-other.json").is_file()
    assert not (site / "board.json").exists()
    check(site)


def spoil_text(site):
    path = site / "index.html"
    path.write_text(path.read_text().replace("Wrist fracture", "Wrist fractura", 1))


def spoil_number(site):
    path = site / "board.json"
    path.write_text(path.read_text().replace('"n": 64', '"n": 65', 1))


def spoil_picture(site):
    path = site / "explainers" / "gradient.html"
    text = path.read_text()
    start = text.index("data:image/png", text.index('class="pair"'))
    other = picture(np.zeros((48, 48), dtype=np.uint8)).uri
    path.write_text(text[:start] + other + text[text.index('"', start) :])


def spoil_absent(site):
    (site / "board.csv").unlink()


def spoil_extra(site):
    (site / "explainers" / "best-method.html").write_text("an invented page")


def spoil_record(site):
    path = next(site.glob("records/*/run.json"))
    path.write_text(path.read_text().replace('"preset": "quick"', '"preset": "paper"'))


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (spoil_text, r"index\.html.*line \d+.*fractura"),
        (spoil_number, r"board\.json.*65.*64"),
        (spoil_picture, r"gradient\.html.*a picture is not the one"),
        (spoil_absent, r"board\.csv.*is missing"),
        (spoil_extra, r"best-method\.html.*no record gives this page"),
        (spoil_record, r"index\.html.*quick.*paper"),
    ],
)
def test_a_page_that_its_records_do_not_give_is_named(site, spoil, named):
    spoil(site)
    with pytest.raises(ValidationError, match=named) as caught:
        check(site)
    assert "leaderboard build" in caught.value.hint


def test_another_encoding_of_the_same_pixels_passes(site):
    """PNG bytes depend on the version of the encoder; pixels do not."""
    import base64
    import io
    import re

    from PIL import Image

    def encode_again(match):
        with Image.open(io.BytesIO(base64.b64decode(match[1]))) as image:
            stream = io.BytesIO()
            image.save(stream, format="PNG", compress_level=1)
        return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()

    path = site / "explainers" / "gradient.html"
    before = path.read_text()
    after = re.sub(r"data:image/png;base64,([A-Za-z0-9+/=]+)", encode_again, before)
    assert after != before
    path.write_text(after)
    check(site)


def test_a_source_that_is_not_redistributable_is_published_without_pictures(tmp_path):
    recipe = Recipe(**{**vars(SMALL), "redistributable": False})
    site = publish(write_run(tmp_path / "run", recipe), tmp_path / "leaderboards")
    assert not list(site.rglob("gallery.npz"))
    assert "data:image" not in (site / "explainers" / "gradient.html").read_text()
    check(site)
    shutil.copy(
        next((tmp_path / "run").glob("cells/*/gallery.npz")), next(site.glob("records/*/cells/*/cell.json")).parent
    )
    with pytest.raises(ValidationError, match="may not be published"):
        check(site)


def test_nothing_published_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no published records"):
        check(tmp_path)
