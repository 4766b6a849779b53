"""Records: what a run leaves on disk, and the only way it is read and written.

    <run>/run.json                              RunRecord: task, preset, source, what makes rows comparable
    <run>/data.json                             DataRecord: how much of what was read, and what was left out
    <run>/models/<model id>/model.json          ModelRecord: recipe, digests, test scores (weights lie beside it)
    <run>/models/<model id>/findings.json       FindingsRecord: of its explained images; written by its first cell
    stages/<stage id>/stage.json                StageRecord: beside the runs, with its weights; shared by them
    <run>/comparisons/<pair id>/comparison.json   ComparisonRecord: layer similarity of two models
    <run>/cells/<cell id>/cell.json             CellRecord: written last; its presence is the commit mark
    <run>/cells/<cell id>/scores.parquet        every score of every image (score_files.py)
    <run>/cells/<cell id>/{maps.npy, gallery.npz, log.txt}
                                                gallery: image uint8 [K,H,W], mask bool [K,H,W], map float32 [K,H,W],
                                                kind [K] ("best", "worst", "random"), image_id [K], score float64 [K]

Everything is written under a temporary name and then moved into place, so a reader sees a whole file or none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic import ValidationError as PydanticError

from xraybench.errors import RecordError, XraybenchError
from xraybench.spec import Role

SCHEMA_VERSION = 1
FINDINGS = "findings.json"
Status = Literal["ok", "failed", "skipped"]


class Record(BaseModel):
    """Base of all records: unknown fields are errors, so that nothing is lost in reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Interval(Record):
    """A mean over n images, and its 95 % interval (None under 30 patients)."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


class MetricInfo(Record):
    """A metric as it was asked for: its label on boards, and what a reader must know to read it."""

    label: str
    name: str
    parameters: dict[str, Any]
    family: str
    higher_is_better: bool | None
    range: tuple[float | None, float | None]  # None: unbounded
    reference: str
    version: int

    @field_validator("parameters")
    @classmethod
    def _as_read_back(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """A tuple is a list, as JSON has it: what is asked for is compared with what is on record."""
        plain: dict[str, Any] = json.loads(json.dumps(parameters))
        return plain


class ShortcutRecord(Record):
    """Models by name: one that learnt to read a mark in `region`, and one of the same recipe that did not."""

    shortcut: str
    clean: str
    region: str


class RunRecord(Record):
    """What all cells of a run have in common; rows of runs with different keys are never ranked together."""

    schema_version: int = SCHEMA_VERSION
    name: str
    task: str
    task_version: int
    title: str
    preset: str
    source: str
    phantom: bool
    redistributable: bool
    comparability_key: str
    data_digest: str
    explained: str  # which test images are explained, for which target: a sentence for the page
    notes: list[str] = Field(default_factory=list)
    reference_values: dict[str, dict[str, float]] = Field(default_factory=dict)  # the paper's, by model and score
    reference_data: list[str] = Field(default_factory=list)  # sources, or in words: on what the paper scored
    label_reference_values: dict[str, dict[str, dict[str, float]]] = Field(default_factory=dict)  # model, score, label
    shortcuts: list[ShortcutRecord] = Field(default_factory=list)
    command: str
    definition: dict[str, Any] = Field(default_factory=dict)  # the task file, whole


class SplitCount(Record):
    """How many images and patients a split has, and of its images how many have each label."""

    images: int
    patients: int
    positives: dict[str, int]


class LeftOut(Record):
    """An image that does not decode: its id, its path in the data set, and why."""

    image_id: str
    path: str
    reason: str


class SourceRecord(Record):
    """What a run read of one source. unpaired: images of no case with both views; notes: what happened, how often."""

    source: str
    task: str
    splits: dict[str, SplitCount]
    left_out: list[LeftOut] = Field(default_factory=list)
    unpaired: int = 0
    notes: dict[str, int] = Field(default_factory=dict)


class DataRecord(Record):
    """The data of a run: the target's source first, then those of earlier training stages."""

    schema_version: int = SCHEMA_VERSION
    sources: list[SourceRecord]


class StageRecord(Record):
    """An earlier stage of a model, trained once for all that go on from it."""

    schema_version: int = SCHEMA_VERSION
    id: str
    task: str
    source: str
    architecture: str
    recipe: dict[str, Any]
    start: str  # what it started from, and which layers were drawn anew
    weights_digest: str
    seconds: float
    history: list[dict[str, float | None]]
    drawn: dict[str, Any]


class ModelRecord(Record):
    """A trained model: one model entry of a task with one seed."""

    schema_version: int = SCHEMA_VERSION
    id: str
    model: str
    architecture: str
    seed: int
    recipe: dict[str, Any]
    weights_digest: str
    split_digest: str
    parameters: int
    seconds: float
    history: list[dict[str, float | None]]  # a value that is not finite is written, and read, as null
    scores: dict[str, Interval]  # on the test set: roc-auc, accuracy, kappa, ... (several labels: means over them)
    labels: dict[str, dict[str, Interval]] = Field(default_factory=dict)  # the same for each label, where several
    studies: dict[str, dict[str, Interval]] = Field(default_factory=dict)  # by study: mean-probability, majority-vote
    positives: dict[str, int] = Field(default_factory=dict)  # test images with the label
    hidden: dict[str, str] = Field(default_factory=dict)  # label -> why it has no roc-auc and pr-auc
    start: str = ""  # what it started from, and which layers were drawn anew
    earlier: list[str] = Field(default_factory=list)  # ids of the stages it went through before
    drawn: dict[str, Any] = Field(default_factory=dict)  # what a search of hyper-parameters settled on
    strata: dict[str, dict[str, Interval]] = Field(default_factory=dict)  # e.g. grade=hairline -> scores
    beats_chance: bool
    flips: dict[str, Interval] = Field(default_factory=dict)  # region -> what its mark adds to the explained logit


