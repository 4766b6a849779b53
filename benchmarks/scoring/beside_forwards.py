"""Metrics beside the image-forwards, or the explanations, that they cannot do without."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence

import torch
from torch.fx.experimental.optimization import fuse

from benchmarks.scoring.case import Case, Kept, bare, spent
from benchmarks.scoring.pairs import Ratio, interleaved
from xraybench.metrics._imputers import blur
from xraybench.metrics._perturbed import changes
from xraybench.metrics.avg_sensitivity import AvgSensitivity
from xraybench.metrics.faithfulness_correlation import FaithfulnessCorrelation
from xraybench.metrics.infidelity import Infidelity
from xraybench.metrics.max_sensitivity import MaxSensitivity
from xraybench.metrics.mprt import Mprt
from xraybench.metrics.sensitivity_n import SensitivityN
from xraybench.spec import Metric

EXPLAINERS = 10


def curves(metric: Metric, case: Case, pairs: int, fused: bool = False, smooth: bool = False) -> Ratio:
    """A metric on removal curves over its forwards; f(x) and f(imputed) are there, as for every explainer but one.

    fused: convolutions and their normalisations are one in the scored network, not in the one that is bare.
    smooth: blurred maps, whose top pixels lie together; else every pixel is drawn by itself.
    """
    kept, model = Kept(), case.evidence.model
    maps = case.fresh().maps
    maps = blur(maps[:, None])[:, 0] if smooth else maps
    metric(case.fresh(artefacts=kept))
    count = spent(metric, case.fresh(artefacts=kept))
    scored = fuse(model).to(memory_format=torch.channels_last) if fused else model
    return interleaved(
        lambda: metric(case.fresh(artefacts=kept, model=scored, maps=maps)), lambda: bare(case.evidence, count), pairs
    )


def probes(case: Case, pairs: int, draws: int = 32) -> Ratio:
    """Faithfulness correlation, sensitivity-n and infidelity of ten explainers over the forwards of one."""
    metrics = [FaithfulnessCorrelation(draws), SensitivityN(draws), Infidelity(draws)]
    one = case.fresh()
    count = sum(spent(metric, one) for metric in metrics)
    maps = [case.fresh(seed) for seed in range(EXPLAINERS)]

    def all_ten() -> None:
        kept = Kept()
        for each in maps:
            together = dataclasses.replace(each, shared={}, artefacts=kept)
            for metric in metrics:
                metric(together)

    return interleaved(all_ten, lambda: bare(case.evidence, count), pairs)


def sensitivity(
    kinds: Sequence[type[MaxSensitivity] | type[AvgSensitivity]], explainer: str, case: Case, pairs: int
) -> Ratio:
    """Metrics on slightly changed images over their explanations."""
    explain, metrics = case.explain(explainer), [kind() for kind in kinds]
    altered = [case.evidence.images + change for change in changes(case.evidence, metrics[0])]
    maps = case.fresh().maps

    def score() -> None:
        here = case.fresh(explain=explain, maps=maps)
        for metric in metrics:
            metric(here)

    return interleaved(score, lambda: [explain(images) for images in altered], pairs)


def randomisation(explainer: str, case: Case, pairs: int) -> Ratio:
    """mprt over the explanations of its randomised models."""
    explain, metric = case.explain(explainer), Mprt()
    models = [copy.deepcopy(model) for model in metric._models(case.evidence)]
    maps = case.fresh().maps
    return interleaved(
        lambda: metric(case.fresh(explain=explain, maps=maps)),
        lambda: [explain(case.evidence.images, model) for model in models],
        pairs,
    )
