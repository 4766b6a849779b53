"""Task files: one TOML a task, plain data, checked key by key."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic import ValidationError as PydanticError

from xraybench import registry
from xraybench.errors import TaskFileError
from xraybench.pairings import ShortcutPair, SimilarityPair
from xraybench.steps import DEFAULT, Step, check_order, known_keys, names_of_steps

Parameters = dict[str, Any]
Steps = Annotated[tuple[Step, ...], Field(strict=False)]  # written as a list


DATA_OF_STAGE = ("task", "labels", "rows", "sources")  # keys of a stage that say on what it trains; the others say how


class _Table(BaseModel):
    """Base of all tables of a task file: an unknown key is an error, and so is a value of another type: "yes" is not
    true, true is not 1, and nan is no number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=())


class Stage(_Table):
    """One training stage; a model entry's stages follow one another. Either `epochs` or `iterations` says how long."""

    task: str | None = None  # another task, whose data and labels an earlier stage trains on
    labels: list[str] = Field(default_factory=list)  # of that task's data, learnt as classes instead of its labels
    rows: dict[str, list[str | int | float | bool]] = Field(default_factory=dict)  # only images with these values
    sources: dict[str, Parameters] = Field(
        default_factory=dict
    )  # by source: settings for this stage, over the preset's
    epochs: int | None = Field(default=None, gt=0)
    iterations: int | None = Field(default=None, gt=0)  # optimiser steps
    batch_size: int = Field(gt=0)
    micro_batch: int | None = Field(default=None, gt=0)  # images in memory at once; gradients add up to the batch's

    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = Field(gt=0)
    rates: dict[str, float] = Field(default_factory=dict)  # multiples by submodule, "head" or "output"
    betas: tuple[float, float] = Field(default=(0.9, 0.999), strict=False)  # of Adam and AdamW
    momentum: float = Field(default=0.9, ge=0, lt=1)  # of SGD
    weight_decay: float = Field(default=0.0, ge=0)  # L2 penalty with adam and sgd, decoupled with adamw
    schedule: Literal["constant", "one-cycle", "steps", "plateau"] = "constant"
    decay_at: list[float] = Field(default_factory=list)  # "steps": at these shares of the training ...
    decay_to: list[float] = Field(default_factory=list)  # ... the rate becomes these multiples of the initial one
    plateau_factor: float = Field(default=0.1, gt=0, lt=1)  # "plateau": the rate is multiplied by this ...
    plateau_patience: int = Field(default=3, gt=0)  # ... after so many epochs in which `watch` did not improve ...
    plateau_floor: float = Field(default=0.0, ge=0)  # ... but not below this rate
    watch: Literal["loss", "accuracy", "auc"] = "loss"  # on the validation set; for "plateau" and early stopping
    early_stopping: int | None = Field(default=None, gt=0)  # epochs without improvement, the frozen ones not counted
    frozen_epochs: int = Field(default=0, ge=0)  # first so many epochs train the head alone

    class_weights: Literal["balanced"] | list[float] | None = None
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    dropout: float | None = Field(default=None, ge=0, lt=1)  # of every dropout layer, instead of the architecture's
    bf16: Literal[False, True, "everywhere"] = False  # autocast to bfloat16 on a GPU (true), or on a CPU as well
    compile: bool = False  # torch.compile, on a GPU with CUDA graphs; rounding differs from what is not compiled

    flip: bool = False  # random left-right flip
    rotation: float = Field(default=0.0, ge=0, le=180)  # random rotation up to so many degrees
    shift: float = Field(default=0.0, ge=0, lt=1)  # random translation, as a share of the image's side
    scale: float = Field(default=0.0, ge=0, lt=1)  # random size, from 1 - scale to 1 + scale
    shift_pixels: int = Field(default=0, ge=0)  # random translation by up to so many whole pixels
    noise: float = Field(default=0.0, ge=0)  # standard deviation of Gaussian noise, in units of the input's
    salt_and_pepper: float = Field(default=0.0, ge=0, le=1)  # share of pixels set to the image's darkest or brightest
    inferred_labels: bool = True  # train also on images whose label was inferred from a report, where there are any

    keep: Literal["last", "best-loss", "best-auc", "smallest-gap"] = "last"  # which epoch's weights are kept
    search: dict[str, list[Any]] = Field(default_factory=dict)  # values to draw from, by the name of a field above
    search_draws: int = Field(default=0, ge=0)  # recipes drawn; the one with the least validation loss is kept

    def apart(self, source: str) -> str | None:
        """A name for what it trains on, if not on the entry's own data, of this source: another task with the labels
        learnt instead of its own, or other settings of the source.
        """
        if self.task is not None:
            return " ".join([self.task, *self.labels])
        return f"{source} {self.sources[source]}" if self.sources.get(source) else None

    @model_validator(mode="after")
    def _fits_together(self) -> Stage:
        if (self.epochs is None) == (self.iterations is None):
            raise ValueError("give either epochs or iterations")
        if self.labels and self.task is None:
            raise ValueError("labels are those of an earlier stage: they go with its task")
        if self.sources and self.task is not None:
            raise ValueError("settings of sources are for a stage on the entry's own task: leave out its task")
        if self.micro_batch is not None and self.micro_batch > self.batch_size:
            raise ValueError("micro_batch is larger than batch_size")
        if (self.schedule == "steps") != bool(self.decay_at) or len(self.decay_at) != len(self.decay_to):
            raise ValueError('schedule "steps" takes decay_at and decay_to, as many of one as of the other')
        if bool(self.search) != bool(self.search_draws):
            raise ValueError("search and search_draws go together")
        if unknown := set(self.search) - (set(type(self).model_fields) - {*DATA_OF_STAGE, "search", "search_draws"}):
            raise ValueError(f"search names no field of a recipe: {', '.join(sorted(unknown))}")
        return self


