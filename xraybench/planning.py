"""The plan of a run: a pure list of models to train and cells to compute, each with its identity and its price."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from xraybench import registry
from xraybench.errors import PluginError, UsageError
from xraybench.identity import digest
from xraybench.lineage import NO_STARTS, Earlier, ModelJob, Pair, Setting, Starts, asdict_of, data_digest_of, model_job
from xraybench.registry import Call
from xraybench.results import MetricInfo
from xraybench.spec import Contrasting, Explainer, Metric, MetricNeeds, ReExplaining, Reference, Shared, Source
from xraybench.tasks import ModelEntry, Preset, Task

GROUPS = ("all", "fast", "paper")
FAST, SIDE = 10, 64  # an explainer under so many image-forwards is fast; the side at which that is asked
Kind = Literal["explainers", "metrics"]
LIBRARIES = ("captum", "zennit", "quantus")  # their major versions are part of what makes rows comparable


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
    weights: Path | None = None  # first weights of all chosen models, instead of what their entries say


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
    pairs: tuple[Pair, ...] = ()  # models whose layers are compared
    earlier: Mapping[str, Earlier] = field(default_factory=dict)  # by data digest: what earlier stages train on

    @property
    def preset(self) -> Preset:
        """The preset that the plan follows."""
        return self.task.preset(self.preset_name)

    def image_forwards(self, model: ModelJob) -> int:
        """The price of explaining and scoring one model; what its cells share is bought once."""
        cells = [cell for cell in self.cells if cell.model == model]
        shared = {name: cell.shared[name] for cell in cells for name in cell.shared}
        return sum(cell.image_forwards for cell in cells) + sum(shared.values())


def make_plan(task: Task, source: Source, request: Request, starts: Starts = NO_STARTS) -> Plan:
    """The plan for a request; pure: reads nothing but what `source.identity()` reads."""
    preset = task.preset(request.preset)
    task = task.explained_as(preset)
    n_explained = min(preset.explained, request.limit or preset.explained)
    data_digest = data_digest_of(task, source, preset)
    key = comparability_key(task, request.preset, data_digest, n_explained, starts.weights.get(str(request.weights)))
    metrics = tuple(metric_job(preset, call) for call in expand("metrics", request.metrics, task, preset))
    setting = Setting(task, source.name, data_digest, preset, starts)
    models = tuple(model_job(setting, entry, seed) for entry in chosen_models(task, request) for seed in request.seeds)
    calls = [("explainers", call) for call in expand("explainers", request.explainers, task, preset)]
    calls += [("references", Call(name, {})) for name in registry.REFERENCES if _stands(name, source)]
    cells = tuple(
        _cell_job(kind, call, task, source, preset, key, model, metrics, n_explained)
        for model in models
        for kind, call in calls
    )
    name = f"{task.name}-{source.name}-{request.preset}-{key[:8]}"
    earlier = {data_digest_of(other.task, other.source, preset, earlier=True): other for other in starts.tasks.values()}
    return Plan(
        name, task, request.preset, source, data_digest, key, n_explained, models, cells, _pairs(task, models), earlier
    )


def _stands(name: str, source: Source) -> bool:
    """Whether a reference map has a row: the human benchmark's only where the source has one."""
    reference: Reference = registry.build("references", Call(name, {}))
    return reference.region != "human" or "human" in source.offers


def _pairs(task: Task, models: Sequence[ModelJob]) -> tuple[Pair, ...]:
    """The task's pairs of which both models are chosen, once a seed."""
    jobs = {(job.entry.name, job.seed): job for job in models}
    return tuple(
        Pair(jobs[pair.names[0], seed], jobs[pair.names[1], seed], pair.images, pair.grid)
        for pair in task.similarity
        if pair.within(job.entry.name for job in models)
        for seed in dict.fromkeys(job.seed for job in models)
    )


def comparability_key(task: Task, preset: str, data_digest: str, n_explained: int, weights: str | None) -> str:
    """Rows are ranked together only where this is the same: task, data and split, recipes, preset, library versions.

    weights: digest of the file that all models start from instead of what their entries say, if any.
    """
    earlier = [asdict_of(one) for entry in task.models_of(preset) for one in task.chain(entry)[:-1]]
    started = {"earlier": earlier} if earlier else {}
    return digest(
        started
        | ({"weights": weights} if weights else {})
        | ({"target": "each-label"} if task.explained.target == "each-label" else {})  # items are no images there
        | {
            "task": [task.name, task.version],
            "data": data_digest,
            "explained": n_explained,
            "recipes": [asdict_of(entry) for entry in task.models_of(preset)],
            "preset": without_columns(task.preset(preset)),
            "libraries": {library: version(library).split(".")[0] for library in LIBRARIES},
        }
    )


