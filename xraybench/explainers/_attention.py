"""The attention of a vision transformer while it forwards."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from xraybench.errors import NotApplicableError


def attention_layers(model: nn.Module) -> list[nn.MultiheadAttention]:
    """The model's self-attentions in forward order; NotApplicableError where it has none."""
    found = [module for module in model.modules() if isinstance(module, nn.MultiheadAttention)]
    if not found:
        raise NotApplicableError("attention rollout multiplies attention matrices: this model has none")
    return found


def rolled_out(model: nn.Module, images: Tensor) -> Tensor:
    """[B,T,T]: the product over layers of (attention, mean over heads, + identity) / 2; rows sum to 1."""
    product: list[Tensor] = []

    def multiply(module: nn.Module, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        mixed = (output[1] + torch.eye(output[1].shape[-1]).to(output[1])) / 2
        product[:] = [mixed @ product[0] if product else mixed]

    with _watched(attention_layers(model), multiply):
        model(images)
    return product[0]


@contextmanager
def _watched(layers: list[nn.MultiheadAttention], watch: Any) -> Iterator[None]:
    """The layers are asked for their attention weights, which they leave out by default; `watch` gets their outputs."""
    handles = []
    try:
        for layer in layers:
            handles.append(layer.register_forward_pre_hook(_with_weights, with_kwargs=True))
            handles.append(layer.register_forward_hook(watch))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _with_weights(
    module: nn.Module, inputs: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return inputs, {**options, "need_weights": True, "average_attn_weights": True}


def from_class_token(mixed: Tensor) -> Tensor:
    """[B,T,T] -> [B,h,w]: how much of each patch reaches the first token, which the logits are read from."""
    patches: Tensor = mixed[:, 0, 1:]
    side = math.isqrt(patches.shape[1])
    if side**2 != patches.shape[1]:
        raise NotApplicableError("attention rollout needs a class token and a square of patches")
    return patches.reshape(-1, side, side)
