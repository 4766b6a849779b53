"""Where a run's work happens. Plain data, so that it travels to a worker; nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from xraybench.lineage import Link, ModelJob, Pair
from xraybench.planning import CellJob
from xraybench.tasks import Task


@dataclass(frozen=True)
class Place:
    """A run's folders, its task, its device."""

    run: Path
    data: Path
    task: Task
    n_explained: int
    device: str
    command: str  # what makes a row again, up to --model and --explainer
    rows: Mapping[str, Sequence[object]] = field(default_factory=dict)  # only images with these values; {}: all

    def __hash__(self) -> int:
        return hash((self.run, self.data, self.device))

    def of(self, link: Link) -> Place:
        """The same place with the data, the task and the rows that a stage trains on."""
        return replace(self, data=self.data.parent / link.data_digest, task=link.task, rows=link.stage.rows)

    def for_model(self, job: ModelJob) -> Place:
        """The same place with the rows that a model was trained on last: it is tested and explained on such images."""
        return replace(self, rows=job.entry.stages[-1].rows)

    def stage_folder(self, link: Link) -> Path:
        """Where the record and weights of an earlier stage lie, for all runs under one output folder."""
        return self.run.parent / "stages" / link.id

    def model_folder(self, job: ModelJob) -> Path:
        """Where a model's record and weights lie."""
        return self.run / "models" / job.id

    def comparison_folder(self, pair: Pair) -> Path:
        """Where the layer similarity of two models lies."""
        return self.run / "comparisons" / pair.id

    def cell_folder(self, job: CellJob) -> Path:
        """Where a cell's record, scores and maps lie."""
        return self.run / "cells" / job.id
