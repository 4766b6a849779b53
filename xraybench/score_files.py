"""Scores by image: one Parquet file a cell, beside its record.

<cell>/scores.parquet    one row a number: metric (its label), figure ("value", or the name of one of the metric's
                         details), image_id, patient_id, number (null: undefined)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from xraybench.errors import RecordError
from xraybench.results import replacing

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SCORES = "scores.parquet"
VALUE = "value"  # the figure that is the score itself
CURE = "give the command of its run again: what is missing is computed"
WORDS = ("metric", "figure", "image_id", "patient_id")


@dataclass(frozen=True)
class ImageScores:
    """One metric's scores as arrays [N]: ids as str, values and details, by name, float64 (NaN: undefined)."""

    image_ids: np.ndarray
    patient_ids: np.ndarray
    values: np.ndarray
    details: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, np.ndarray]:
        """All numbers, by name."""
        return {VALUE: self.values, **self.details}


def write_scores(cell: Path, scores: Mapping[str, ImageScores]) -> None:
    """Write all scores of a cell, by metric label, in place of those that are there."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    words: dict[str, list[str]] = {name: [] for name in WORDS}
    found = [np.array([], float)]
    for label, one in sorted(scores.items()):
        for figure, numbers in one.figures.items():
            words["metric"] += [label] * len(numbers)
            words["figure"] += [figure] * len(numbers)
            words["image_id"] += one.image_ids.tolist()
            words["patient_id"] += one.patient_ids.tolist()
            found.append(numbers)
    columns = {name: pa.array(column, pa.string()) for name, column in words.items()}
    columns["number"] = pa.array(np.concatenate(found), pa.float64(), from_pandas=True)  # NaN becomes null
    with replacing(cell / SCORES) as temporary:
        pq.write_table(
            pa.table(columns),
            temporary,
            compression="zstd",
            use_dictionary=list(WORDS),
            use_byte_stream_split=["number"],
        )


def read_scores(cell: Path) -> dict[str, ImageScores]:
    """All scores of a cell, by metric label; RecordError where the file cannot be read.

    Without pandas, whose import takes a second and which pyarrow's own arrays bring in: a board reads hundreds.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = cell / SCORES
    if not path.exists():
        raise RecordError(f"{path}: is missing", CURE)
    try:
        with pq.ParquetFile(path, read_dictionary=list(WORDS)) as file:
            return _by_metric(file.read())
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise RecordError(f"{path}: cannot be read: {error}", CURE) from error


def scores_there(cell: Path) -> dict[str, ImageScores]:
    """What read_scores reads, and nothing where the file is missing or cannot be read: then it is computed again."""
    try:
        return read_scores(cell)
    except RecordError:
        return {}


def _by_metric(table: pa.Table) -> dict[str, ImageScores]:
    """Numbers of one metric and figure stand together."""
    import numpy as np

    columns = {name: table[name].combine_chunks() for name in WORDS}
    words = {name: np.array(column.dictionary.to_pylist(), str) for name, column in columns.items()}
    codes = {name: np.array(column.indices.to_pylist(), int) for name, column in columns.items()}
    numbers = np.array(table["number"].to_pylist(), float)
    figures: dict[str, dict[str, slice]] = {}
    for block in _runs(codes["metric"], codes["figure"]):
        metric, figure = (str(words[name][codes[name][block.start]]) for name in ("metric", "figure"))
        figures.setdefault(metric, {})[figure] = block
    ids = {name: words[name][codes[name]] for name in ("image_id", "patient_id")}
    return {
        metric: ImageScores(
            ids["image_id"][found[VALUE]],
            ids["patient_id"][found[VALUE]],
            numbers[found[VALUE]],
            {name: numbers[block] for name, block in found.items() if name != VALUE},
        )
        for metric, found in figures.items()
    }


def _runs(*codes: np.ndarray) -> Iterator[slice]:
    """Stretches in which none of the codes [N] changes."""
    import numpy as np

    changed = np.any([code[1:] != code[:-1] for code in codes], axis=0)
    ends = [*(np.flatnonzero(changed) + 1).tolist(), len(codes[0])]
    yield from (slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False) if end > begin)
