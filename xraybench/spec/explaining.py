"""What an explainer, a reference map and a model are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn


Needs = Literal["gradient", "convolution", "nothing"]
Role = Literal["method", "control", "ceiling"]
Outlined = Literal["finding", "human"]  # regions that people outlined
TRAINING_MEAN = "training mean"  # what a context's baseline is, in words


@dataclass(frozen=True)
class Context:
    """What an explainer may know beside image and model: statistics of *training* images, never a mask or a label.

    baseline: float32 [C,H,W], the training mean unless the row names another; background: float32 [N,C,H,W] training
    images; low, high: float32 [C,1,1], the bounds of the input after normalisation; seeds: int64 [B] from the image
    ids (draws never depend on batch mates); batch_size: how many images to forward at once where a gradient follows;
    forward_batch: how many where none does (None: as many), the device's sweet spot.
    """

    baseline: Tensor
    background: Tensor
    low: Tensor
    high: Tensor
    seeds: Tensor
    batch_size: int = 64
    forward_batch: int | None = None

    @property
    def forwards_at_once(self) -> int:
        """Images of one forward that no gradient follows."""
        return self.forward_batch or self.batch_size


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
