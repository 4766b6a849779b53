"""Is a model built so that hooks, LRP and DeepLIFT see all that it computes?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from xraybench.errors import ValidationError

NONLINEAR = (
    *("relu", "relu_", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "prelu"),
    *("tanh", "sigmoid", "softmax", "log_softmax", "hardtanh", "hardswish", "hardsigmoid", "logsigmoid", "threshold"),
    *("clamp", "clamp_min", "clamp_max", "clip", "dropout", "dropout2d"),
)
POOLING = (
    *("max_pool1d", "max_pool2d", "_max_pool2d", "boolean_dispatch", "avg_pool1d", "avg_pool2d", "mean", "amax"),
    *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d"),
)
IN_PLACE_OPERATORS = ("__iadd__", "__isub__", "__imul__", "__itruediv__", "__setitem__")


def check_model(model: nn.Module, in_channels: int, image_size: int) -> None:
    """ValidationError, naming the module, where a model breaks what hooks, LRP and DeepLIFT rely on.

    Nothing in place, no activation module used twice, no nonlinearity or pooling outside a module of torch.nn; a CAM
    layer that gives maps (or None), and layers that exist, the last of which gives the logits.
    """
    for name, module in model.named_modules():
        if getattr(module, "inplace", False):
            raise ValidationError(f"{name} works in place", "build it with inplace=False")
    _check_names(model)
    watch = _Watch(model)
    images = torch.zeros(2, in_channels, image_size, image_size, device=next(model.parameters()).device)
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with torch.no_grad(), watch:
            logits = model(images)
    finally:
        watch.close()
        for module, training in modes:
            module.training = training
    if logits.dim() != 2 or len(logits) != 2:
        raise ValidationError(f"the model returns {tuple(logits.shape)} for two images", "it returns logits [B,K]")
    watch.raise_first()
    _check_output(model, logits.shape[1])
    _check_order(model, watch.used)


def _check_output(model: nn.Module, outputs: int) -> None:
    """The last of the named layers gives the logits: it is what is replaced where the labels change."""
    layers: tuple[str, ...] = model.layers  # type: ignore[assignment]
    weight = getattr(model.get_submodule(layers[-1]), "weight", None) if layers else None
    if weight is None or len(weight) != outputs:
        last = layers[-1] if layers else "none"
        raise ValidationError(f"the last of the layers ({last}) does not give the {outputs} logits", "name it last")


def _check_order(model: nn.Module, used: list[str]) -> None:
    """Relevance rules treat the first layer apart: it must be the first one defined, too."""
    kinds = (nn.Conv1d, nn.Conv2d, nn.Linear)
    defined = [name for name, module in model.named_modules() if isinstance(module, kinds) and name in used]
    computing = [name for name in used if name in defined]
    if computing and computing[0] != defined[0]:
        raise ValidationError(f"{defined[0]} is defined before {computing[0]}, which computes first", "swap the two")


def _check_names(model: nn.Module) -> None:
    known = dict(model.named_modules())
    for attribute in ("cam_layer", "layers"):
        if not hasattr(model, attribute):
            raise ValidationError(f"the model has no attribute {attribute!r}", "a model names its CAM layer and layers")
    cam_layer, layers = getattr(model, "cam_layer", None), getattr(model, "layers", ())
    for name in [*layers, *([cam_layer] if cam_layer is not None else [])]:
        if name not in known:
            raise ValidationError(
                f"the model names a submodule {name!r} that it has not", "names as in named_modules()"
            )


class _Watch(TorchFunctionMode):
    """Sees every function of a forward pass, and in which module it is called."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.faults: list[str] = []
        self._stack: list[tuple[str, nn.Module]] = []
        self._uses: dict[str, int] = {}
        self._cam_layer = getattr(model, "cam_layer", None)
        self._handles = [
            handle
            for name, module in model.named_modules()
            for handle in (
                module.register_forward_pre_hook(self._entering(name)),
                module.register_forward_hook(self._leaving(name)),
            )
        ]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        path, module = self._stack[-1] if self._stack else ("the model", None)
        if not type(module).__module__.startswith("torch.nn.modules"):
            if name in NONLINEAR or name in POOLING:
                self.faults.append(f"{path or 'the model'} calls {name} as a function")
            if name in IN_PLACE_OPERATORS or (name.endswith("_") and not name.startswith("_")):
                self.faults.append(f"{path or 'the model'} changes a tensor in place ({name})")
        return func(*args, **(kwargs or {}))

    @property
    def used(self) -> list[str]:
        """The submodules that were called, in the order in which they finished."""
        return list(self._uses)

    def close(self) -> None:
        """Take all hooks off."""
        for handle in self._handles:
            handle.remove()

    def raise_first(self) -> None:
        """ValidationError with the first fault seen, if any."""
        if self.faults:
            raise ValidationError(self.faults[0], "every nonlinearity and pooling is a module of its own, not in place")

    def _entering(self, name: str) -> Callable[[nn.Module, Any], None]:
        return lambda module, inputs: self._stack.append((name, module))

    def _leaving(self, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def leave(module: nn.Module, inputs: Any, output: Tensor) -> None:
            self._stack.pop()
            self._uses[name] = self._uses.get(name, 0) + 1
            parameters = next(module.parameters(), None)
            if self._uses[name] == 2 and parameters is None and not isinstance(module, nn.Identity | nn.Flatten):
                self.faults.append(f"{name} is used more than once")
            if name == self._cam_layer and output.dim() != 4:
                self.faults.append(f"the CAM layer {name} returns {tuple(output.shape)}, not maps [B,K,h,w]")

        return leave
