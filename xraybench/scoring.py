"""Scoring: whether a metric applies to the evidence, and its scores with what they cost."""

from __future__ import annotations

import time
from dataclasses import dataclass

from torch import Tensor

from xraybench.counting import counting
from xraybench.errors import ValidationError
from xraybench.spec import Evidence, Metric, ReExplaining
from xraybench.untouched import untouched

REASONS = {
    "finding": "the data have no finding masks",
    "human": "the data have no human benchmark: CheXlocalize's is read where its files lie beside CheXpert's test set",
    "validation": "no validation image has a finding mask, so there is nothing to tune on",
    "twins": "the data have no twins",
    "explain": "the map does not depend on the model",
    "baseline": "the explainer has no baseline that a twin could take the place of",
}
ROUNDING = 1e-5  # by which a score may lie outside its metric's range
ONE_LABEL = "each label has its own map, and a twin lacks all findings, not that label's alone"


@dataclass(frozen=True)
class Scored:
    """scores float64 [B], NaN where undefined; what computing them took."""

    scores: Tensor
    seconds: float
    image_forwards: int


def why_not(metric: Metric, evidence: Evidence, explainer_cost: int) -> str | None:
    """The reason why a metric does not apply, or None where it does."""
    held = {
        "finding": "finding" in evidence.regions,
        "human": "human" in evidence.regions,
        "validation": evidence.validation is not None,
        "twins": evidence.twins is not None,
        "explain": evidence.explain is not None,
        "baseline": evidence.contrast is not None,
    }
    for need in sorted(metric.needs):
        if not held[need]:
            return ONE_LABEL if need == "twins" and evidence.of_one_label else REASONS[need]
    limit = metric.price_limit if isinstance(metric, ReExplaining) else None
    if limit is not None and explainer_cost > limit:
        return f"price in image-forwards: explaining costs {explainer_cost}, the metric's limit is {limit}"
    return None


def score(metric: Metric, evidence: Evidence) -> Scored:
    """The metric's scores of the evidence.

    ValidationError where they are not one number an image, or lie outside the metric's range; or where maps, images,
    regions or model are changed on the way.
    """
    lent = {"maps": evidence.maps, "images": evidence.images}
    lent |= {f"region {name}": region for name, region in evidence.regions.items()}
    with untouched(evidence.model, lent), counting(evidence.model) as count:
        start = time.perf_counter()
        scores = metric(evidence).detach().double().cpu()
        seconds = time.perf_counter() - start
    if tuple(scores.shape) != (len(evidence.maps),):
        raise ValidationError(f"scores have shape {tuple(scores.shape)}", "a metric returns one score an image")
    low, high = metric.range
    outside = scores[(scores < low - ROUNDING) | (scores > high + ROUNDING)]
    if len(outside):
        raise ValidationError(f"a score of {float(outside[0]):.6g}", f"the metric's range is {low:g} to {high:g}")
    return Scored(scores, seconds, count.image_forwards)
