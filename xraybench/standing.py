"""Where the jobs of a plan stand on disk: done, missing or failed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from xraybench.lineage import Pair
from xraybench.planning import CellJob, Plan
from xraybench.results import CellRecord, ComparisonRecord, read_record
from xraybench.score_files import scores_there

Standing = Literal["done", "skipped", "missing", "failed", "lacks metrics"]
Rerun = Literal["missing", "failed", "all"]


def standing(folder: Path, job: CellJob) -> Standing:
    """Where a cell stands: failed, too, where a metric of it did; RecordError where its record cannot be read."""
    path = folder / "cells" / job.id / "cell.json"
    if not path.exists():
        return "missing"
    record = read_record(path, CellRecord)
    if record.status != "ok":
        return record.status
    there = scores_there(path.parent)
    if any(info.status == "ok" and label not in there for label, info in record.scores.items()):
        return "lacks metrics"
    for metric in job.metrics:
        info = record.scores.get(metric.info.label)
        if info is None or info.metric != metric.info:
            return "lacks metrics"
    return "failed" if record.failures([metric.info.label for metric in job.metrics]) else "done"


def standing_of_pair(folder: Path, pair: Pair) -> Standing:
    """Where a comparison of two models stands; RecordError where its record cannot be read."""
    path = folder / "comparisons" / pair.id / "comparison.json"
    if not path.exists():
        return "missing"
    return "done" if read_record(path, ComparisonRecord).status == "ok" else "failed"


def pending(folder: Path, plan: Plan, rerun: Rerun = "failed") -> list[CellJob]:
    """The cells that a run would compute."""
    return [job for job in plan.cells if _wanted(standing(folder, job), rerun)]


def pending_pairs(folder: Path, plan: Plan, rerun: Rerun = "failed") -> list[Pair]:
    """The comparisons that a run would compute."""
    return [pair for pair in plan.pairs if _wanted(standing_of_pair(folder, pair), rerun)]


def _wanted(found: Standing, rerun: Rerun) -> bool:
    return rerun == "all" or found in ("missing", "lacks metrics") or (found == "failed" and rerun == "failed")
