"""The randomisation test's verdict: do the maps come from what the model has learned?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xraybench.leaderboard.board import Score, Verdict
from xraybench.leaderboard.panels import Group, build_panel
from xraybench.results import MetricInfo
from xraybench.spec import ALL_ANEW

# So much may the maps of a model whose layers are all drawn anew be like those of the trained one. The test's papers
# name no bound: they look at curves and pictures. This is the correlation that Cohen calls medium (Statistical power
# analysis for the behavioral sciences, 1988, ch. 3).
BOUND = 0.3


def verdicts(
    groups: Sequence[Group], seeds: Sequence[int], metric: MetricInfo, rng: np.random.Generator
) -> dict[str, Verdict]:
    """By explainer, of those whose scores hold the detail: older records do not, nor do other metrics."""
    detailed = [group for group in (_last_stage(group, metric.label) for group in groups) if group.cells]
    panel = build_panel(detailed, seeds, metric, rng, void=False)
    return {name: _judged(score) for name, score in panel.scores.items()} if panel else {}


def _last_stage(group: Group, label: str) -> Group:
    """The group with the last stage's similarities for its scores, without the cells that have none."""
    found = {seed: (cell, cell.scores.get(label)) for seed, cell in group.cells.items()}
    cells = {
        seed: replace(cell, scores={label: replace(scores, values=scores.details[ALL_ANEW])})
        for seed, (cell, scores) in found.items()
        if scores is not None and ALL_ANEW in scores.details
    }
    return Group(group.explainer, cells)


def _judged(score: Score) -> Verdict:
    """Where the whole interval lies on one side of the bound; without an interval nothing is decided."""
    fails = score.low is not None and score.low > BOUND
    passes = score.high is not None and score.high < BOUND
    return Verdict(word="fails" if fails else "passes" if passes else "undecided", alike=score, bound=BOUND)
