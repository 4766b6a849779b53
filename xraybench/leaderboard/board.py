"""What a board holds. Its JSON form is read by other tools: names and meanings stay, fields may be added."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from xraybench.results import ComparisonRecord, Interval, MetricInfo, Record, SourceRecord
from xraybench.spec import Role


class Score(Record):
    """A row on a metric: mean over images (and seeds) with its 95 % interval, and its standing among the methods.

    rank: the ranks that hold 95 % of resamples; tie_group 1: the best row and those not significantly worse than it;
    unranked: why a row has no rank where methods are ranked.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    n_undefined: int
    rank: tuple[int, int] | None = None
    tie_group: int | None = None
    p_best: float | None = None
    unranked: str | None = None


class Cost(Record):
    """What explaining one image took, mean over images and seeds; peak_bytes is the largest, None where not known."""

    milliseconds: float
    forwards: float
    backwards: float
    image_forwards: float
    peak_bytes: int | None


class Stratum(Record):
    """A row's localisation metrics, by label, on some of the images with a finding.

    at_least, below: the share of the image that such a finding takes; None where that end is open.
    """

    name: str
    at_least: float | None = None
    below: float | None = None
    scores: dict[str, Interval]


class Verdict(Record):
    """Whether a row passes the randomisation test: `alike`, its maps' likeness to those of a model that has learned
    nothing, lies with its whole interval above the bound (fails), below it (passes), or neither.
    """

    word: Literal["passes", "fails", "undecided"]
    alike: Score
    bound: float


class Row(Record):
    """An explainer on a model, over its seeds."""

    explainer: str
    model: str
    role: Role
    family: str
    signed: bool
    baseline: str | None = None  # of training images: what it holds images against
    class_agnostic: bool = False
    origin: str
    seeds: list[int]
    scores: dict[str, Score]
    strata: list[Stratum] = Field(default_factory=list)  # none where the records do not tell images apart
    skipped: dict[str, str] = Field(default_factory=dict)  # metric label -> why it was not measured
    void: bool = False  # the model does not beat chance
    blank: bool = False  # its maps are all-equal on every image
    summary: float | None = None  # mean rank over its model's summary metrics, among the rows that all of them rank
    cost: Cost | None = None
    notes: dict[str, float] = Field(default_factory=dict)
    verdicts: dict[str, Verdict] = Field(default_factory=dict)  # of randomisation tests, by metric label
    parameters: dict[str, Any] = Field(default_factory=dict)
    reproduce: list[str] = Field(default_factory=list)


class ModelRow(Record):
    """A trained model: its own scores on the test set, and what its paper reported."""

    model: str
    seed: int
    architecture: str
    parameters: int
    beats_chance: bool
    scores: dict[str, Interval]
    strata: dict[str, dict[str, Interval]] = Field(default_factory=dict)
    reference: dict[str, float] = Field(default_factory=dict)
    weights_digest: str


class Column(Record):
    """A metric on one model's rows. stability: mean Kendall tau-b of resampled orders with the order shown.

    uninformative: why ranks on this metric say little for this task (or mislead, where random beats the oracle); None
    where the oracle beats random.
    in_summary: whether the mean rank of the model's rows is, among others, over this metric.
    """

    model: str
    metric: str
    images: int
    patients: int
    stability: float | None = None
    uninformative: str | None = None
    in_summary: bool = False


class Absent(Record):
    """A cell, or one metric of it, that has no score."""

    explainer: str
    model: str
    seed: int
    metric: str | None = None
    reason: str


class Agreement(Record):
    """Kendall's tau-b between the orders that two metrics give the same methods; None where there is no order."""

    model: str
    metrics: list[str]
    tau: list[list[float | None]]


class ModelPair(Record):
    """A model that learnt to read a mark and one that did not, of one seed: what the mark adds to each one's logit.

    void: why the pair says nothing of explainers.
    """

    seed: int
    shortcut: Interval | None
    clean: Interval | None
    void: str | None


class Detection(Record):
    """How well an explainer's relevance on the mark tells the two models apart: AUC a pair, over at least `images`.

    auc: mean over the pairs that are not void, n of them, with the interval over pairs.
    """

    explainer: str
    role: Role
    images: int
    aucs: dict[int, float]
    auc: Interval


class Shortcut(Record):
    """Two models by name, their pairs, and which explainers tell them apart, best first."""

    shortcut: str
    clean: str
    region: str
    pairs: list[ModelPair]
    detections: list[Detection]


class Board(Record):
    """One run as a table. Rows are ordered: by model, methods first, then controls and ceilings, best first."""

    task: str
    source: str
    comparability_key: str
    models: list[ModelRow]
    rows: list[Row]
    metrics: list[MetricInfo]
    columns: list[Column]
    agreement: list[Agreement]
    summary_metrics: list[str]  # over which any model's mean ranks are; which model's, the columns say
    failed: list[Absent]
    skipped: list[Absent]
    run: str
    title: str
    task_version: int
    preset: str
    phantom: bool
    redistributable: bool
    explained: str
    notes: list[str]
    data: list[SourceRecord]  # what the run read: the target's source first, then those of earlier training stages
    comparisons: list[ComparisonRecord] = Field(default_factory=list)  # layer similarity of pairs of models
    shortcuts: list[Shortcut] = Field(default_factory=list)
    versions: dict[str, str]
    command: str

    def rows_of(self, model: str, *roles: Role) -> list[Row]:
        """The model's rows of these roles (all where none is named), in the board's order."""
        return [row for row in self.rows if row.model == model and (not roles or row.role in roles)]

    def column(self, model: str, metric: str) -> Column | None:
        """The column of a metric on a model, or None where none of its rows has it."""
        return next((column for column in self.columns if (column.model, column.metric) == (model, metric)), None)

    def summary_of(self, model: str) -> list[str]:
        """The metrics over which the mean ranks of a model's rows are."""
        return [column.metric for column in self.columns if column.model == model and column.in_summary]

    def seeds_of(self, model: str) -> list[int]:
        """All seeds that rows of the model are of; a row may lack some."""
        return sorted({seed for row in self.rows_of(model) for seed in row.seeds})

    def model_names(self) -> list[str]:
        """Models that have rows, in order."""
        return list(dict.fromkeys(row.model for row in self.rows))


ROLE_ORDER: tuple[Role, ...] = ("method", "control", "ceiling")
FAMILIES = (
    "localisation",
    "counterfactual",
    "faithfulness",
    "robustness",
    "randomisation",
    "axiomatic",
    "complexity",
    "cost",
)
