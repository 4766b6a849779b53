"""The contracts: what an explainer, a reference map, a model, a metric and a source are.

Nothing here imports torch: names are listed and work is planned without it. Explainers and metrics follow suit and
import torch inside the functions that compute.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar, runtime_checkable

from xraybench.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor, nn

Needs = Literal["gradient", "convolution", "nothing"]
Role = Literal["method", "control", "ceiling"]
Outlined = Literal["finding", "human"]  # regions that people outlined
T = TypeVar("T")
ALL_ANEW = "all layers drawn anew"  # a randomisation metric's detail: how alike the maps of such a model are
TRAINING_MEAN = "training mean"  # what a context's baseline is, in words


@dataclass(frozen=True)
class Context:
    """What an explainer may know beside image and model: statistics of *training* images, never a mask or a label.

    baseline: float32 [C,H,W], the training mean unless the row names another; background: float32 [N,C,H,W] training
    images; low, high: float32 [C,1,1], the bounds of the input after normalisation; seeds: int64 [B] from the image
    ids (draws never depend on batch mates); batch_size: how many images to forward at once.
    """

    baseline: Tensor
    background: Tensor
    low: Tensor
    high: Tensor
    seeds: Tensor
    batch_size: int = 64


@runtime_checkable
class Explainer(Protocol):
    """(model, images [B,C,H,W] float32, targets [B] int64, context) -> maps [B,H,W] float32, signed, not normalised.

    Explains the logit `targets[b]`, leaves the model as it found it whatever happens, does not change the images, and
    gives each image the same map whatever its batch mates. `cost` is in image-forwards per image; a backward counts 2.
    `signed` is False where no map, of whatever model, has a value below 0.
    """

    family: str
    signed: bool
    needs: Needs
    version: int

    def cost(self, image_size: int) -> int: ...
    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor: ...


@runtime_checkable
class Notes(Protocol):
    """What some explainers also measure beside their maps, by name (completeness_error, conservation_error)."""

    def notes(
        self, model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor
    ) -> dict[str, float]: ...


@runtime_checkable
class Contrasting(Protocol):
    """What explainers declare that hold an image against `context.baseline`: with another, they explain the change."""

    contrasting: bool


@runtime_checkable
class NamesBaseline(Protocol):
    """What others say that hold an image against training images: which, in words for their row (None: none)."""

    def baseline_name(self, context: Context) -> str | None: ...


@runtime_checkable
class ClassAgnostic(Protocol):
    """What explainers declare that look at no logit: all targets have the same map, its sign speaks for none."""

    class_agnostic: bool


@dataclass(frozen=True)
class FunctionExplainer:
    """A plain function with the declarations that make it an explainer."""

    function: Callable[[nn.Module, Tensor, Tensor, Context], Tensor]
    signed: bool
    needs: Needs
    forwards: int
    family: str
    version: int
    class_agnostic: bool = False

    def cost(self, image_size: int) -> int:
        """Image-forwards per image, as declared."""
        return self.forwards

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        return self.function(model, images, targets, context)


def explainer(
    *,
    signed: bool,
    cost: int,
    needs: Needs = "gradient",
    family: str = "plug-in",
    version: int = 1,
    class_agnostic: bool = False,
) -> Callable[[Callable[[nn.Module, Tensor, Tensor, Context], Tensor]], FunctionExplainer]:
    """Make a function an explainer: `@explainer(signed=True, cost=3)`; `class_agnostic` where it looks at no logit."""
    return lambda function: FunctionExplainer(function, signed, needs, cost, family, version, class_agnostic)


@runtime_checkable
class Reference(Protocol):
    """(images [B,C,H,W], masks [B,H,W] bool, mean_training_mask [H,W] float32, seeds [B]) -> maps [B,H,W] float32.

    A map that no model made, on every board to say what a score is worth. It may see the masks; explainers never do.
    `region`: of which region `masks` are, "finding", or "human" (what radiologists outlined who saw the image alone).
    Where the data have no such region it says nothing, and is skipped. None: it looks at no mask.
    """

    role: Role
    region: Outlined | None
    version: int

    def __call__(self, images: Tensor, masks: Tensor, mean_training_mask: Tensor, seeds: Tensor) -> Tensor: ...


class Classifier(Protocol):
    """A built model: an nn.Module in which every nonlinearity and pooling is a module of its own, nothing in place.

    `cam_layer` names the submodule whose output the CAM family weights (None where there is no such layer);
    `layers` names the submodules in forward order, for layer similarity, atlas and cascading randomisation; the last
    gives the logits, and is drawn anew where weights go on to other labels. The part of the model that holds it (its
    name up to the first dot) is the head: all that a frozen warm-up trains.
    """

    cam_layer: str | None
    layers: tuple[str, ...]


@dataclass(frozen=True)
class Cost:
    """What explaining an image took: means over images.

    peak_bytes: the most memory that all of them took at once, of the GPU or else of the process, beyond what was held
    before (model and data, libraries); None where the system cannot tell.
    """

    forwards: float
    backwards: float
    milliseconds: float
    peak_bytes: int | None

    @property
    def image_forwards(self) -> float:
        """Forwards and backwards in one number; a backward counts 2."""
        return self.forwards + 2 * self.backwards


class Explain(Protocol):
    """Explains the evidence's images again, altered (same shape, same order), or under another model."""

    def __call__(self, images: Tensor, model: nn.Module | None = None) -> Tensor: ...


