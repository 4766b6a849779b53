"""Train what is missing of a plan's models: earlier stages first, each once for all models that go on from it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from xraybench.cells import train_earlier, train_model
from xraybench.lineage import ModelJob
from xraybench.results import ModelRecord
from xraybench.workshop import Workshop, failure_of


def train_missing(shop: Workshop, models: Sequence[ModelJob]) -> dict[ModelJob, str]:
    """Train what is not there of the models; returns those that did not train, with the reason."""
    missing = [model for model in models if not (shop.place.model_folder(model) / "model.json").exists()]
    failed = _train_earlier(shop, missing)
    reasons = {model: next((failed[link.id] for link in model.links if link.id in failed), None) for model in missing}
    untrained = {model: f"training {model.label}: {reason}" for model, reason in reasons.items() if reason}
    ready = [model for model in missing if model not in untrained]
    for model, result in shop.executor.map(partial(train_model, shop.place), ready):
        if isinstance(result, Exception):
            untrained[model] = f"training {model.label}: {failure_of(result)}"
        else:
            start = f" from {result.start}" if len(model.links) > 1 or result.start != "random weights" else ""
            shop.narrator.say(f"trained {model.label}{start} in {result.seconds:.0f} s: {_headline(result)}")
    return untrained


def _headline(record: ModelRecord) -> str:
    """A model's test score in one phrase."""
    name = next(name for name in ("roc-auc", "accuracy") if name in record.scores)
    score = record.scores[name]
    interval = f" [{score.low:.3f}, {score.high:.3f}]" if score.low is not None else ""
    return f"test {name} {score.mean:.3f}{interval}" + ("" if record.beats_chance else ", no better than chance")


def _train_earlier(shop: Workshop, models: Sequence[ModelJob]) -> dict[str, str]:
    """Train the stages that models go on from, each once, those that come first before the others; what failed."""
    failed: dict[str, str] = {}
    for number in range(max((len(model.links) for model in models), default=1) - 1):
        stages = {model.links[number].id: (model, number) for model in models if number < len(model.links) - 1}
        ready = [
            (model, number)
            for model, _ in stages.values()
            if not any(link.id in failed for link in model.links[:number])
            and not (shop.place.stage_folder(model.links[number]) / "stage.json").exists()
        ]
        for (model, _), result in shop.executor.map(partial(train_earlier, shop.place), ready):
            link = model.links[number]
            if isinstance(result, Exception):
                failed[link.id] = failure_of(result)
            else:
                shop.narrator.say(f"trained a stage of {model.label} on {link.task.name} in {result.seconds:.0f} s")
    return failed
