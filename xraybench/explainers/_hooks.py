"""What is read from or changed inside a model while it is explained; every hook is taken off again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from xraybench.errors import NotApplicableError
from xraybench.explainers._model import explained, target_logits


def relus(model: nn.Module) -> list[nn.ReLU]:
    """The model's ReLUs; NotApplicableError where it has none, so that a changed backward would change nothing, or one
    that works in place.
    """
    found = [module for module in model.modules() if isinstance(module, nn.ReLU)]
    if not found:
        raise NotApplicableError("the method changes the gradient of ReLUs: this model has none")
    if any(relu.inplace for relu in found):
        raise NotApplicableError("a ReLU works in place, and what reached it is gone: build it with inplace=False")
    return found


ForwardHook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]


def guided_relus(model: nn.Module) -> AbstractContextManager[None]:
    """Every ReLU passes positive gradients only, and only where it was open."""

    def guide(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(lambda gradient: gradient.clamp(min=0))

    return _hooked_relus(model, guide)


def deconvolved_relus(model: nn.Module) -> AbstractContextManager[None]:
    """Every ReLU passes positive gradients only, wherever it was open or not (Zeiler & Fergus, ECCV 2014, sec. 2.1)."""
    return _hooked_relus(model, lambda module, inputs, output: _Deconvolved.apply(inputs[0], output.detach()))


class _Deconvolved(torch.autograd.Function):
    """A ReLU's output, whose gradient is rectified as the ReLU rectifies."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, output: Tensor) -> Tensor:
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].clamp(min=0), None


@contextmanager
def _hooked_relus(model: nn.Module, hook: ForwardHook) -> Iterator[None]:
    handles = [relu.register_forward_hook(hook) for relu in relus(model)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def cam_layer(model: nn.Module) -> nn.Module:
    """The submodule whose maps the CAM family weights; NotApplicableError where the model declares none."""
    name = getattr(model, "cam_layer", None)
    if name is None:
        raise NotApplicableError("class activation maps weight a convolution's maps: this model has none")
    return model.get_submodule(name)


def maps_and_gradients(model: nn.Module, layer: nn.Module, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The layer's output A and d logit / d A, both [B,K,h,w]. The backward ends at the layer."""
    found: list[Tensor] = []

    def cut(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        found.append(output.detach().requires_grad_())
        return found[-1]

    handle = layer.register_forward_hook(cut)
    try:
        logits = target_logits(model, images, targets)
    finally:
        handle.remove()
    (gradients,) = torch.autograd.grad(logits.sum(), found[-1])
    return found[-1].detach(), gradients


def layer_maps(model: nn.Module, layer: nn.Module, images: Tensor) -> Tensor:
    """The layer's output [B,K,h,w], in one forward."""
    found: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: found.append(output))
    try:
        model(images)
    finally:
        handle.remove()
    return found[-1]


def logits_with(model: nn.Module, layer: nn.Module, maps: Tensor, images: Tensor, targets: Tensor) -> Tensor:
    """The target's logit [B] where the layer gives `maps` instead of its own output; the forward is whole."""
    handle = layer.register_forward_hook(lambda module, inputs, output: maps)
    try:
        return target_logits(model, images, targets)
    finally:
        handle.remove()


def refuse_without_global_average(model: nn.Module, images: Tensor) -> None:
    """NotApplicableError where the logits are not one linear layer of the CAM layer's means: measured, not assumed."""
    layer, names = cam_layer(model), getattr(model, "layers", ())
    head = model.get_submodule(names[-1]) if names else None
    refusal = NotApplicableError("CAM needs global average pooling and one linear layer after the last convolution")
    if not isinstance(head, nn.Linear):
        raise refusal
    seen: list[Tensor] = []
    handle = head.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    try:
        with explained(model), torch.no_grad():
            means = layer_maps(model, layer, images).mean((2, 3))
    finally:
        handle.remove()
    if means.shape != seen[-1].shape or not torch.allclose(means, seen[-1], rtol=1e-3, atol=1e-5):
        raise refusal


def enlarged(cams: Tensor, images: Tensor) -> Tensor:
    """[B,h,w] -> [B,H,W], bilinear, pixel centres aligned."""
    return interpolate(cams.unsqueeze(1), size=images.shape[2:], mode="bilinear", align_corners=False).squeeze(1)
