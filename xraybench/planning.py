"""The plan of a run: a pure list of models to train and cells to compute, each with its identity and its price."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from xraybench import registry
from xraybench.errors import PluginError
from xraybench.identity import digest
from xraybench.registry import Call
from xraybench.results import MetricInfo
from xraybench.spec import Explainer, Metric, MetricNeeds, ReExplaining, Reference, Shared, Source
from xraybench.steps import DEFAULT, plain
from xraybench.tasks import ModelEntry, Preset, Task

LIBRARIES = ("captum", "zennit", "quantus")  # their major versions are part of what makes rows comparable
PREPARATION_VERSION = 1  # of data/prepare.py: what it makes of the same source by padding and resizing
PREPROCESSING_VERSION = 1  # of data/preprocessing.py: what the other steps make of the same image
MODEL_VERSION = 1  # of training.py: what it makes of the same recipe


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line, on top of the task file."""

    explainers: tuple[str, ...] = ("all",)
    metrics: tuple[str, ...] = ("all",)
    models: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    preset: str = "quick"
    source: str | None = None
    data: Path | None = None
    limit: int | None = None


@dataclass(frozen=True)
class ModelJob:
    """A model entry with a seed, to be trained."""

    id: str
    entry: ModelEntry
    seed: int

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def label(self) -> str:
        """As progress lines name it."""
        return f"{self.entry.name} (seed {self.seed})"


@dataclass(frozen=True)
class CellJob:
    """task x data set x model x seed x explainer, with the metrics asked for."""

    id: str
    kind: str  # "explainers" or "references"
    label: str
    call: Call
    parameters: Mapping[str, Any]
    model: ModelJob
    metrics: tuple[MetricJob, ...]
    image_forwards: int  # without what all cells of the model share
    shared: Mapping[str, int]  # image-forwards of what the cell's metrics need and all cells of the model share


@dataclass(frozen=True)
class MetricJob:
    """A metric as it was asked for."""

    info: MetricInfo
    call: Call


@dataclass(frozen=True)
class Plan:
    """Everything a run will do, known before anything runs."""

    name: str
    task: Task
    preset_name: str
    source: Source
    data_digest: str
    comparability_key: str
    n_explained: int
    models: tuple[ModelJob, ...]
    cells: tuple[CellJob, ...]

    @property
    def preset(self) -> Preset:
        """The preset that the plan follows."""
        return self.task.preset(self.preset_name)

    def image_forwards(self, model: ModelJob) -> int:
        """The price of explaining and scoring one model; what its cells share is bought once."""
        cells = [cell for cell in self.cells if cell.model == model]
        shared = {name: cell.shared[name] for cell in cells for name in cell.shared}
        return sum(cell.image_forwards for cell in cells) + sum(shared.values())


def make_plan(task: Task, source: Source, request: Request) -> Plan:
    """The plan for a request; pure: reads nothing but what `source.identity()` reads."""
    preset = task.preset(request.preset)
    n_explained = min(preset.explained, request.limit or preset.explained)
    settings = {"preparation": PREPARATION_VERSION, "size": preset.image_size, "explained": asdict_of(task.explained)}
    steps = task.steps_of(request.preset)
    if steps != DEFAULT:
        settings["preprocessing"] = {"version": PREPROCESSING_VERSION, "steps": plain(steps)}
    data_digest = digest({**settings, "count": preset.explained, "source": dict(source.identity())})
    key = comparability_key(task, request.preset, data_digest, n_explained)
    metrics = tuple(metric_job(preset, call) for call in expand("metrics", request.metrics))
    models = tuple(
        model_job(task, entry, seed, data_digest, preset.image_size)
        for entry in _chosen_models(task, request)
        for seed in request.seeds
    )
    calls = [("explainers", call) for call in expand("explainers", request.explainers)]
    calls += [("references", Call(name, {})) for name in registry.REFERENCES]
    cells = tuple(
        _cell_job(kind, call, task, source, preset, key, model, metrics, n_explained)
        for model in models
        for kind, call in calls
    )
    name = f"{task.name}-{source.name}-{request.preset}-{key[:8]}"
    return Plan(name, task, request.preset, source, data_digest, key, n_explained, models, cells)


def asdict_of(table: Any) -> dict[str, Any]:
    """A task file's table as plain data, without what stands at its default: a key added later changes no identity."""
    return dict(table.model_dump(exclude_defaults=True))


