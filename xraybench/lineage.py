"""What a model is trained from and by which stages: its lineage, whose digests are known before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from xraybench.identity import digest, seed_of
from xraybench.registry import Call
from xraybench.spec import Source
from xraybench.steps import DEFAULT, plain
from xraybench.tasks import ModelEntry, Preset, Stage, Task

PREPARATION_VERSION = 1  # of data/prepare.py: what it makes of the same source by padding and resizing
PREPROCESSING_VERSION = 1  # of data/preprocessing.py: what the other steps make of the same image
MODEL_VERSION = 1  # of training.py: what it makes of the same recipe


@dataclass(frozen=True)
class Earlier:
    """What stages train on beside the run's own data: another task and its source, or the run's source, set otherwise.

    settings: of the source, where these are not the preset's.
    """

    task: Task
    source: Source
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The source's, with the settings that are its own."""
        return str(Call(self.source.name, self.settings))


@dataclass(frozen=True)
class Starts:
    """What models start from, looked up before a plan is made: tasks by `Stage.apart`, digests of files by path."""

    tasks: Mapping[str, Earlier] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)


NO_STARTS = Starts()


@dataclass(frozen=True)
class Link:
    """One stage in the chain that trains a model. Chains that begin alike share what they have in common, by `id`."""

    id: str
    stage: Stage
    task: Task
    source: str
    data_digest: str
    seed: int


@dataclass(frozen=True)
class ModelJob:
    """A model entry with a seed, to be trained: `start` says from what, `links` by which stages (the last its own)."""

    id: str
    entry: ModelEntry
    seed: int
    start: ModelEntry | None = None
    links: tuple[Link, ...] = ()

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def label(self) -> str:
        """As progress lines name it."""
        return f"{self.entry.name} (seed {self.seed})"


@dataclass(frozen=True)
class Pair:
    """Two models to be compared layer by layer: on at most so many validation images, grid x grid positions of each."""

    first: ModelJob
    second: ModelJob
    images: int
    grid: int

    @property
    def id(self) -> str:
        """Of the models and the samples."""
        return f"{self.first.id}-{self.second.id}-{self.images}x{self.grid}"

    @property
    def label(self) -> str:
        """As progress lines name it."""
        return f"{self.first.label} and {self.second.label}"

    @property
    def image_forwards(self) -> int:
        """At most, where the data have so many validation images."""
        return 2 * self.images


def asdict_of(table: BaseModel) -> dict[str, Any]:
    """A task file's table as plain data, without what stands at its default: a key added later changes no identity."""
    return table.model_dump(exclude_defaults=True)


@dataclass(frozen=True)
class Setting:
    """What all models of a plan have in common: the task, its source by name and data digest, sizes, and starts."""

    task: Task
    source: str
    data_digest: str
    preset: Preset
    starts: Starts


def model_job(setting: Setting, entry: ModelEntry, seed: int) -> ModelJob:
    """A model's identity: from what it starts, what it is trained on, how, and from which seed."""
    task, weights = setting.task, setting.starts.weights
    entries, links = task.chain(entry), []
    first = entries[0]
    before: object = [first.architecture, first.init, weights[first.weights] if first.weights else ""]
    for one in entries:
        for number in range(len(one.stages)):
            links.append(_link(setting, one, number, seed, before))
            before = links[-1].id
    recipe = asdict_of(entry) | {"presets": None}  # the same recipe in two presets is one model
    inputs = [MODEL_VERSION, task.kind, task.labels, recipe, seed, setting.data_digest, setting.preset.image_size]
    if any(stage.apart(setting.source) for stage in entry.stages) or len(entries) > 1 or first.weights:
        recipe.pop("weights", None)  # a path: what is in the file counts
        inputs.append([link.id for link in links])
    return ModelJob(f"{entry.name}-s{seed}-{digest(inputs)[:8]}", entry, seed, first, tuple(links))


def _link(setting: Setting, entry: ModelEntry, number: int, seed: int, before: object) -> Link:
    """A stage with its identity: what came before, recipe, data, labels, seed.

    A stage on another task draws from a seed that no entry's name is part of, so that entries share it.
    """
    stage, task, source, data_digest = entry.stages[number], setting.task, setting.source, setting.data_digest
    apart = stage.apart(setting.source)
    if apart is not None:
        other = setting.starts.tasks[apart]
        task, source = other.task, other.source.name
        data_digest = data_digest_of(task, other.source, setting.preset, earlier=True)
    owner = entry.name if stage.task is None else ""
    drawn = seed_of("model", owner, seed, *([number] if number else []))
    recipe = asdict_of(stage) | {"task": None}
    inputs = [MODEL_VERSION, before, task.kind, task.labels, recipe, drawn, data_digest, setting.preset.image_size]
    return Link(digest(inputs), stage, task, source, data_digest, drawn)


def data_digest_of(task: Task, source: Source, preset: Preset, earlier: bool = False) -> str:
    """What is prepared of a source at a preset's size, with the images that the task explains.

    Of an earlier task the labels count, too: they say which images those are.
    """
    settings = {"preparation": PREPARATION_VERSION, "size": preset.image_size, "explained": asdict_of(task.explained)}
    steps = task.steps_of(preset)
    if steps != DEFAULT:
        settings["preprocessing"] = {"version": PREPROCESSING_VERSION, "steps": plain(steps)}
    labels = {"labels": task.labels} if earlier else {}
    return digest({**settings, **labels, "count": preset.explained, "source": dict(source.identity())})
