"""What a metric is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from xraybench.errors import UsageError
from xraybench.spec.evidence import Evidence

if TYPE_CHECKING:
    from torch import Tensor


ALL_ANEW = "all layers drawn anew"  # a randomisation metric's detail: how alike the maps of such a model are
MetricNeeds = Literal["finding", "human", "validation", "twins", "explain", "baseline"]


@runtime_checkable
class Metric(Protocol):
    """(evidence) -> scores [B] float, NaN where undefined (counted, never ranked).

    `higher_is_better` is None for descriptive metrics, which are shown but not ranked. `needs` says what the evidence
    must hold. `cost` is in image-forwards per image, by the name of what they buy: metrics that share a pair of curves
    name it alike, and a plan counts it once a cell, or once a model where the name is `Shared`. None: not known.
    """

    family: str
    higher_is_better: bool | None
    range: tuple[float, float]
    reference: str
    needs: frozenset[MetricNeeds]
    version: int

    def cost(self, explainer_cost: int, image_size: int) -> Mapping[str, int] | None: ...
    def __call__(self, evidence: Evidence) -> Tensor: ...


@runtime_checkable
class MetricNotes(Protocol):
    """What some metrics also find beside their scores, by name (the threshold of each label)."""

    def notes(self, evidence: Evidence) -> dict[str, float]: ...


@runtime_checkable
class MetricDetails(Protocol):
    """What some metrics also find of each image, by name: [B] each, kept as further columns beside the scores."""

    def details(self, evidence: Evidence) -> Mapping[str, Tensor]: ...


@dataclass(frozen=True)
class ReExplaining:
    """Base of metrics that explain again (max-sensitivity, mprt): what they may spend.

    patients: measured on a fixed subset of so many patients (None: all). price_limit: skipped, with the reason "price",
    for explainers that cost more image-forwards per image (None: never).
    """

    patients: int | None = None
    price_limit: int | None = None

    def __post_init__(self) -> None:
        if self.patients is not None and self.patients < 1:
            raise UsageError(f"patients={self.patients}", "at least one, or none where all are meant")


@dataclass(frozen=True)
class FunctionMetric:
    """A plain function with the declarations that make it a metric."""

    function: Callable[[Evidence], Tensor]
    family: str
    higher_is_better: bool | None
    range: tuple[float, float]
    reference: str
    needs: frozenset[MetricNeeds]
    version: int
    forwards: int

    def cost(self, explainer_cost: int, image_size: int) -> Mapping[str, int]:
        """Image-forwards per image, as declared."""
        return {self.function.__qualname__: self.forwards}

    def __call__(self, evidence: Evidence) -> Tensor:
        return self.function(evidence)


def metric(
    *,
    family: str,
    higher_is_better: bool | None,
    range: tuple[float, float],
    reference: str,
    needs: frozenset[MetricNeeds] = frozenset(),
    cost: int = 0,
    version: int = 1,
) -> Callable[[Callable[[Evidence], Tensor]], FunctionMetric]:
    """Make a function a metric: `@metric(family="complexity", higher_is_better=None, range=(0, 1), ...)`."""
    return lambda function: FunctionMetric(function, family, higher_is_better, range, reference, needs, version, cost)