def without_columns(preset: Preset) -> dict[str, Any]:
    """A preset as plain data but for what its groups of metrics hold: a column more or less makes no other board."""
    return {name: value for name, value in asdict_of(preset).items() if name not in ("more_metrics", "by_hand")}


def expand(kind: Kind, asked: Sequence[str], task: Task, preset: Preset) -> list[Call]:
    """The calls behind names, "all", "fast" and "paper", without repeats, in the registry's order for groups."""
    calls: dict[str, Call] = {}
    for text in asked:
        for call in _group(kind, text, task, preset) if text in GROUPS else [registry.parse_call(text)]:
            registry.find(kind, call.name)
            calls[str(call)] = call
    return list(calls.values())


def _group(kind: Kind, group: str, task: Task, preset: Preset) -> list[Call]:
    """`all` of a kind; of these what is `fast`: explainers under 10 image-forwards, metrics that do not explain again;
    or what the task's `paper` used.
    """
    if group == "paper":
        return _paper(kind, task)
    calls = _all(kind)
    if kind == "metrics":
        calls = [call for call in calls if call.name not in preset.by_hand]
        calls += [registry.parse_call(text) for text in preset.more_metrics]
    if group == "all":
        return calls
    built = [registry.build(kind, call) for call in calls]
    fast = [one.cost(SIDE) < FAST if kind == "explainers" else not isinstance(one, ReExplaining) for one in built]
    return [call for call, yes in zip(calls, fast, strict=True) if yes]


def _paper(kind: Kind, task: Task) -> list[Call]:
    named: list[str] = getattr(task.paper, kind)
    if not named:
        raise UsageError(f"task {task.name!r} names no {kind} of a paper", f"name some, or give --{kind[:-1]} all")
    return [registry.parse_call(text) for text in named]


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


def chosen_models(task: Task, request: Request) -> list[ModelEntry]:
    """The entries of the preset that were asked for (all, where none was), starting from the weights asked for."""
    entries = task.models_of(request.preset)
    known = {entry.name: entry for entry in entries}
    chosen = [registry.near(name, known, "model of this preset") for name in request.models] or entries
    if request.weights is None:
        return chosen
    start = {"init": "random", "weights": str(request.weights), "after": None}
    return [entry.model_copy(update=start) for entry in chosen]


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
    price, shared = cell_price(built, metrics, preset.image_size, n_explained, offers_of(task, source))
    slug = f"{model.id.rsplit('-', 1)[0]}-{call.name.replace(':', '_')}-{digest(inputs)[:12]}"
    return CellJob(slug, kind, str(call), full, parameters, model, metrics, price, shared)


def offers_of(task: Task, source: Source) -> frozenset[MetricNeeds]:
    """What metrics may need, and find: maps of single labels have no twins."""
    return source.offers - ({"twins"} if task.explained.target == "each-label" else set())


def cell_price(
    built: Explainer | Reference,
    metrics: Sequence[MetricJob],
    image_size: int,
    n_explained: int,
    offers: frozenset[MetricNeeds],
) -> tuple[int, Mapping[str, int]]:
    """Image-forwards of a cell, and by name of what all cells of its model share.

    Explaining, and each thing that metrics buy once, however many share it; without metrics of unknown price.
    """
    explaining = built.cost(image_size) if isinstance(built, Explainer) else 0
    held: set[MetricNeeds] = {"explain"} if isinstance(built, Explainer) else set()
    held |= {"baseline"} if isinstance(built, Contrasting) else set()
    held |= {"validation"} if "finding" in offers else set()  # at most: whether there are masks is not known yet
    bought: dict[str, int] = {}
    for job in metrics:
        metric: Metric = registry.build("metrics", job.call)
        if not metric.needs <= offers | held:
            continue
        images = n_explained
        if isinstance(metric, ReExplaining):
            if metric.price_limit is not None and explaining > metric.price_limit:
                continue
            images = min(images, metric.patients or images)
        for artefact, forwards in (metric.cost(explaining, image_size) or {}).items():
            bought[artefact] = max(bought.get(artefact, 0), forwards * images)
    shared: dict[str, int] = {name: forwards for name, forwards in bought.items() if isinstance(name, Shared)}
    own = sum(forwards for name, forwards in bought.items() if name not in shared)
    return explaining * n_explained + own, shared