class Contrast(Protocol):
    """Explains images [B,C,H,W] each against a baseline of its own [B,C,H,W]: maps [B,H,W]."""

    def __call__(self, images: Tensor, baselines: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Twins:
    """The same radiographs without the finding: images [B,C,H,W], and where pixels differ: difference [B,H,W] bool."""

    images: Tensor
    difference: Tensor


@dataclass(frozen=True)
class Annotated:
    """Validation images with masks, V of them: what a metric may tune itself on, before it looks at what it scores.

    maps: float32 [V,H,W], made as the evidence's are; targets: int64 [V]; regions: name -> bool [V,H,W], each image's
    `finding` with something in it; names: of the labels, by target.
    """

    maps: Tensor
    targets: Tensor
    regions: Mapping[str, Tensor]
    names: tuple[str, ...]


class Shared(str):
    """The name of something that depends on model and images alone: bought once a model, whatever the explainers."""


class Artefacts(Protocol):
    """Keeps what depends on model and images alone; computes it where nobody has yet."""

    def __call__(self, key: str, compute: Callable[[], Tensor]) -> Tensor: ...


@dataclass(frozen=True)
class Evidence:
    """All that a metric may look at, for B explained images.

    images: float32 [B,C,H,W] as the model sees them; grey: float32 [B,H,W] in [0,1]; targets: int64 [B]; maps: float32
    [B,H,W]; regions: name -> bool [B,H,W] (a name stands there only where the source has it; an image without such a
    region is all False); baseline: float32 [C,H,W]; seeds: int64 [B]; explain: None where the map does not come from
    the model; contrast: None where the explainer has no baseline; of_one_label: there are twins, but they lack more
    than the label that each map is of; validation: makes the maps of validation images, once, None where none has a
    mask; true_labels: bool [B,K], by logit, None where the task is not multi-label; explain_targets: explains the same
    images for other logits, targets int64 [B] -> maps, None where `explain` is.
    """

    model: nn.Module
    images: Tensor
    grey: Tensor
    targets: Tensor
    maps: Tensor
    regions: Mapping[str, Tensor]
    baseline: Tensor
    seeds: Tensor
    cost: Cost
    twins: Twins | None = None
    explain: Explain | None = None
    contrast: Contrast | None = None
    batch_size: int = 64
    shared: dict[Hashable, Any] = field(default_factory=dict)
    artefacts: Artefacts = field(default=lambda key, compute: compute())
    of_one_label: bool = False
    validation: Callable[[], Annotated] | None = None
    true_labels: Tensor | None = None
    explain_targets: Callable[[Tensor], Tensor] | None = None

    def of_model(self, key: Shared, compute: Callable[[], Tensor]) -> Tensor:
        """What depends on model and images alone is computed by the first explainer's cell, and found by the others."""
        return self.once(key, lambda: self.artefacts(key, compute))

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What several metrics need is computed by the first that asks, and found by the others."""
        if key not in self.shared:
            self.shared[key] = compute()
        return self.shared[key]  # type: ignore[no-any-return]


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


@dataclass(frozen=True)
class About:
    """What a person must know of a data set before using it.

    obtain: where to ask for it. official: counts as its publisher states them, by what is counted: "images",
    "patients", "studies", "train + validation images" (splits as ours are named), "fracture=1" (a label's value).
    """

    title: str
    licence: str
    citation: str
    obtain: str
    official: Mapping[str, int] = field(default_factory=dict)


class Source(Protocol):
    """A data set, read as it is unpacked (or computed, for phantoms).

    `index` gives one row an image: `image_id, patient_id, study_id, path, split, view, site` and one column a label
    (1, 0, NaN), and where labels were inferred (from reports) a boolean `inferred`, True in no row but of the train
    split; `image` the decoded radiograph as float32 [H,W] in [0,1]; `regions` the named boolean masks [H,W] of
    one row (finding, difference, lung, text, hardware, frame, landmark; human: what a human benchmark outlined;
    human-point: squares about where it pointed; human-read: the whole of an image that it read), at the image's own
    size; `twin` the same radiograph without its finding, or None. `offers` says which of these metrics may count on;
    `identity` is what the data's digest is made of.
    """

    name: ClassVar[str]
    about: ClassVar[About]
    phantom: ClassVar[bool]
    redistributable: ClassVar[bool]
    offers: ClassVar[frozenset[MetricNeeds]]

    def identity(self) -> Mapping[str, Any]: ...
    def index(self) -> pd.DataFrame: ...
    def image(self, row: Mapping[str, Any]) -> np.ndarray: ...
    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]: ...
    def twin(self, row: Mapping[str, Any]) -> np.ndarray | None: ...


@runtime_checkable
class Flipping(Protocol):
    """A source that can show an image with its legend gone, or with one where it has none; all else is the same."""

    def flipped(self, row: Mapping[str, Any]) -> np.ndarray: ...


class OpenSource(Protocol):
    """What the registry holds of a source: opens it, and says what it is before anything is opened.

    Called with the folder given with --data (None for what is computed or bundled) and the preset's settings. A class
    whose constructor takes these two is one; a function becomes one with `opens`.
    """

    about: About
    phantom: bool
    redistributable: bool

    def __call__(self, root: Path | None, settings: Mapping[str, Any]) -> Source: ...


Opener = Callable[[Path | None, Mapping[str, Any]], Source]


def opens(made: type[Source]) -> Callable[[Opener], OpenSource]:
    """Make a function that opens a source say what it opens: `@opens(MySource)`."""

    def declare(function: Opener) -> OpenSource:
        for name in ("about", "phantom", "redistributable", "__doc__"):
            setattr(function, name, getattr(made, name))
        return function  # type: ignore[return-value]

    return declare