class Finding(Record):
    """An explained image's: whether the model finds it, and the share of the image that it takes."""

    found: bool
    share: float


class FindingsRecord(Record):
    """The explained images that have a finding, by id: what localisation scores are divided by."""

    schema_version: int = SCHEMA_VERSION
    weights_digest: str
    findings: dict[str, Finding]


class ScoreInfo(Record):
    """One metric of one cell: measured, or skipped or failed with the reason."""

    metric: MetricInfo
    status: Status
    reason: str | None = None
    maps_digest: str | None = None
    seconds: float = 0.0
    image_forwards: float = 0.0


class Spent(Record):
    """What explaining took: per image (means); and bytes at its peak, beyond what was held before, None: not known."""

    forwards: float
    backwards: float
    milliseconds: float
    peak_bytes: int | None


class CellRecord(Record):
    """task x data x model x seed x explainer: the unit of work, resume, distribution and publication."""

    schema_version: int = SCHEMA_VERSION
    id: str
    task: str
    model: str
    model_id: str
    seed: int
    explainer: str  # the label on boards: the name, with parameters where they differ from the preset's
    name: str
    parameters: dict[str, Any]
    family: str
    role: Role
    signed: bool
    baseline: str | None = None  # what it holds images against, if it does: "training mean", "32 training images"
    class_agnostic: bool = False  # its maps look at no logit
    origin: str
    status: Status
    reason: str | None = None  # why it was skipped, or the error
    weights_digest: str | None = None
    maps_digest: str | None = None
    n_images: int = 0
    spent: Spent | None = None
    scores: dict[str, ScoreInfo] = Field(default_factory=dict)  # by metric label
    notes: dict[str, float | None] = Field(default_factory=dict)  # measured beside the map; null: not finite
    versions: dict[str, str] = Field(default_factory=dict)
    hardware: dict[str, str] = Field(default_factory=dict)
    flags: dict[str, str] = Field(default_factory=dict)  # determinism, dtype, TF32, threads, batch sizes
    seconds: dict[str, float] = Field(default_factory=dict)  # by phase
    reproduce: str = ""  # the command that makes this row again

    def failures(self, asked: Collection[str] | None = None) -> list[str]:
        """The error, or which metrics failed (of those asked for, by label) and with what."""
        if self.status == "failed":
            return [self.reason or "no reason given"]
        failed = {label: info.reason for label, info in self.scores.items() if info.status == "failed"}
        return [f"{label}: {reason}" for label, reason in failed.items() if asked is None or label in asked]


class SimilarityRecord(Record):
    """One measure over all pairs of layers: rows are the first model's; None where it was refused, refused says why.

    null: the same layers, the second model's images permuted, so that they share nothing.
    """

    measure: str
    values: list[list[float | None]]
    null: list[list[float | None]]
    refused: dict[str, int]  # reason -> pairs


class ComparisonRecord(Record):
    """How alike the layers of two trained models are, over the same validation images.

    samples: over how many each pair of layers is compared: images, or positions of images where both layers have them.
    Channels and samples are empty in records of versions that did not keep them.
    """

    schema_version: int = SCHEMA_VERSION
    task: str
    first: str
    second: str
    status: Status = "ok"
    reason: str | None = None  # the error
    first_layers: list[str] = Field(default_factory=list)
    second_layers: list[str] = Field(default_factory=list)
    first_channels: list[int] = Field(default_factory=list)
    second_channels: list[int] = Field(default_factory=list)
    weights_digests: tuple[str, str]
    images: int
    grid: int  # positions a side that count as samples, where both layers have positions
    samples: list[list[int]] = Field(default_factory=list)
    similarities: list[SimilarityRecord] = Field(default_factory=list)
    versions: dict[str, str]
    seconds: float

    def samples_per_channel(self, first: int, second: int) -> float | None:
        """N / (C1 + C2) of a pair of layers, by their places; None where the record does not hold them."""
        if not self.samples:
            return None
        return self.samples[first][second] / (self.first_channels[first] + self.second_channels[second])


R = TypeVar("R", bound=Record)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, moved onto it when the block ends well and removed when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """A full or read-only disk ends the command with a clear error."""
    try:
        yield
    except OSError as error:
        raise XraybenchError(
            f"{error.filename or folder}: cannot be written: {error.strerror or error}",
            "make room there, then give the same command again: finished cells are kept",
        ) from error


def write_record(path: Path, record: Record) -> None:
    """Write a record whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_record(path: Path, kind: type[R]) -> R:
    """Read a record; RecordError where it cannot be read, breaks the format or is of another version of it."""
    try:
        record = kind.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}", "check the path and its permissions") from error
    except (PydanticError, UnicodeDecodeError) as error:
        raise RecordError(
            f"{path}: is not a {kind.__name__} of format {SCHEMA_VERSION}: {_first_line(error)}",
            "move its folder away to have it computed again, or use the version of xraybench that wrote it",
        ) from error
    version = getattr(record, "schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise RecordError(
            f"{path}: is of format {version}, this xraybench reads {SCHEMA_VERSION}",
            "choose another --out, or use the version of xraybench that wrote it",
        )
    return record


def _first_line(error: Exception) -> str:
    if isinstance(error, PydanticError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}"
    return str(error).splitlines()[0]


def iterate_records(folder: Path, name: str, kind: type[R]) -> Iterator[tuple[Path, R]]:
    """Every committed record `<folder>/*/<name>`, in the order of folder names."""
    for path in sorted(folder.glob(f"*/{name}")):
        yield path.parent, read_record(path, kind)
