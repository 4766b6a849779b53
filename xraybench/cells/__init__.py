"""The work of a run, as functions that any process may call; torch is imported when they are, not before."""

from __future__ import annotations

from collections.abc import Callable

from xraybench.cells.place import Place
from xraybench.lineage import ModelJob, Pair
from xraybench.planning import CellJob
from xraybench.results import CellRecord, ComparisonRecord, ModelRecord, StageRecord

Report = Callable[[str, int, int], None]  # what, done, total


def train_model(place: Place, job: ModelJob, report: Report) -> ModelRecord:
    """Train one model and score it on the test set, unless its record is there."""
    from xraybench.cells import train

    return train.train_model(place, job, report)


def train_earlier(place: Place, stage: tuple[ModelJob, int], report: Report) -> StageRecord:
    """Train a stage that a model goes on from (the model, and the stage's number), unless its record is there."""
    from xraybench.cells import train

    return train.train_earlier(place, *stage, report)


def compute_cell(place: Place, job: CellJob, report: Report) -> CellRecord:
    """Explain and score one cell, or add to a finished one the metrics it lacks."""
    from xraybench.cells import compute

    return compute.compute_cell(place, job, report)


def compare_models(place: Place, pair: Pair, report: Report) -> ComparisonRecord:
    """Compare the layers of two trained models, unless that is done."""
    from xraybench.cells import compare

    return compare.compare_models(place, pair, report)
