"""Any of captum's attributions, named directly: `captum:Occlusion(sliding_window_shapes=[1,8,8])`.

captum's own defaults hold; what a task's context knows is filled in: baselines, background images, batch sizes. Methods
over superpixels take a grid of `cells` x `cells`. Methods that draw do so image by image, from the image's seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from xraybench.errors import UsageError
from xraybench.parameters import check_value
from xraybench.registry import near
from xraybench.spec import TRAINING_MEAN, Context, Needs

if TYPE_CHECKING:
    from torch import Tensor, nn

BACKGROUND = 16  # images that the price of deepliftshap assumes
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Method:
    """defaults: the parameters it takes, with captum's default (or ours, where captum asks for one); cost: the price in
    image-forwards, given settings and image size; draws: whether it is random; against: what of the context is its
    baseline.
    """

    defaults: Settings
    cost: Callable[[Settings, int], int] = lambda settings, size: 3
    draws: bool = False
    against: Literal["baseline", "background"] | None = None


def _windows(settings: Settings, shape: Sequence[int]) -> dict[str, list[int]]:
    """Windows and strides over images [C,H,W] of that shape; an eighth of a side, side by side, where none are given.

    UsageError where a window exceeds the image, or a stride leaps over pixels.
    """
    windows = settings["sliding_window_shapes"] or [shape[0], *(max(1, side // 8) for side in shape[1:])]
    strides = settings["strides"] or windows
    strides = [strides] * 3 if isinstance(strides, int) else strides
    for window, stride, side in zip(windows, strides, shape, strict=True):
        if window > side:
            hint = f"windows are no larger than images, here {list(shape)}"
            raise UsageError(f"captum:Occlusion with sliding_window_shapes={windows}", hint)
        if stride > window < side:
            hint = f"strides are no larger than windows, here {windows}"
            raise UsageError(f"captum:Occlusion with strides={strides}", hint)
    return {"sliding_window_shapes": windows, "strides": strides}


def _slides(settings: Settings, size: int) -> int:
    """Windows that captum slides over a square image, and one forward of the image."""
    channels = (settings["sliding_window_shapes"] or [1])[0]
    placed = _windows(settings, [channels, size, size])
    down, across = (1 + math.ceil((size - one) / step) for one, step in list(zip(*placed.values(), strict=True))[1:])
    price: int = down * across + 1
    return price


METHODS: Mapping[str, Method] = {
    "Saliency": Method({"abs": True}),
    "InputXGradient": Method({}),
    "GuidedBackprop": Method({}),
    "Deconvolution": Method({}),
    "GuidedGradCam": Method({"interpolate_mode": "nearest", "attribute_to_layer_input": False}, lambda s, n: 6),
    "IntegratedGradients": Method(
        {"n_steps": 50, "method": "gausslegendre", "multiply_by_inputs": True},
        lambda s, n: 3 * s["n_steps"],
        against="baseline",
    ),
    "DeepLift": Method({"eps": 1e-10, "multiply_by_inputs": True}, lambda s, n: 7, against="baseline"),
    "DeepLiftShap": Method({"multiply_by_inputs": True}, lambda s, n: 6 * BACKGROUND + 1, against="background"),
    "GradientShap": Method(
        {"n_samples": 5, "stdevs": 0.0, "multiply_by_inputs": True},
        lambda s, n: 3 * s["n_samples"],
        draws=True,
        against="background",
    ),
    "Occlusion": Method({"sliding_window_shapes": None, "strides": None}, _slides, against="baseline"),
    "FeatureAblation": Method({"cells": 8}, lambda s, n: s["cells"] ** 2 + 1, against="baseline"),
    "ShapleyValueSampling": Method(
        {"n_samples": 25, "cells": 8}, lambda s, n: s["n_samples"] * s["cells"] ** 2 + 1, draws=True, against="baseline"
    ),
    "Lime": Method(
        {"n_samples": 50, "alpha": 1e-4, "cells": 8}, lambda s, n: s["n_samples"], draws=True, against="baseline"
    ),
    "KernelShap": Method({"n_samples": 50, "cells": 8}, lambda s, n: s["n_samples"], draws=True, against="baseline"),
}
Count = Annotated[int, Field(ge=1)]
Sizes = Annotated[list[Count], Field(min_length=3, max_length=3)]  # of channels, rows, columns
TYPES: Mapping[str, Any] = {  # of parameters whose default does not tell, or tells too little
    "n_steps": Count,
    "n_samples": Count,
    "cells": Annotated[int, Field(ge=2)],
    "sliding_window_shapes": Sizes,
    "strides": Count | Sizes,
    "eps": Annotated[float, Field(gt=0)],
    "stdevs": Annotated[float, Field(ge=0)],
    "alpha": Annotated[float, Field(ge=0)],
    "method": Literal["riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid", "gausslegendre"],
    "interpolate_mode": Literal["nearest", "nearest-exact", "area", "bilinear", "bicubic"],
}
NOT_OFFERED: Mapping[str, str] = {
    "LRP": "captum's LRP returns wrong sums on BatchNorm networks without an error; use lrp-epsilon-plus-flat",
    "FeaturePermutation": "its map of an image depends on the other images of the batch; use captum:FeatureAblation",
    "ShapleyValues": "it needs a forward for every order of the features; use captum:ShapleyValueSampling",
    "NoiseTunnel": "it wraps another method; use smoothgrad",
}


@dataclass(frozen=True)
class Captum:
    """One of captum's attributions with its parameters, as pairs of name and value. Prices are estimates."""

    method: str
    parameters: tuple[tuple[str, Any], ...] = ()
    family: ClassVar[str] = "captum"
    needs: ClassVar[Needs] = "gradient"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.method in NOT_OFFERED:
            raise UsageError(f"captum:{self.method} is not offered", NOT_OFFERED[self.method])
        method = near(self.method, METHODS, "attribution of captum")
        for name, value in self.parameters:
            default = near(name, method.defaults, f"parameter of captum:{self.method}")
            check_value(f"captum:{self.method}", name, value, TYPES.get(name, type(default)))

    @property
    def signed(self) -> bool:
        """Whether the map has negative values: captum's Saliency takes the modulus unless told not to."""
        return not (self.method == "Saliency" and self.settings["abs"])

    @property
    def settings(self) -> dict[str, Any]:
        """All parameters, defaults included."""
        return {**METHODS[self.method].defaults, **dict(self.parameters)}

    def settings_for(self, shape: Sequence[int]) -> dict[str, Any]:
        """The same for images of a shape [C,H,W], windows and strides filled in."""
        settings = self.settings
        return settings | _windows(settings, shape) if "sliding_window_shapes" in settings else settings

    def cost(self, image_size: int) -> int:
        """An estimate: what the settings ask of captum, and of a check of DeepLift's sums (16 background images)."""
        return METHODS[self.method].cost(self.settings, image_size)

    def baseline_name(self, context: Context) -> str | None:
        """The context's baseline or background, whichever captum is given."""
        background = f"{len(context.background)} training images"
        return {"baseline": TRAINING_MEAN, "background": background, None: None}[METHODS[self.method].against]

    def __call__(self, model: nn.Module, images: Tensor, targets: Tensor, context: Context) -> Tensor:
        from xraybench.explainers._captum import attributed

        settings = self.settings_for(images.shape[1:])
        return attributed(self.method, settings, METHODS[self.method].draws, model, images, targets, context)

    def notes(
        self, model: nn.Module, images: Tensor, targets: Tensor, context: Context, maps: Tensor
    ) -> dict[str, float]:
        """How far the map's sum is from the logit's difference, relative, where the method promises it."""
        from xraybench.explainers._notes import completeness_error

        if not self.settings.get("multiply_by_inputs"):  # what multiplies by them sums to that difference
            return {}
        against_many = METHODS[self.method].against == "background"
        references = context.background if against_many else context.baseline[None]
        error = completeness_error(model, images, targets, references, context.batch_size, maps)
        return {"completeness_error": error}
