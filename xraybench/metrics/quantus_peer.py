"""Quantus's own metrics under our evidence: `quantus:MaxSensitivity(nr_samples=10)`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from xraybench.errors import UsageError
from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Kind:
    """What Quantus 0.6 declares of a metric, and whether it explains again."""

    family: str
    higher_is_better: bool
    explains: bool = False


METHODS: Mapping[str, Kind] = {
    "FaithfulnessCorrelation": Kind("faithfulness", True),
    "FaithfulnessEstimate": Kind("faithfulness", True),
    "PixelFlipping": Kind("faithfulness", False),
    "RegionPerturbation": Kind("faithfulness", False),
    "Monotonicity": Kind("faithfulness", True),
    "MonotonicityCorrelation": Kind("faithfulness", True),
    "Selectivity": Kind("faithfulness", False),
    "SensitivityN": Kind("faithfulness", True),
    "IROF": Kind("faithfulness", True),
    "ROAD": Kind("faithfulness", False),
    "Infidelity": Kind("faithfulness", False),
    "Sufficiency": Kind("faithfulness", True),
    "Continuity": Kind("robustness", False, explains=True),
    "LocalLipschitzEstimate": Kind("robustness", False, explains=True),
    "MaxSensitivity": Kind("robustness", False, explains=True),
    "AvgSensitivity": Kind("robustness", False, explains=True),
    "Consistency": Kind("robustness", False, explains=True),
    "RelativeInputStability": Kind("robustness", False, explains=True),
    "RelativeOutputStability": Kind("robustness", False, explains=True),
    "RelativeRepresentationStability": Kind("robustness", False, explains=True),
    "PointingGame": Kind("localisation", True),
    "TopKIntersection": Kind("localisation", True),
    "RelevanceMassAccuracy": Kind("localisation", True),
    "RelevanceRankAccuracy": Kind("localisation", True),
    "AttributionLocalisation": Kind("localisation", True),
    "AUC": Kind("localisation", True),
    "Focus": Kind("localisation", True),
    "Sparseness": Kind("complexity", True),
    "Complexity": Kind("complexity", False),
    "EffectiveComplexity": Kind("complexity", False),
    "MPRT": Kind("randomisation", False, explains=True),
    "SmoothMPRT": Kind("randomisation", False, explains=True),
    "EfficientMPRT": Kind("randomisation", True, explains=True),
    "RandomLogit": Kind("randomisation", False, explains=True),
    "Completeness": Kind("axiomatic", True),
    "NonSensitivity": Kind("axiomatic", False),
    "InputInvariance": Kind("axiomatic", True, explains=True),
}


@dataclass(frozen=True)
class Quantus:
    """One metric of Quantus 0.6, by the name of its class, with the parameters of its constructor.

    It gets the images [N,C,H,W], the maps [N,1,H,W] and the finding [N,1,H,W] in one batch (its batches are not
    independent), logits instead of its softmax, and our explainer where it explains again. NaN where Quantus would
    abort the whole run: a blank map, or no finding where one is needed.

    Known faults of 0.6.0, kept as they are (that is what the peer is for): normalisation runs over the batch;
    PointingGame calls an all-zero map a hit; RelevanceMassAccuracy is not clipped and leaves 0 to 1; MPRT averages the
    un-randomised model in and seeds every layer alike; PixelFlipping leaves out its first point, and its area fails
    with numpy 2.4; ROAD, SensitivityN and curves give no number per image (UsageError). It seeds numpy and torch
    globally (their state is put back here) and overwrites its input (it gets copies).

    Its price is not known beforehand: `cost` is empty.
    """

    method: str
    parameters: tuple[tuple[str, Any], ...] = ()

    range: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    reference: ClassVar[str] = "Hedström et al., Quantus, JMLR 2023; as implemented in quantus 0.6"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            near = difflib.get_close_matches(self.method, METHODS, n=1)
            hint = f"did you mean 'quantus:{near[0]}'?" if near else f"there is: {', '.join(METHODS)}"
            raise UsageError(f"Quantus has no metric {self.method!r}", hint)

    @property
    def family(self) -> str:
        return METHODS[self.method].family

    @property
    def higher_is_better(self) -> bool | None:
        """The direction that Quantus declares; complexity stays descriptive, as our own is."""
        return None if self.family == "complexity" else METHODS[self.method].higher_is_better

    @property
    def needs(self) -> frozenset[MetricNeeds]:
        finding: frozenset[MetricNeeds] = frozenset({"finding"} if self.family == "localisation" else ())
        explain: frozenset[MetricNeeds] = frozenset({"explain"} if METHODS[self.method].explains else ())
        return finding | explain

    def cost(self, explainer_cost: int, image_size: int) -> dict[str, int]:
        """Unknown."""
        return {}

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._quantus import scores

        return scores(evidence, self.method, dict(self.parameters), self.needs)
