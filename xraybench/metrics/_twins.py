"""What metrics of twins share: both logits, and the maps that the twins themselves, or as baselines, give."""

from __future__ import annotations

from torch import Tensor

from xraybench.errors import NotApplicableError
from xraybench.metrics._explain import explainer_of
from xraybench.metrics._logits import logits_of, original_logits
from xraybench.spec import Evidence, Twins

LOGIT = "f(twin)"
EXPLAINED = "explanations of twins"
AGAINST, BACK = "explanations against twins", "explanations of twins against the images"


def twins_of(evidence: Evidence) -> Twins:
    """The evidence's twins; NotApplicableError where the source has none."""
    if evidence.twins is None:
        raise NotApplicableError("the source has no twins")
    return evidence.twins


def falls(evidence: Evidence) -> Tensor:
    """Float64 [B]: f(x) - f(twin)."""
    twins = twins_of(evidence)
    return original_logits(evidence) - evidence.once(LOGIT, lambda: logits_of(evidence, twins.images))


def explained_twins(evidence: Evidence) -> Tensor:
    """Maps [B,H,W] of the twins."""
    twins = twins_of(evidence)
    return evidence.once(EXPLAINED, lambda: explainer_of(evidence)(twins.images))


def against_twins(evidence: Evidence) -> Tensor:
    """Maps [B,H,W] of the images, each with its twin as the baseline."""
    return evidence.once(AGAINST, lambda: _contrast(evidence, evidence.images, twins_of(evidence).images))


def back_from_twins(evidence: Evidence) -> Tensor:
    """Maps [B,H,W] of the twins, each with its image as the baseline."""
    return evidence.once(BACK, lambda: _contrast(evidence, twins_of(evidence).images, evidence.images))


def _contrast(evidence: Evidence, images: Tensor, baselines: Tensor) -> Tensor:
    if evidence.contrast is None:
        raise NotApplicableError("the explainer has no baseline that a twin could take the place of")
    return evidence.contrast(images, baselines)
