"""Networks made fit for layer-wise relevance propagation (Pahde et al., CVPR workshops 2023).

LRP's rules know convolutions and linear layers; a BatchNorm between them is folded away without changing the output:
- after a convolution or linear layer: into that layer, exactly (its eps counted);
- before a ReLU and the next such layer (DenseNet): relu(a x + b) = a max(x, -b/a) + b for a > 0 and a min(x, -b/a) + b
  for a < 0, so that the ReLU becomes a threshold and a, b go into the layer that follows. Average pooling lets both
  through. Padding would not (it pads with 0, not with b), and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from xraybench.errors import NotApplicableError
from xraybench.explainers._copy import detached_copy, with_hooks_of

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
CONSTANT = 1e-6  # |gamma| below it: the channel carries its shift alone
TRANSPARENT = (nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Identity, nn.Dropout, nn.Flatten)


class Threshold(nn.Module):
    """Clamps channel c of [B,C,...] to [low[c], high[c]]: a ReLU whose BatchNorm has moved on."""

    low: Tensor
    high: Tensor

    def __init__(self, low: Tensor, high: Tensor) -> None:
        super().__init__()
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def forward(self, inputs: Tensor) -> Tensor:
        shape = (1, -1) + (1,) * (inputs.dim() - 2)
        return torch.minimum(torch.maximum(inputs, self.low.view(shape)), self.high.view(shape))


@dataclass(frozen=True)
class Affine:
    """A BatchNorm in eval mode: a x + b for each channel, float64 [C]."""

    scale: Tensor
    shift: Tensor
    constant: Tensor  # bool [C]


def canonised(model: nn.Module) -> nn.Module:
    """A copy with the same output and no BatchNorm; NotApplicableError names the one that cannot be folded."""
    duplicate = detached_copy(model)
    if not any(isinstance(module, BATCH_NORMS) for module in duplicate.modules()):
        return duplicate
    try:
        traced = fx.symbolic_trace(duplicate)
    except Exception as error:
        raise NotApplicableError(f"the model cannot be traced, so its BatchNorms cannot be folded: {error}") from error
    with torch.inference_mode(False), torch.no_grad():
        for node in list(traced.graph.nodes):
            if isinstance(_module(traced, node), BATCH_NORMS):
                _fold(traced, node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return with_hooks_of(model, traced.eval().requires_grad_(False))


def _module(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return traced.get_submodule(str(node.target)) if node.op == "call_module" else None


def _fold(traced: fx.GraphModule, node: fx.Node) -> None:
    before, norm = node.args[0], _module(traced, node)
    assert isinstance(before, fx.Node)
    assert isinstance(norm, BATCH_NORMS)
    layer = _module(traced, before)
    if isinstance(layer, nn.Conv2d | nn.Linear) and len(before.users) == _calls(traced, before) == 1:
        _into_layer_before(layer, _affine(norm))
    else:
        _into_layer_after(traced, node, _affine(norm))
    node.replace_all_uses_with(before)
    traced.graph.erase_node(node)


def _affine(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> Affine:
    if norm.running_mean is None or norm.running_var is None:
        raise NotApplicableError("a BatchNorm without running statistics depends on its batch: it cannot be folded")
    gamma = torch.ones_like(norm.running_var) if norm.weight is None else norm.weight
    beta = torch.zeros_like(norm.running_mean) if norm.bias is None else norm.bias
    scale = gamma.double() / (norm.running_var.double() + norm.eps).sqrt()
    return Affine(scale, beta.double() - norm.running_mean.double() * scale, gamma.abs() < CONSTANT)


def _into_layer_before(layer: nn.Conv2d | nn.Linear, affine: Affine) -> None:
    """a (W x + c) + b = (a W) x + (a c + b)."""
    weight = layer.weight.double() * _along(affine.scale, 0, layer.weight)
    bias = affine.shift if layer.bias is None else affine.scale * layer.bias.double() + affine.shift
    _set(layer, weight, bias)


def _into_layer_after(traced: fx.GraphModule, node: fx.Node, affine: Affine) -> None:
    relu = _only_user(traced, node)
    if not isinstance(_module(traced, relu), nn.ReLU):
        raise NotApplicableError(f"BatchNorm {node.target} stands before no ReLU: it cannot be folded")
    layer = _layer_after(traced, relu)
    _only_call(traced, relu)
    traced.set_submodule(str(relu.target), _threshold(affine, layer.weight))
    scale = affine.scale.masked_fill(affine.constant, 0.0)
    shift = torch.where(affine.constant, affine.shift.clamp(min=0), affine.shift)
    weight = layer.weight.double()
    spread = (weight * _along(shift, 1, weight)).flatten(1).sum(1)
    bias = spread if layer.bias is None else layer.bias.double() + spread
    _set(layer, weight * _along(scale, 1, weight), bias)


def _threshold(affine: Affine, like: Tensor) -> Threshold:
    turn = -affine.shift / torch.where(affine.constant, torch.ones_like(affine.scale), affine.scale)
    endless = torch.full_like(turn, torch.inf)
    low = torch.where((affine.scale > 0) & ~affine.constant, turn, -endless)
    high = torch.where((affine.scale < 0) & ~affine.constant, turn, endless)
    return Threshold(low.to(like), high.to(like))


def _layer_after(traced: fx.GraphModule, node: fx.Node) -> nn.Conv2d | nn.Linear:
    """The unpadded convolution or linear layer that takes the node's output, through what averages or reshapes."""
    name = node.target
    while True:
        node = _only_user(traced, node)
        module = _module(traced, node)
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and _plain(module)):
            _only_call(traced, node)
            return module
        if not isinstance(module, TRANSPARENT) or (isinstance(module, nn.AvgPool2d) and module.padding != 0):
            raise NotApplicableError(f"the BatchNorm before {name} cannot be folded past {node.target}")


def _plain(layer: nn.Conv2d) -> bool:
    return layer.groups == 1 and layer.padding in (0, (0, 0), "valid")


def _only_user(traced: fx.GraphModule, node: fx.Node) -> fx.Node:
    if len(node.users) != 1:
        raise NotApplicableError(f"the output of {node.target} is used {len(node.users)} times: it cannot be folded")
    return next(iter(node.users))


def _calls(traced: fx.GraphModule, node: fx.Node) -> int:
    """How often the network calls the node's module: what is folded into it goes to every call."""
    return sum(other.op == "call_module" and other.target == node.target for other in traced.graph.nodes)


def _only_call(traced: fx.GraphModule, node: fx.Node) -> None:
    if (calls := _calls(traced, node)) != 1:
        raise NotApplicableError(f"{node.target} is called {calls} times: a BatchNorm cannot be folded into it")


def _along(values: Tensor, axis: int, weight: Tensor) -> Tensor:
    return values.view([-1 if i == axis else 1 for i in range(weight.dim())])


def _set(layer: nn.Conv2d | nn.Linear, weight: Tensor, bias: Tensor) -> None:
    like = layer.weight
    layer.weight = nn.Parameter(weight.to(like), requires_grad=False)
    layer.bias = nn.Parameter(bias.to(like), requires_grad=False)
