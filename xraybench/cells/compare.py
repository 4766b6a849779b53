"""Compare the layers of two trained models of a run on its validation images."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from xraybench.cells.bench import Bench, bench
from xraybench.cells.place import Pair, Place
from xraybench.cells.provenance import versions
from xraybench.comparing import Matrix, compare
from xraybench.identity import seed_of
from xraybench.results import ComparisonRecord, ModelRecord, SimilarityRecord, read_record, write_record

Report = Callable[[str, int, int], None]


def compare_models(place: Place, pair: Pair, report: Report) -> ComparisonRecord:
    """Compare and write the record, unless it is there for the same weights and samples."""
    jobs = (pair.first, pair.second)
    folder = place.comparison_folder(*jobs)
    digests = [read_record(place.model_folder(job) / "model.json", ModelRecord).weights_digest for job in jobs]
    desk, start = bench(place), time.perf_counter()
    rows = _rows(desk, pair.images)
    if (folder / "comparison.json").exists():
        found = read_record(folder / "comparison.json", ComparisonRecord)
        if [*found.weights_digests] == digests and (found.images, found.grid) == (len(rows), pair.grid):
            return found
    first, second = (desk.model(job) for job in jobs)
    what = f"comparing {pair.first.label} and {pair.second.label}"
    matrices = compare(
        first,
        second,
        desk.images(rows),
        pair.grid,
        np.random.default_rng(seed_of("comparison", *digests)),
        lambda done, total: report(what, done, total),
    )
    record = ComparisonRecord(
        task=place.task.name,
        first=pair.first.label,
        second=pair.second.label,
        first_layers=list(first.layers),  # type: ignore[arg-type]
        second_layers=list(second.layers),  # type: ignore[arg-type]
        weights_digests=(digests[0], digests[1]),
        images=len(rows),
        grid=pair.grid,
        similarities=[_similarity(name, matrix) for name, matrix in matrices.items()],
        versions=versions(),
        seconds=time.perf_counter() - start,
    )
    write_record(folder / "comparison.json", record)
    return record


def _rows(desk: Bench, count: int) -> NDArray[np.int64]:
    """At most so many validation images, in an order fixed by their ids."""
    rows = desk.rows("validation")
    draw = [seed_of("comparison", image_id) for image_id in desk.prepared.index["image_id"].iloc[rows]]
    return np.sort(rows[np.argsort(draw)][:count])


def _similarity(name: str, matrix: Matrix) -> SimilarityRecord:
    return SimilarityRecord(
        measure=name, values=_plain(matrix.values), null=_plain(matrix.null), refused=dict(matrix.refused)
    )


def _plain(values: NDArray[np.float64]) -> list[list[float | None]]:
    return [[float(value) if np.isfinite(value) else None for value in row] for row in values]
