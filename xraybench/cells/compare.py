"""Compare the layers of two trained models of a run on its validation images."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from xraybench.cells.bench import Bench, bench
from xraybench.cells.place import Place
from xraybench.cells.provenance import versions
from xraybench.comparing import Matrix, compare
from xraybench.errors import reason_of
from xraybench.identity import seed_of
from xraybench.lineage import ModelJob, Pair
from xraybench.results import ComparisonRecord, ModelRecord, SimilarityRecord, read_record, write_record

Report = Callable[[str, int, int], None]


def compare_models(place: Place, pair: Pair, report: Report) -> ComparisonRecord:
    """Compare and write the record, unless it is there for the same weights; an error becomes its record."""
    folder, start = place.comparison_folder(pair), time.perf_counter()
    weights = [read_record(place.model_folder(job) / "model.json", ModelRecord).weights_digest for job in _models(pair)]
    record = ComparisonRecord(
        task=place.task.name,
        first=pair.first.label,
        second=pair.second.label,
        weights_digests=(weights[0], weights[1]),
        images=pair.images,
        grid=pair.grid,
        versions=versions(),
        seconds=0.0,
    )
    if (folder / "comparison.json").exists():
        found = read_record(folder / "comparison.json", ComparisonRecord)
        if found.status == "ok" and found.weights_digests == record.weights_digests:
            return found
    try:
        record = _compared(bench(place), pair, record, report)
    except OSError:  # a full or read-only disk is not this pair's fault: the run stops and says so
        raise
    except Exception as error:
        reason = reason_of(error)
        record = record.model_copy(update={"status": "failed", "reason": reason})
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "log.txt").write_text(traceback.format_exc(), encoding="utf-8")
    record = record.model_copy(update={"seconds": time.perf_counter() - start})
    write_record(folder / "comparison.json", record)
    return record


def _models(pair: Pair) -> tuple[ModelJob, ModelJob]:
    return pair.first, pair.second


def _compared(desk: Bench, pair: Pair, record: ComparisonRecord, report: Report) -> ComparisonRecord:
    """The record, filled."""
    rows = _rows(desk, pair.images)
    first, second = (desk.model(job) for job in _models(pair))
    compared = compare(
        first,
        second,
        desk.images(rows),
        pair.grid,
        np.random.default_rng(seed_of("comparison", *record.weights_digests)),
        lambda done, total: report(f"comparing {pair.label}", done, total),
    )
    filled = {
        "first_layers": list(first.layers),  # type: ignore[arg-type]
        "second_layers": list(second.layers),  # type: ignore[arg-type]
        "first_channels": list(compared.first_channels),
        "second_channels": list(compared.second_channels),
        "images": len(rows),
        "samples": compared.samples.tolist(),
        "similarities": [_similarity(name, matrix) for name, matrix in compared.matrices.items()],
    }
    return record.model_copy(update=filled)


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
