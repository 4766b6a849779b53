"""Metrics beside Quantus's own of the same name, with equal parameters; where those differ the table says how.

Each metric is called on both sides as its documentation says, with the images, maps and masks of one batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import quantus

from benchmarks.scoring.case import Case, Kept
from benchmarks.scoring.pairs import Ratio, interleaved
from xraybench import registry
from xraybench.spec import Evidence

QUIET = {"disable_warnings": True, "display_progressbar": False, "return_aggregate": False, "abs": False}
EXPLAINERS = 10


@dataclass(frozen=True)
class Pair:
    """A metric of ours, as it is named on the command line, and Quantus's class with its parameters."""

    ours: str
    theirs: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def map_only(side: int) -> dict[str, Pair]:
    """Metrics that look at the map and the mask alone."""
    top = round(0.01 * side**2)
    return {
        "pointing-game": Pair("pointing-game", "PointingGame"),
        "relevance-mass": Pair("relevance-mass", "RelevanceMassAccuracy"),
        "relevance-rank": Pair("relevance-rank", "RelevanceRankAccuracy"),
        "pixel-auroc": Pair("pixel-auroc", "AUC"),
        "top-k-intersection": Pair("top-k-intersection(share=0.01)", "TopKIntersection", {"k": top}),
        "sparseness": Pair("sparseness", "Sparseness", {"abs": True}),
        "complexity": Pair("complexity", "Complexity", {"abs": True}),
        "effective-complexity": Pair("effective-complexity", "EffectiveComplexity", {"abs": True}),
    }


def forwards_only(side: int) -> dict[str, Pair]:
    """As many image-forwards an image and explainer: 16 steps, 32 and 128 subsets, 8 imputed images.

    Quantus spends infidelity's 32 as two draws of the 16 patches of its grid, and 4 forwards where ROAD's gap needs 8.
    """
    pixels = side**2
    return {
        "pixel-flipping": Pair("pixel-flipping(steps=16)", "PixelFlipping", {"features_in_step": pixels // 16}),
        "monotonicity": Pair(
            'monotonicity(imputer="mean", steps=16)', "Monotonicity", {"features_in_step": pixels // 16}
        ),
        "faithfulness-correlation": Pair(
            "faithfulness-correlation(draws=32)", "FaithfulnessCorrelation",
            {"nr_runs": 32, "subset_size": pixels // 4},
        ),
        "sensitivity-n": Pair("sensitivity-n(draws=32)", "SensitivityN", {"features_in_step": pixels // 128}),
        "infidelity": Pair(
            "infidelity(draws=32)", "Infidelity", {"n_perturb_samples": 2, "perturb_patch_sizes": [side // 4]}
        ),
        "road": Pair("road(steps=5)", "ROAD", {"percentages": [20, 40, 60, 80]}),
    }  # fmt: skip


def one_map(pair: Pair, case: Case, pairs: int) -> Ratio:
    """How many times as fast a metric is as Quantus's, on the maps of one explainer."""
    here = case.fresh()
    return interleaved(lambda: _score(pair, here), lambda: _quantus(pair, here), pairs, inverse=True)


def ten_maps(metrics: Mapping[str, Pair], case: Case, pairs: int) -> Ratio:
    """How many times as fast metrics are together on the maps of ten explainers, which share what they may."""
    maps = [case.fresh(seed) for seed in range(EXPLAINERS)]

    def ours() -> None:
        kept = Kept()
        for each in maps:
            here = dataclasses.replace(each, shared={}, artefacts=kept)
            for pair in metrics.values():
                registry.build("metrics", registry.parse_call(pair.ours))(here)

    def theirs() -> None:
        for each in maps:
            for pair in metrics.values():
                _quantus(pair, each)

    return interleaved(ours, theirs, pairs, inverse=True)


def _score(pair: Pair, evidence: Evidence) -> None:
    fresh = dataclasses.replace(evidence, shared={})
    registry.build("metrics", registry.parse_call(pair.ours))(fresh)


def _quantus(pair: Pair, evidence: Evidence) -> None:
    metric = getattr(quantus, pair.theirs)(**QUIET | {"normalise": False} | dict(pair.parameters))
    metric(
        model=evidence.model,
        x_batch=evidence.images.cpu().numpy(),
        y_batch=evidence.targets.cpu().numpy(),
        a_batch=evidence.maps[:, None].cpu().numpy().copy(),
        s_batch=evidence.regions["finding"][:, None].cpu().numpy(),
        channel_first=True,
        softmax=False,
        device=str(evidence.images.device),
        batch_size=len(evidence.images),
    )
