"""Layer similarity as a table and a picture: every pair, refused ones without a value."""

import csv

from PIL import Image

from xraybench.leaderboard.similarity import rows_of, write_csv, write_heat_maps
from xraybench.results import ComparisonRecord, SimilarityRecord


def record():
    similarity = SimilarityRecord(
        measure="cca", values=[[0.9, None], [0.5, 0.4]], null=[[0.1, None], [0.2, 0.1]], refused={"too few samples": 1}
    )
    return ComparisonRecord(
        task="wrist", first="a", second="b", first_layers=["x1", "x2"], second_layers=["y1", "y2"],
        weights_digests=("1", "2"), images=40, grid=4, similarities=[similarity, similarity], versions={}, seconds=0.1,
    )  # fmt: skip


def test_the_table_has_every_pair(tmp_path):
    write_csv(record(), tmp_path / "similarity.csv")
    with (tmp_path / "similarity.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(list(rows_of(record()))) == 8
    assert (rows[0]["first"], rows[0]["second"], rows[0]["value"], rows[0]["null"]) == ("x1", "y1", "0.9", "0.1")
    assert (rows[1]["value"], rows[1]["null"]) == ("", "")


def test_the_picture_is_drawn(tmp_path):
    write_heat_maps(record(), tmp_path / "similarity.png")
    picture = Image.open(tmp_path / "similarity.png")
    assert picture.width > picture.height / 2
    assert len(picture.convert("RGB").getcolors(100_000)) > 50
