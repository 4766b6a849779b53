"""Which explainers tell a model that reads a meaningless mark from one of the same recipe that does not?

For each pair of models (one a seed) and each explainer: the share of positive relevance on the mark, image by image,
under the one model and under the other; the AUC says how often a share under the first exceeds one under the second.
Pairs, not images, are what is sampled: the interval is over them, and there is none under five.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xraybench import stats
from xraybench.identity import seed_of
from xraybench.leaderboard.board import Detection, ModelPair, Shortcut
from xraybench.leaderboard.records import CellData, RunData
from xraybench.leaderboard.rounding import rounded
from xraybench.results import Interval, ModelRecord, ShortcutRecord

SHARE = "energy-on"  # the metric whose scores are compared


def detect(run: RunData) -> list[Shortcut]:
    """A section for each pair of which the run holds both models; resamples are drawn from its comparability key."""
    sections = [_section(run, named) for named in run.run.shortcuts]
    return [section for section in sections if section.pairs]


def _section(run: RunData, named: ShortcutRecord) -> Shortcut:
    models = {(model.model, model.seed): model for model in run.models}
    seeds = sorted(seed for name, seed in models if name == named.shortcut and (named.clean, seed) in models)
    pairs = [_pair(seed, models[named.shortcut, seed], models[named.clean, seed], named.region) for seed in seeds]
    cells = {(cell.record.model, cell.record.seed, cell.record.explainer): cell for cell in run.cells}
    names = dict.fromkeys(cell.record.explainer for cell in run.cells if cell.record.model == named.shortcut)
    found = [_detection(run, named, pairs, cells, name) for name in names]
    rows = [row for row in found if row is not None]
    order = {"method": 0, "control": 1, "ceiling": 2}
    rows.sort(key=lambda row: (order[row.role], -(row.auc.mean if row.auc.mean is not None else -1), row.explainer))
    return Shortcut(**named.model_dump(), pairs=pairs, detections=rows)


def _pair(seed: int, shortcut: ModelRecord, clean: ModelRecord, region: str) -> ModelPair:
    flip = shortcut.flips.get(region)
    return ModelPair(seed=seed, shortcut=_short(flip), clean=_short(clean.flips.get(region)), void=_why_void(flip))


def _why_void(flip: Interval | None) -> str | None:
    """A model that does not heed the mark has no shortcut to be detected."""
    if flip is None:
        return "the source cannot flip the mark"
    if flip.low is None or flip.high is None:
        return f"too few patients ({flip.n} images) to say whether the mark changes the output"
    return "flipping the mark does not change the output" if flip.low <= 0 <= flip.high else None


def _short(interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    return Interval(mean=rounded(interval.mean), low=rounded(interval.low), high=rounded(interval.high), n=interval.n)


def _detection(
    run: RunData,
    named: ShortcutRecord,
    pairs: list[ModelPair],
    cells: dict[tuple[str, int, str], CellData],
    explainer: str,
) -> Detection | None:
    """An explainer's AUCs; None where no pair has an image with a share under both models."""
    aucs: dict[int, float] = {}
    images: list[int] = []
    for pair in pairs:
        both = [cells.get((model, pair.seed, explainer)) for model in (named.shortcut, named.clean)]
        shares = [_shares(cell, named.region) for cell in both if cell is not None]
        if len(shares) == 2:
            common = shares[0].keys() & shares[1].keys()
            images.append(len(common))
            if common:
                first, second = (np.array([share[name] for name in sorted(common)]) for share in shares)
                aucs[pair.seed] = auc(first, second)
    if not aucs:
        return None
    valid = np.array([aucs[pair.seed] for pair in pairs if pair.seed in aucs and pair.void is None])
    drawn = np.random.default_rng(seed_of(run.run.comparability_key, "shortcut", explainer))
    return Detection(
        explainer=explainer,
        role=next(cell.record.role for key, cell in cells.items() if key[2] == explainer),
        images=min(images),
        aucs={seed: _rounded(value) for seed, value in aucs.items()},
        auc=over_pairs(valid, drawn),
    )


def _shares(cell: CellData, region: str) -> dict[str, float]:
    """Image -> share of relevance on the region, where it is defined: the images that have the mark."""
    for label, scores in cell.scores.items():
        info = cell.record.scores[label].metric
        if info.name == SHARE and info.parameters.get("region") == region:
            known = np.isfinite(scores.values)
            return dict(zip(scores.image_ids[known].tolist(), scores.values[known].tolist(), strict=True))
    return {}


def auc(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """P(first > second) + P(equal) / 2 over all pairs of values: exactly 0.5 where both hold the same values."""
    above, below = (first[:, None] > second).sum(), (first[:, None] < second).sum()
    return 0.5 + float(above - below) / (2 * first.size * second.size)


def over_pairs(aucs: NDArray[np.float64], rng: np.random.Generator) -> Interval:
    """Mean over pairs of models, and its percentile interval over resampled pairs; none under five of them."""
    low = high = None
    if len(aucs) >= stats.MIN_SEEDS:
        means = aucs[rng.integers(len(aucs), size=(stats.RESAMPLES, len(aucs)))].mean(axis=1)
        low, high = map(float, np.quantile(means, [stats.ALPHA / 2, 1 - stats.ALPHA / 2]))
    mean = float(aucs.mean()) if len(aucs) else None
    return Interval(mean=rounded(mean), low=rounded(low), high=rounded(high), n=len(aucs))


def _rounded(value: float) -> float:
    return rounded(value) or 0.0
