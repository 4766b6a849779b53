"""The lines of a table of models: what an entry scored by image and by study, seed by seed, and what its paper said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from xraybench.leaderboard.modelboard import Entry, Scores, Trained
from xraybench.leaderboard.rounding import rounded
from xraybench.results import Interval

AREAS = ("roc-auc", "pr-auc")  # what too few positives or negatives hide
LOWER_IS_BETTER = ("brier", "ece")
LEVELS = {"mean-probability": "study, mean probability", "majority-vote": "study, majority vote"}
PAPER = "paper"


@dataclass(frozen=True)
class ScoreLine:
    """Scores with one thing in common: what they are scores of; n images or studies (None: of a paper).

    trained: what was scored (of several seeds the first), None of a paper. ranges: low and high are those of the seeds'
    scores, not a confidence interval.
    """

    label: str
    n: int | None
    scores: Scores
    trained: Trained | None = None
    ranges: bool = False

    @property
    def paper(self) -> bool:
        """Whether these are a paper's scores, not measured here."""
        return self.trained is None


def lines_of(entry: Entry) -> list[ScoreLine]:
    """By image, then by study under both rules, several seeds as their mean and range; the paper's scores last."""
    lines: list[ScoreLine] = []
    if len(entry.trained) == 1:
        lines = _levels(entry.trained[0])
    elif entry.trained:
        each = [_levels(one) for one in entry.trained]
        lines = [_over_seeds(same) for same in zip(*each, strict=True)]
    if entry.reference:
        lines.append(ScoreLine(PAPER, None, {name: _point(value) for name, value in entry.reference.items()}))
    return lines


def seed_lines(entry: Entry) -> list[ScoreLine]:
    """The same for each of several seeds; nothing where there is one."""
    if len(entry.trained) < 2:
        return []
    return [
        ScoreLine(f"seed {one.seed}, {line.label}", line.n, line.scores, one)
        for one in entry.trained
        for line in _levels(one)
    ]


def _levels(one: Trained) -> list[ScoreLine]:
    groups = {"image": one.scores} | {LEVELS.get(rule, rule): scores for rule, scores in one.studies.items()}
    return [
        ScoreLine(label, max((score.n for score in scores.values()), default=None), scores, one)
        for label, scores in groups.items()
    ]


def _over_seeds(lines: Sequence[ScoreLine]) -> ScoreLine:
    """Mean and range of each score that every seed has."""
    spread = {}
    for name in lines[0].scores:
        means = [line.scores[name].mean for line in lines if name in line.scores]
        known = [mean for mean in means if mean is not None]
        if len(known) == len(lines):
            n = lines[0].scores[name].n
            spread[name] = Interval(mean=rounded(fmean(known)), low=min(known), high=max(known), n=n)
    first = lines[0]
    return ScoreLine(first.label, first.n, spread, first.trained, ranges=True)


def _point(value: float) -> Interval:
    return Interval(mean=value, low=None, high=None, n=0)


def written(one: Interval) -> str:
    """A score to a thousandth, to a tenth of it from 4,000 images on; a paper's as the paper gives it."""
    if one.mean is None:
        return "–"
    return _fixed(one.mean, one) if one.n else reported(one.mean)


def reported(value: float | None) -> str:
    """A paper's score: its own decimals, two at least; a dash where it gives none."""
    if value is None:
        return "–"
    short = f"{value:g}"
    return short if len(short.partition(".")[2]) > 1 else f"{value:.2f}"


def beside(one: Interval, between: str = ", ") -> str:
    """Its interval, or its range over seeds; empty where it has none, or one without width."""
    if one.low is None or one.high is None or one.low == one.high == one.mean:
        return ""
    return f"{_fixed(one.low, one)}{between}{_fixed(one.high, one)}"


def _fixed(value: float, one: Interval) -> str:
    decimals = 4 if one.n >= 4000 else 3
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def why_hidden(line: ScoreLine, name: str) -> str:
    """Why a line has no area under a curve, with the counts where they are known; empty where it has, or may not."""
    if name not in AREAS or name in line.scores or line.trained is None:
        return ""
    reasons = label_reasons(line.trained)
    return "; ".join(reasons) if reasons else "too few studies with it, or without"


def label_reasons(trained: Trained) -> list[str]:
    """The labels whose areas are hidden, with the counts: `fracture: 2 positives, fewer than 5`."""
    return [f"{label}: {reason}" for label, reason in trained.hidden.items() if not label.endswith("=")]


def missing_strata(trained: Trained) -> list[str]:
    """Why columns by which the task breaks scores down give none."""
    return [reason for label, reason in trained.hidden.items() if label.endswith("=")]


def better(name: str) -> str:
    """Which way a score is better, as an arrow."""
    return "↓" if name in LOWER_IS_BETTER else "↑"
