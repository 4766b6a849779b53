"""Layer similarity as a table and as heat maps, from its record alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from xraybench.leaderboard.rounding import amount
from xraybench.results import ComparisonRecord, SimilarityRecord, replacing

FIELDS = ("measure", "first", "second", "value", "null", "samples", "samples_per_channel")
CELL = 0.28  # inches of a heat map's cell
COLOURS = "viridis"  # 0 dark, 1 bright


def rows_of(record: ComparisonRecord) -> Iterator[dict[str, object]]:
    """One row a measure and pair of layers: value, the permuted null's, and over how many samples N, N / (C1 + C2)."""
    for similarity in record.similarities:
        for i, first in enumerate(record.first_layers):
            for j, second in enumerate(record.second_layers):
                yield {
                    "measure": similarity.measure,
                    "first": first,
                    "second": second,
                    "value": similarity.values[i][j],
                    "null": similarity.null[i][j],
                    "samples": record.samples[i][j] if record.samples else None,
                    "samples_per_channel": record.samples_per_channel(i, j),
                }


def to_csv(record: ComparisonRecord) -> str:
    """The rows as CSV; a refused pair has no value, and an older record no samples."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows_of(record))
    return text.getvalue()


def samples_text(record: ComparisonRecord) -> str:
    """`1.2 to 160 samples a channel (N / (C1 + C2))`, the least and the most of all pairs; empty in an older record."""
    pairs = np.ndindex(len(record.first_layers), len(record.second_layers)) if record.samples else ()
    found = [share for pair in pairs if (share := record.samples_per_channel(*pair)) is not None]
    return f"{amount(min(found))} to {amount(max(found))} samples a channel (N / (C1 + C2))" if found else ""


def write_heat_maps(record: ComparisonRecord, path: Path) -> None:
    """A PNG: each measure above its null, the first model's layers down, the second's across; grey where refused."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = len(record.similarities)
    width, height = (CELL * len(layers) + 1.6 for layers in (record.second_layers, record.first_layers))
    figure = Figure((width * columns, 2 * height), layout="constrained")
    figure.suptitle(f"{record.first} (down) and {record.second} (across), {record.images} validation images")
    axes = figure.subplots(2, columns, squeeze=False)
    for column, similarity in enumerate(record.similarities):
        for row, (title, values) in enumerate(_panels(similarity)):
            axis = axes[row][column]
            axis.set_facecolor("0.85")
            picture = axis.imshow(values, vmin=0, vmax=1, cmap=COLOURS)
            axis.set_title(title, fontsize=9)
            axis.set_xticks(range(len(record.second_layers)), record.second_layers, rotation=90, fontsize=6)
            axis.set_yticks(range(len(record.first_layers)), record.first_layers, fontsize=6)
    figure.colorbar(picture, ax=axes, shrink=0.5)
    with replacing(path) as temporary, temporary.open("wb") as file:
        FigureCanvasAgg(figure)
        figure.savefig(file, format="png")


def _panels(similarity: SimilarityRecord) -> list[tuple[str, np.ndarray]]:
    named = ((similarity.measure, similarity.values), (f"{similarity.measure}, images permuted", similarity.null))
    return [(title, np.array(values, dtype=float)) for title, values in named]
