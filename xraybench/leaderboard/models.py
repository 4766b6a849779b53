"""From the records of a run to its board of models: recipes in words, scores, the papers' scores, curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from xraybench.leaderboard.modelboard import Curve, Entry, ModelBoard, Scores, Trained
from xraybench.leaderboard.records import RunData
from xraybench.leaderboard.rounding import rounded
from xraybench.recipe.keeping import kept_epoch
from xraybench.recipe.words import stage_words, start_words
from xraybench.results import Interval, ModelRecord, StageRecord
from xraybench.tasks import ModelEntry, Stage


def build_models(run: RunData) -> ModelBoard:
    """The models of a run: a pure function of its records."""
    recipes = _recipes(run)
    here = {record.model for record in run.models}
    entries = [_entry(run, name, recipes) for name in [*recipes, *sorted(here - set(recipes))]]
    record = run.run
    shown = [entry for entry in entries if entry.trained or record.preset in entry.presets]
    return ModelBoard(
        **record.model_dump(
            include={"task", "title", "preset", "source", "phantom", "comparability_key", "notes", "reference_data"}
        ),
        run=record.name,
        kind=record.definition.get("kind", ""),
        comparison=comparison(run, shown),
        entries=shown,
        others=[entry for entry in entries if entry not in shown and entry.presets],
    )


def comparison(run: RunData, entries: Sequence[Entry]) -> list[str]:
    """How far the papers' scores can be held against those here: sentences."""
    record = run.run
    if not any(entry.reference or entry.label_reference for entry in entries):
        return ["No paper reports scores of these models."]
    theirs = ", ".join(record.reference_data)
    if not theirs:
        sentences = ["The records do not say on which data the papers scored."]
    elif record.source in record.reference_data:
        sentences = [f"The paper scored on {theirs}, which is what these models are tested on{_counts(run)}."]
    else:
        kind = f"computed radiographs ({record.source})" if record.phantom else record.source
        sentences = [
            f"The data differ: the paper scored on {theirs}, these models are tested on {kind}{_counts(run)}. "
            "So a score here may be held against another here, and the papers' order against the order here; a paper's "
            "score against one here says nothing of either."
        ]
    if record.preset != "paper":
        sentences.append(
            f"The preset {record.preset} does not train by the papers' recipes: what it does stands below."
        )
    return sentences


def _counts(run: RunData) -> str:
    splits = run.data.sources[0].splits if run.data else {}
    if not {"train", "test"} <= set(splits):
        return ""
    return f", {splits['train'].images:,} images for training and {splits['test'].images:,} for the test"


def _recipes(run: RunData) -> dict[str, ModelEntry]:
    """The task's entries by name, those that were trained as they were trained; what cannot be read is left out."""
    found = {one.name: one for one in _readable(run.run.definition.get("models", []))}
    return found | {one.name: one for one in _readable(record.recipe for record in run.models)}


def _readable(tables: Iterable[Mapping[str, Any]]) -> Iterable[ModelEntry]:
    for table in tables:
        try:
            yield ModelEntry.model_validate(table)
        except ValidationError:  # a recipe of another version: its entry is shown without one
            continue


def _entry(run: RunData, name: str, recipes: Mapping[str, ModelEntry]) -> Entry:
    records = [record for record in run.models if record.model == name]
    chain = _chain(recipes, name)
    return Entry(
        model=name,
        architecture=records[0].architecture if records else recipes[name].architecture,
        presets=recipes[name].presets if chain else [run.run.preset],
        recipe=_words(chain),
        reference=run.run.reference_values.get(name, {}),
        label_reference=run.run.label_reference_values.get(name, {}),
        trained=[_trained(run, record, [stage for one in chain for stage in one.stages]) for record in records],
    )


def _chain(recipes: Mapping[str, ModelEntry], name: str | None) -> list[ModelEntry]:
    """The entries that are trained for this one, each after the one before."""
    if name is None or name not in recipes:
        return []
    return [*_chain(recipes, recipes[name].after), recipes[name]]


def _words(chain: Sequence[ModelEntry]) -> list[str]:
    if not chain:
        return []
    first = chain[0]
    start = f"{first.after}, of which the records hold no recipe" if first.after else start_words(first)
    return [f"From {start}.", *(stage_words(stage) for one in chain for stage in one.stages)]


def _trained(run: RunData, record: ModelRecord, stages: Sequence[Stage]) -> Trained:
    return Trained(
        **record.model_dump(include={"seed", "parameters", "beats_chance", "weights_digest", "positives", "hidden"}),
        start=record.start,
        scores=_rounded(record.scores),
        studies=_each_rounded(record.studies),
        labels=_each_rounded(record.labels),
        strata=_each_rounded(record.strata),
        curves=[*_earlier(run, record), _curve(run.run.task, record, stages[-1] if stages else None)],
    )


def _earlier(run: RunData, record: ModelRecord) -> list[Curve]:
    """The curves of the stages before the entry's last; one without a history where the records do not hold it."""
    curves = []
    for one in record.earlier:
        stage = run.stages.get(one)
        if stage is None:
            curves.append(Curve(stage=f"an earlier stage ({one})", history=[], kept=None))
        else:
            curves.append(_curve(f"{stage.task} ({stage.source})", stage, _read_stage(stage.recipe)))
    return curves


def _read_stage(recipe: Mapping[str, Any]) -> Stage | None:
    try:
        return Stage.model_validate(recipe)
    except ValidationError:  # of another version: its curve is shown without what was kept
        return None


def _curve(what: str, record: ModelRecord | StageRecord, stage: Stage | None) -> Curve:
    """A record's history; a search may have settled on another rule of what is kept."""
    followed = stage.model_copy(update=record.drawn) if stage else None
    return Curve(
        stage=what,
        history=[{name: rounded(value) for name, value in entry.items()} for entry in record.history],
        kept=kept_epoch(followed, record.history) if followed else None,
        frozen=followed.frozen_epochs if followed else 0,
        seconds=rounded(record.seconds),
        drawn=record.drawn,
    )


def _rounded(scores: Mapping[str, Interval]) -> Scores:
    return {
        name: Interval(mean=rounded(one.mean), low=rounded(one.low), high=rounded(one.high), n=one.n)
        for name, one in scores.items()
    }


def _each_rounded(groups: Mapping[str, Mapping[str, Interval]]) -> dict[str, Scores]:
    return {name: _rounded(scores) for name, scores in groups.items()}
