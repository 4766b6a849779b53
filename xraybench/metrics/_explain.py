"""Explaining again."""

from __future__ import annotations

from xraybench.errors import NotApplicableError
from xraybench.spec import Evidence, Explain


def explainer_of(evidence: Evidence) -> Explain:
    """The evidence's `explain`; NotApplicableError where the map does not come from the model."""
    if evidence.explain is None:
        raise NotApplicableError("the map does not come from the model, so there is nothing to explain again")
    return evidence.explain
