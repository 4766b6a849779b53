"""Layer similarity as a table and a picture: every pair, refused ones without a value."""

import csv
import io

from PIL import Image

from tests.leaderboard.conftest import Recipe, write_run
from xraybench.leaderboard.pages import render
from xraybench.leaderboard.publishing import check, publish
from xraybench.leaderboard.records import load_run
from xraybench.leaderboard.similarity import rows_of, samples_text, to_csv, write_heat_maps
from xraybench.results import ComparisonRecord, SimilarityRecord, write_record


def record(**more):
    similarity = SimilarityRecord(
        measure="cca", values=[[0.9, None], [0.5, 0.4]], null=[[0.1, None], [0.2, 0.1]], refused={"too few samples": 1}
    )
    return ComparisonRecord(
        task="wrist", first="a", second="b", first_layers=["x1", "x2"], second_layers=["y1", "y2"],
        weights_digests=("1", "2"), images=40, grid=4, similarities=[similarity, similarity], versions={}, seconds=0.1,
        **more,
    )  # fmt: skip


def test_the_table_has_every_pair():
    rows = list(csv.DictReader(io.StringIO(to_csv(record()))))
    assert len(rows) == len(list(rows_of(record()))) == 8
    assert (rows[0]["first"], rows[0]["second"], rows[0]["value"], rows[0]["null"]) == ("x1", "y1", "0.9", "0.1")
    assert (rows[1]["value"], rows[1]["null"]) == ("", "")


COUNTS = {"first_channels": [8, 16], "second_channels": [2, 4], "samples": [[640, 40], [40, 40]]}


def test_the_table_says_over_how_many_samples_a_channel_each_pair_is_compared():
    rows = list(csv.DictReader(io.StringIO(to_csv(record(**COUNTS)))))
    found = [(row["samples"], float(row["samples_per_channel"])) for row in rows]
    assert found == [("640", 640 / 10), ("40", 40 / 12), ("40", 40 / 18), ("40", 40 / 20)] * 2
    assert samples_text(record(**COUNTS)) == "2 to 64 samples a channel (N / (C1 + C2))"


def test_a_record_without_samples_is_read_and_says_nothing_of_them():
    old = record().model_dump(exclude=set(COUNTS))
    rows = list(csv.DictReader(io.StringIO(to_csv(ComparisonRecord.model_validate(old)))))
    assert {(row["samples"], row["samples_per_channel"]) for row in rows} == {("", "")}
    assert samples_text(record()) == ""


def test_the_picture_is_drawn(tmp_path):
    write_heat_maps(record(), tmp_path / "similarity.png")
    picture = Image.open(tmp_path / "similarity.png")
    assert picture.width > picture.height / 2
    assert len(picture.convert("RGB").getcolors(100_000)) > 50


def test_the_board_shows_each_measure_beside_its_null_and_every_failure(tmp_path):
    folder = write_run(tmp_path / "run", Recipe(methods=("gradient",), metrics=("srg",)))
    failed = record().model_copy(update={"second": "c", "status": "failed", "reason": "no memory", "similarities": []})
    for name, one in (("a-b", record(**COUNTS)), ("a-c", failed)):
        write_record(folder / "comparisons" / name / "comparison.json", one)
    pages = render([load_run(folder)])
    page = pages["index.html"]
    assert page.count('class="layers"') == 2  # measures
    assert "x1, y1: 0.900; N = 640, N / (8 + 2) = 64<" in page
    assert samples_text(record(**COUNTS)) in page
    assert "x1, y1: 0.100" in page  # the null
    assert "x1, y2" not in page  # refused: no tile
    assert "1 pairs refused: too few samples" in page
    assert "Failed: no memory" in page
    (table,) = [name for name in pages if name.startswith("similarity")]
    assert f'href="{table}"' in page
    assert pages[table] == to_csv(record(**COUNTS))
    publish(folder, tmp_path / "site")
    assert check(tmp_path / "site")
