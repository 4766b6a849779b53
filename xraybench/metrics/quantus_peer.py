"""Quantus's own metrics under our evidence: `quantus:MaxSensitivity(nr_samples=10)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from xraybench.errors import UsageError
from xraybench.parameters import check_value
from xraybench.registry import near
from xraybench.spec import Evidence, MetricNeeds

if TYPE_CHECKING:
    from torch import Tensor


EVERY = "abs normalise normalise_func_kwargs"  # parameters that all of Quantus's metrics take
REPLACED = "perturb_baseline perturb_func_kwargs"  # those that say what pixels are replaced by
STABLE = f"nr_samples perturb_func_kwargs return_nan_when_prediction_changes {EVERY}"


@dataclass(frozen=True)
class Kind:
    """What Quantus 0.6 declares of a metric: the parameters of its constructor that are values, not functions, in one
    string; whether it explains again; and parameters without which it gives no number per image.
    """

    family: str
    higher_is_better: bool
    parameters: str = EVERY
    explains: bool = False
    needed: Mapping[str, Any] = field(default_factory=dict)


METHODS: Mapping[str, Kind] = {
    "FaithfulnessCorrelation": Kind("faithfulness", True, f"nr_runs subset_size {REPLACED} {EVERY}"),
    "FaithfulnessEstimate": Kind("faithfulness", True, f"features_in_step {REPLACED} {EVERY}"),
    "Monotonicity": Kind("faithfulness", True, f"features_in_step {REPLACED} {EVERY}"),
    "MonotonicityCorrelation": Kind("faithfulness", True, f"eps nr_samples features_in_step {REPLACED} {EVERY}"),
    "Infidelity": Kind("faithfulness", False, f"loss_func perturb_patch_sizes n_perturb_samples {REPLACED} {EVERY}"),
    "Sufficiency": Kind("faithfulness", True, f"threshold distance_func {EVERY}"),
    "Continuity": Kind(
        "robustness", False, f"nr_steps return_nan_when_prediction_changes {REPLACED} {EVERY}", explains=True
    ),
    "LocalLipschitzEstimate": Kind("robustness", False, f"perturb_mean perturb_std {STABLE}", explains=True),
    "MaxSensitivity": Kind("robustness", False, f"lower_bound upper_bound {STABLE}", explains=True),
    "AvgSensitivity": Kind("robustness", False, f"lower_bound upper_bound {STABLE}", explains=True),
    "Consistency": Kind("robustness", False, explains=True),
    "RelativeInputStability": Kind("robustness", False, f"eps_min {STABLE}", explains=True),
    "RelativeOutputStability": Kind("robustness", False, f"eps_min {STABLE}", explains=True),
    "RelativeRepresentationStability": Kind(
        "robustness", False, f"eps_min layer_names layer_indices {STABLE}", explains=True
    ),
    "PointingGame": Kind("localisation", True, f"weighted {EVERY}"),
    "TopKIntersection": Kind("localisation", True, f"k concept_influence {EVERY}"),
    "RelevanceMassAccuracy": Kind("localisation", True),
    "RelevanceRankAccuracy": Kind("localisation", True),
    "AttributionLocalisation": Kind("localisation", True, f"weighted max_size positive_attributions {EVERY}"),
    "AUC": Kind("localisation", True),
    "Sparseness": Kind("complexity", True),
    "Complexity": Kind("complexity", False),
    "EffectiveComplexity": Kind("complexity", False, f"eps {EVERY}"),
    "MPRT": Kind(
        "randomisation",
        False,
        f"layer_order seed return_sample_correlation return_average_correlation return_last_correlation skip_layers "
        f"{EVERY}",
        explains=True,
        needed={"return_average_correlation": True},
    ),
    "Completeness": Kind("axiomatic", True, f"{REPLACED} {EVERY}"),
    "NonSensitivity": Kind("axiomatic", False, f"eps features_in_step {REPLACED} {EVERY}"),
    "InputInvariance": Kind("axiomatic", True, f"input_shift perturb_func_kwargs {EVERY}", explains=True),
}
TYPES: Mapping[Any, str] = {  # of a parameter's values, the same in all metrics that take it
    bool: "abs normalise weighted concept_influence positive_attributions skip_layers return_sample_correlation "
    "return_average_correlation return_last_correlation return_nan_when_prediction_changes",
    int: "nr_runs subset_size features_in_step nr_samples n_perturb_samples nr_steps k seed",
    float: "eps eps_min threshold perturb_mean perturb_std lower_bound upper_bound max_size input_shift",
    str: "loss_func distance_func layer_order",
    str | float: "perturb_baseline",
    list[int]: "perturb_patch_sizes layer_indices",
    list[str]: "layer_names",
    dict[str, Any]: "normalise_func_kwargs perturb_func_kwargs",
}
DECLARED: Mapping[str, Any] = {name: declared for declared, names in TYPES.items() for name in names.split()}
NOT_OFFERED: Mapping[str, str] = {
    "PixelFlipping": "it gives a curve per image, and its area fails under numpy 2.4; use pixel-flipping",
    "RegionPerturbation": "it gives a curve per image and no number; use pixel-flipping",
    "Selectivity": "it gives a curve per image and no number; use deletion-auc",
    "SensitivityN": "it gives a curve over all images and no number per image; use sensitivity-n",
    "IROF": "it calls numpy.trapz, which numpy 2.4 no longer has; use irof",
    "ROAD": "it gives a mean over all images and no number per image; use road",
    "Focus": "it needs mosaics of images of several classes, which are not made here",
    "SmoothMPRT": "it explains by the plain gradient, whatever the explainer; use smooth-mprt",
    "EfficientMPRT": "it takes the entropy of outputs, which has none where they are logits; use efficient-mprt",
    "RandomLogit": "it explains other logits than the target, for which there are no explanations; use random-logit",
}


@dataclass(frozen=True)
class Quantus:
    """One metric of Quantus 0.6, by the name of its class, with the parameters of its constructor.

    It gets the images [N,C,H,W], the maps [N,1,H,W] and the finding [N,1,H,W] in one batch (its batches are not
    independent), logits instead of its softmax, and our explainer where it explains again. NaN where Quantus would
    abort the whole run: a blank map, or no finding where one is needed.

    Known faults of 0.6.0, kept as they are (that is what the peer is for): normalisation runs over the batch;
    PointingGame calls an all-zero map a hit; RelevanceMassAccuracy is not clipped and leaves 0 to 1; MPRT averages the
    un-randomised model in and seeds every layer alike (the mean over layers is what is returned, unless parameters say
    otherwise). It seeds numpy and torch globally (their state is put back here) and overwrites its input (it gets
    copies). What cannot give a number per image here is refused, with the reason, as are parameters that it lacks, and
    values of another type than it declares.

    Its price is not known beforehand: `cost` is None.
    """

    method: str
    parameters: tuple[tuple[str, Any], ...] = ()

    range: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    reference: ClassVar[str] = "Hedström et al., Quantus, JMLR 2023; as implemented in quantus 0.6"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.method in NOT_OFFERED:
            raise UsageError(f"quantus:{self.method} is not offered", NOT_OFFERED[self.method])
        kind = near(self.method, METHODS, "metric of Quantus")
        for name, value in self.parameters:
            near(name, dict.fromkeys(kind.parameters.split()), f"parameter of quantus:{self.method}")
            check_value(f"quantus:{self.method}", name, value, DECLARED[name])

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

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters, with those that are needed unless they say themselves what to return."""
        given = dict(self.parameters)
        said = any(name.startswith("return_") for name in given)
        return given if said else {**METHODS[self.method].needed, **given}

    def cost(self, explainer_cost: int, image_size: int) -> None:
        """Unknown."""
        return

    def __call__(self, evidence: Evidence) -> Tensor:
        from xraybench.metrics._quantus import scores

        return scores(evidence, self.method, self.settings, self.needs)