def comparability_key(task: Task, preset: str, data_digest: str, n_explained: int) -> str:
    """Rows are ranked together only where this is the same: task, data and split, recipes, preset, library versions."""
    return digest(
        {
            "task": [task.name, task.version],
            "data": data_digest,
            "explained": n_explained,
            "recipes": [asdict_of(entry) for entry in task.models_of(preset)],
            "preset": asdict_of(task.preset(preset)),
            "libraries": {library: version(library).split(".")[0] for library in LIBRARIES},
        }
    )


def expand(kind: str, asked: Sequence[str]) -> list[Call]:
    """The calls behind names and "all", without repeats, in the registry's order for "all"."""
    calls: dict[str, Call] = {}
    for text in asked:
        for call in _all(kind) if text == "all" else [registry.parse_call(text)]:
            registry.find(kind, call.name)
            calls[str(call)] = call
    return list(calls.values())


def _all(kind: str) -> list[Call]:
    """Every name of a kind; a plug-in that does not load is left out with a warning."""
    calls = []
    for entry in registry.entries(kind).values():
        try:
            if entry.origin != "built-in":
                registry.load(entry)
            calls.append(Call(entry.name, {}))
        except PluginError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
    return calls


def with_settings(call: Call, settings: Mapping[str, Mapping[str, Any]]) -> Call:
    """The call with the preset's settings for its name beneath its own parameters."""
    return Call(call.name, {**settings.get(call.name, {}), **call.parameters})


def metric_job(preset: Preset, call: Call) -> MetricJob:
    """A metric as boards describe it."""
    full = with_settings(call, preset.metrics)
    metric: Metric = registry.build("metrics", full)
    info = MetricInfo(
        label=str(call),
        name=call.name,
        parameters=registry.parameters_of(metric),
        family=metric.family,
        higher_is_better=metric.higher_is_better,
        range=(_bound(metric.range[0]), _bound(metric.range[1])),
        reference=metric.reference,
        version=metric.version,
    )
    return MetricJob(info, full)


def _bound(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _chosen_models(task: Task, request: Request) -> list[ModelEntry]:
    entries = task.models_of(request.preset)
    known = {entry.name: entry for entry in entries}
    return [registry.near(name, known, "model of this preset") for name in request.models] or entries


def model_job(task: Task, entry: ModelEntry, seed: int, data_digest: str, image_size: int) -> ModelJob:
    """A model's identity: what it is trained on, how, and from which seed."""
    recipe = asdict_of(entry) | {"presets": None}  # the same recipe in two presets is one model
    inputs = [MODEL_VERSION, task.kind, task.labels, recipe, seed, data_digest, image_size]
    return ModelJob(f"{entry.name}-s{seed}-{digest(inputs)[:8]}", entry, seed)


def _cell_job(
    kind: str,
    call: Call,
    task: Task,
    source: Source,
    preset: Preset,
    key: str,
    model: ModelJob,
    metrics: tuple[MetricJob, ...],
    n_explained: int,
) -> CellJob:
    full = with_settings(call, preset.explainers) if kind == "explainers" else call
    built: Explainer | Reference = registry.build(kind, full)
    parameters = registry.parameters_of(built)
    inputs = [task.name, task.version, key, model.id, kind, call.name, parameters, built.version]
    price, shared = cell_price(built, metrics, preset.image_size, n_explained, source.offers)
    slug = f"{model.id.rsplit('-', 1)[0]}-{call.name.replace(':', '_')}-{digest(inputs)[:12]}"
    return CellJob(slug, kind, str(call), full, parameters, model, metrics, price, shared)


def cell_price(
    built: Explainer | Reference,
    metrics: Sequence[MetricJob],
    image_size: int,
    n_explained: int,
    offers: frozenset[MetricNeeds],
) -> tuple[int, Mapping[str, int]]:
    """Image-forwards of a cell, and by name of what all cells of its model share.

    Explaining, and each thing that metrics buy once, however many share it.
    """
    explaining = built.cost(image_size) if isinstance(built, Explainer) else 0
    bought: dict[str, int] = {}
    for job in metrics:
        metric: Metric = registry.build("metrics", job.call)
        if not metric.needs <= offers | ({"explain"} if isinstance(built, Explainer) else set()):
            continue
        images = n_explained
        if isinstance(metric, ReExplaining):
            if metric.price_limit is not None and explaining > metric.price_limit:
                continue
            images = min(images, metric.patients or images)
        for artefact, forwards in metric.cost(explaining, image_size).items():
            bought[artefact] = max(bought.get(artefact, 0), forwards * images)
    shared: dict[str, int] = {name: forwards for name, forwards in bought.items() if isinstance(name, Shared)}
    own = sum(forwards for name, forwards in bought.items() if name not in shared)
    return explaining * n_explained + own, shared
