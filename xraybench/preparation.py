"""The data of a plan: prepared, held against what earlier stages learn from, and put on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from xraybench import registry
from xraybench.lineage import Earlier
from xraybench.planning import Plan
from xraybench.results import DataRecord, LeftOut, SourceRecord, SplitCount, writing_to
from xraybench.tasks import Preset, Task

if TYPE_CHECKING:
    import pandas as pd

    from xraybench.data.prepare import Recipe
    from xraybench.data.prepared import Prepared
    from xraybench.workshop import Narrator

SHOWN = 3  # files that a line names


@dataclass(frozen=True)
class Read:
    """One source as a task reads it."""

    of: Earlier
    prepared: Prepared

    @property
    def named(self) -> tuple[str, pd.DataFrame]:
        """The source's name and its index."""
        return self.of.source.name, self.prepared.index


def prepare_data(plan: Plan, out: Path, workers: int, narrator: Narrator) -> tuple[Read, ...]:
    """The plan's data under `out`, and after them what earlier stages train on; prepared, unless they are there.

    DataError where an earlier stage learns from a patient of the plan's test set, or a stage's rows leave no image.
    """
    from xraybench.data.overlap import check_earlier
    from xraybench.data.rows import check_rows

    sources = {plan.data_digest: Earlier(plan.task, plan.source), **plan.earlier}
    with writing_to(out):
        target, *others = [
            Read(of, _prepared(plan, of, out / "data" / data_digest, workers, narrator))
            for data_digest, of in sources.items()
        ]
    for other in others:
        check_earlier(other.named, target.named, f"the earlier stage on {other.of.task.name}")
    indexes = {digest: read.prepared.index for digest, read in zip(sources, (target, *others), strict=True)}
    for model in plan.models:
        for link in model.links:
            check_rows(indexes[link.data_digest], link.stage.rows, model.label)
    return target, *others


def _prepared(plan: Plan, of: Earlier, folder: Path, workers: int, narrator: Narrator) -> Prepared:
    """One source's data, prepared unless they are there; says what was left out, and what happened."""
    from xraybench.data.prepare import prepare, prepare_validation

    task, source, preset = of.task, of.source, plan.preset
    what = f"{'computing phantoms' if source.phantom else 'reading images'} ({source.name})"
    recipe = recipe_of(task, preset)
    made = prepare(source, folder, recipe, workers, partial(narrator.progress, what))
    if folder.name == plan.data_digest and _tunes(plan):
        prepare_validation(source, folder, recipe, workers, partial(narrator.progress, "masks of validation images"))
    _say_what_happened(made, folder, narrator)
    return made


def _tunes(plan: Plan) -> bool:
    """Whether a metric looks at validation images, of which the source may have masks."""
    metrics = plan.cells[0].metrics if plan.cells else ()
    needs = [registry.build("metrics", job.call).needs for job in metrics]
    return "finding" in plan.source.offers and any("validation" in each for each in needs)


def recipe_of(task: Task, preset: Preset) -> Recipe:
    """What is made of a source for a task."""
    from xraybench.data.prepare import Recipe

    return Recipe(preset.image_size, task.labels, task.explained.images, preset.explained, task.steps_of(preset))


def _say_what_happened(made: Prepared, folder: Path, narrator: Narrator) -> None:
    statistics = made.statistics
    if statistics.quarantine:
        named = ", ".join(entry.path or entry.image_id for entry in statistics.quarantine[:SHOWN])
        more = f" and {len(statistics.quarantine) - SHOWN} more" if len(statistics.quarantine) > SHOWN else ""
        narrator.say(f"left out, as they do not decode: {named}{more} (reasons: {folder / 'prepared.json'})")
    if statistics.unpaired:
        narrator.say(f"left out, as they are of no case with both views: {statistics.unpaired} images")
    for note, count in statistics.notes.items():
        narrator.say(f"{note}: {count} images")


def data_record(reads: Sequence[Read]) -> DataRecord:
    """How much of what was read, and what was left out, for records and pages."""
    return DataRecord(sources=[_source_record(read) for read in reads])


def _source_record(read: Read) -> SourceRecord:
    task, statistics = read.of.task, read.prepared.statistics
    return SourceRecord(
        source=read.of.name,
        task=task.name,
        splits={str(split): _count(rows, task.labels) for split, rows in read.prepared.index.groupby("split")},
        left_out=[
            LeftOut(image_id=entry.image_id, path=entry.path, reason=entry.reason) for entry in statistics.quarantine
        ],
        unpaired=statistics.unpaired,
        notes=dict(statistics.notes),
    )


def _count(rows: pd.DataFrame, labels: Sequence[str]) -> SplitCount:
    positives = {label: int(rows[label].eq(1).sum()) for label in labels}
    return SplitCount(images=len(rows), patients=rows["patient_id"].nunique(), positives=positives)
