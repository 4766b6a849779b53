"""What is read from or changed inside a model while it is explained; every hook is taken off again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from xraybench.errors import NotApplicableError
from xraybench.explainers._model import target_logits


def relus(model: nn.Module) -> list[nn.ReLU]:
    """The model's ReLUs; NotApplicableError where it has none, so that a changed backward would change nothing."""
    found = [module for module in model.modules() if isinstance(module, nn.ReLU)]
    if not found:
        raise NotApplicableError("the method changes the gradient of ReLUs: this model has none")
    return found


@contextmanager
def guided_relus(model: nn.Module) -> Iterator[None]:
    """Every ReLU passes positive gradients only."""
    handles = [relu.register_full_backward_hook(_positive_part) for relu in relus(model)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _positive_part(
    module: nn.Module, grad_input: tuple[Tensor, ...] | Tensor, grad_output: tuple[Tensor, ...] | Tensor
) -> tuple[Tensor]:
    return (grad_input[0].clamp(min=0),)


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
