"""What a metric may look at."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn


T = TypeVar("T")


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
    the model; contrast: None where the explainer has no baseline; batch_size: how many images to forward at
    once, without gradient; of_one_label: there are twins, but they lack more than the label that each map is of;
    validation: makes the maps of validation images, once, None where none has a mask; true_labels: bool [B,K], by
    logit, None where the task is not multi-label; explain_targets: explains the same images for other logits, targets
    int64 [B] -> maps, None where `explain` is.
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