class ModelEntry(_Table):
    """A model of the task: an architecture and how it is trained, in the presets that name it.

    It starts from random weights, torchvision's ImageNet weights (`init`), a file (`weights`), or where an entry above
    it ended (`after`). An entry of no preset is not explained: it is there for others to start from.
    """

    name: str
    architecture: str
    presets: list[str]
    init: Literal["random", "imagenet"] = "random"
    weights: str | None = None
    after: str | None = None
    stages: list[Stage] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_one_start(self) -> ModelEntry:
        if (self.init != "random") + (self.weights is not None) + (self.after is not None) > 1:
            raise ValueError("init, weights and after exclude one another: give one")
        if self.presets and self.stages[-1].task is not None:
            raise ValueError("the last stage of an entry that is explained trains on this task: leave out its task")
        return self


Target = Literal["label", "predicted", "each-label"]


class Explained(_Table):
    """Which test images are explained, for which logit."""

    images: Literal["positive", "all"]
    target: Target = "label"


class Paper(_Table):
    """What the task's paper explained with, and the metrics that measure what it saw: the group "paper"."""

    explainers: list[str] = Field(default_factory=list)
    metrics: list[str] = Field(default_factory=list)


class _Preprocessed(_Table):
    """Base of the tables that may name preprocessing steps."""

    @field_validator("preprocessing", check_fields=False)
    @classmethod
    def _in_order(cls, steps: Steps | None) -> Steps | None:
        if steps is not None:
            check_order(steps)
        return steps


class Preset(_Preprocessed):
    """How much is computed: sizes and budgets, and the settings behind plain names of explainers and metrics."""

    image_size: int = Field(ge=8)
    explained: int = Field(gt=0)  # test images, at most one a patient before any patient's second
    target: Target | None = None  # the explained logit, in place of the task's
    max_image_forwards: int | None = None  # per model, for explaining and scoring
    preprocessing: Steps | None = None  # in place of the task's
    sources: dict[str, Parameters] = Field(default_factory=dict)  # settings by source
    explainers: dict[str, Parameters] = Field(default_factory=dict)
    metrics: dict[str, Parameters] = Field(default_factory=dict)
    more_metrics: list[str] = Field(default_factory=list)  # calls that "all" and "fast" mean here beside every name
    by_hand: list[str] = Field(default_factory=list)  # metrics that they leave out: measured where asked for by name


class Task(_Preprocessed):
    """A task: what is classified, on which data, by which models, and what is explained."""

    name: str
    version: int
    title: str
    description: str
    kind: Literal["binary", "multi-class", "multi-label"]
    labels: list[str] = Field(min_length=1)
    sources: list[str] = Field(min_length=1)  # the first is used where no --data is given
    preprocessing: Steps = DEFAULT
    strata: list[str] = Field(default_factory=list)  # columns of the index by which test scores are broken down
    explained: Explained
    paper: Paper = Paper()
    models: list[ModelEntry] = Field(min_length=1)
    presets: dict[str, Preset] = Field(min_length=1)
    similarity: list[SimilarityPair] = Field(default_factory=list)
    shortcuts: list[ShortcutPair] = Field(default_factory=list)
    reference: dict[str, dict[str, float]] = Field(default_factory=dict)  # the paper's scores, by its model
    reference_data: list[str] = Field(default_factory=list)  # sources, or in words: on what the paper scored
    label_reference: dict[str, dict[str, dict[str, float]]] = Field(default_factory=dict)  # model -> score -> label
    notes: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _explains_labels_that_may_hold_together(self) -> Task:
        targets = {self.explained.target, *(preset.target for preset in self.presets.values())}
        if "each-label" in targets and self.kind != "multi-label":
            raise ValueError(f"target = each-label is for multi-label tasks; an image of a {self.kind} task has one")
        return self

    def explained_as(self, preset: Preset) -> Task:
        """The task with the preset's target, where it names one."""
        if preset.target is None:
            return self
        return self.model_copy(update={"explained": self.explained.model_copy(update={"target": preset.target})})

    @property
    def num_outputs(self) -> int:
        """Logits of a model of this task: one for a binary task, else one a label."""
        return 1 if self.kind == "binary" else len(self.labels)

    def preset(self, name: str) -> Preset:
        """The preset of that name."""
        return registry.near(name, self.presets, f"preset of task {self.name!r}")

    def chain(self, entry: ModelEntry) -> list[ModelEntry]:
        """The entries that are trained for this one, each after the one before; the entry itself is the last."""
        before = next((other for other in self.models if other.name == entry.after), None)
        return [*(self.chain(before) if before else []), entry]

    def steps_of(self, preset: Preset) -> Steps:
        """The preprocessing of a preset: its own, else the task's."""
        return self.preprocessing if preset.preprocessing is None else preset.preprocessing

    def models_of(self, preset: str) -> list[ModelEntry]:
        """The model entries that a preset trains."""
        return [entry for entry in self.models if preset in entry.presets]


