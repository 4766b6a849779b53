"""What a board of models holds. Its JSON form is read by other tools: names and meanings stay, fields may be added."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from xraybench.results import Interval, Record

Scores = dict[str, Interval]


class Curve(Record):
    """One stage's training: what was measured after each epoch, and which epoch's weights were kept (from 1).

    history: null where a value was not finite; empty where the records hold none. frozen: first epochs that trained the
    head alone. drawn: what a search of hyper-parameters settled on.
    """

    stage: str  # the task it trained on, with the source where it is another than the run's
    history: list[dict[str, float | None]]
    kept: int | None
    frozen: int = 0
    seconds: float | None = None
    drawn: dict[str, Any] = Field(default_factory=dict)


class Trained(Record):
    """A model entry trained with one seed: its scores on the test set by image, study, label and stratum."""

    seed: int
    parameters: int
    start: str
    beats_chance: bool
    weights_digest: str
    scores: Scores
    studies: dict[str, Scores]  # mean-probability, majority-vote; empty where every study is one image
    labels: dict[str, Scores]
    strata: dict[str, Scores]
    positives: dict[str, int]
    hidden: dict[str, str]  # label -> why its areas under curves are not shown; "column=" -> why it is no stratum
    curves: list[Curve]  # by stage, the entry's own last


class Entry(Record):
    """A model entry of the task: how it is trained, what its paper reported, and what was measured here, by seed.

    recipe: what it starts from, then a sentence for each stage; empty where the records hold none that can be read.
    """

    model: str
    architecture: str
    presets: list[str]
    recipe: list[str]
    reference: dict[str, float]
    label_reference: dict[str, dict[str, float]]  # score -> label
    trained: list[Trained]


class ModelBoard(Record):
    """The models of one run: every entry of its preset, in the task's order; `others` are those of other presets."""

    task: str
    run: str
    title: str
    kind: str
    preset: str
    source: str
    phantom: bool
    comparability_key: str
    reference_data: list[str]  # sources, or in words: on what the papers scored; empty where the records do not say
    comparison: list[str]  # sentences: how the papers' data differ from those here
    notes: list[str]
    entries: list[Entry]
    others: list[Entry]

    def score_names(self) -> list[str]:
        """Every score that a model or its paper has, in the order of the first that has it."""
        trained = [one for entry in self.entries for one in entry.trained]
        names = [name for one in trained for scores in (one.scores, *one.studies.values()) for name in scores]
        return list(dict.fromkeys([*names, *(name for entry in self.entries for name in entry.reference)]))

    def papers_data(self) -> str:
        """On what the papers scored, as a phrase."""
        return f"on {', '.join(self.reference_data)}" if self.reference_data else "on its own data"

    def has_studies(self) -> bool:
        """Whether any model is scored by study, too."""
        return any(one.studies for entry in self.entries for one in entry.trained)