def task_files() -> dict[str, Path]:
    """Every task by name: the shipped ones, then those of plug-ins."""
    return {path.stem: path for path in sorted(_shipped_folder().glob("*.toml"))} | dict(_plugin_files())


def _shipped_folder() -> Path:
    inside_wheel = Path(__file__).parent / "_tasks"
    return inside_wheel if inside_wheel.is_dir() else Path(__file__).parents[1] / "tasks"


def _plugin_files() -> Iterator[tuple[str, Path]]:
    """An entry point of `xraybench.tasks` is `package:file.toml`; it is located, not imported."""
    for entry in registry.plugins("tasks").values():
        package, _, file = entry.target.partition(":")
        try:
            yield entry.name, Path(str(distribution(package.partition(".")[0]).locate_file(""))) / package / file
        except PackageNotFoundError:
            continue


def load_task(name_or_path: str) -> Task:
    """A task by its name, or by the path of a task file of one's own."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = registry.near(name_or_path, task_files(), "task")
    return read_task(path)


def read_task(path: Path) -> Task:
    """Read and check one task file; TaskFileError names the key and, where it is misspelt, the near one."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TaskFileError(f"{path}: cannot be read: {error.strerror}", "give the path of a task file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaskFileError(f"{path}: is not TOML: {error}", "see tasks/README.md") from error
    try:
        task = Task.model_validate(table)
    except PydanticError as error:
        raise _explained_error(path, error) from error
    _check_names(path, task)
    return task


def _explained_error(path: Path, error: PydanticError) -> TaskFileError:
    errors = error.errors()
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    where = ".".join(map(str, first["loc"]))
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return _unknown_step(path, where, str(first["input"].get("step", "")))
    if first["type"] != "extra_forbidden":
        return TaskFileError(f"{path}: {where}: {first['msg']}", "see tasks/README.md for what a task file holds")
    known = {
        name
        for table in (Task, Preset, Explained, ModelEntry, Stage, SimilarityPair, ShortcutPair)
        for name in table.model_fields
    }
    known = known_keys() if "preprocessing" in first["loc"] else known
    near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "see tasks/README.md for the keys there are"
    return TaskFileError(f"{path}: unknown key {where!r}", hint)


def _unknown_step(path: Path, where: str, name: str) -> TaskFileError:
    near = difflib.get_close_matches(name, names_of_steps(), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names_of_steps())}"
    return TaskFileError(f"{path}: {where}: no preprocessing step is called {name!r}", hint)


def _check_names(path: Path, task: Task) -> None:
    """Names in a task file must exist, and presets named by models must be there."""
    above: dict[str, ModelEntry] = {}
    for entry in task.models:
        registry.find("models", entry.architecture)
        if entry.name in above:
            raise TaskFileError(f"{path}: two models are called {entry.name!r}", "rename one")
        if entry.after is not None:
            start = registry.near(entry.after, above, f"model above {entry.name!r}")
            if start.architecture != entry.architecture:
                message = f"{path}: {entry.name!r} comes after {start.name!r}, which is a {start.architecture}"
                raise TaskFileError(message, "give both the same architecture")
        above[entry.name] = entry
        for named in entry.presets:
            if named not in task.presets:
                raise TaskFileError(f"{path}: model {entry.name!r} names preset {named!r}", "no such preset here")
    _check_pairs(path, task)
    for preset_name, preset in task.presets.items():
        for source in [*task.sources, *preset.sources]:
            registry.find("sources", source)
        for kind, settings in (("explainers", preset.explainers), ("metrics", preset.metrics)):
            for name in settings:
                registry.find(kind, name)
        for text in (*preset.more_metrics, *preset.by_hand):
            registry.find("metrics", registry.parse_call(text).name)
        if not task.models_of(preset_name):
            raise TaskFileError(f"{path}: no model names preset {preset_name!r}", "add it to a model's presets")


def _check_pairs(path: Path, task: Task) -> None:
    """Pairs must be of two models of the task, which a preset trains both."""
    entries = {entry.name: entry for entry in task.models}
    for pair in (*task.similarity, *task.shortcuts):
        first, second = (registry.near(name, entries, f"model of task {task.name!r}") for name in pair.names)
        if first is second or not set(first.presets) & set(second.presets):
            message = f"{path}: {first.name!r} and {second.name!r} are no pair"
            raise TaskFileError(message, "name two models that a preset trains both")
