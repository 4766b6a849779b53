"""DeepLIFT's rescale rule (Shrikumar et al., ICML 2017, eq. 14 and 15) in its gradient form (Ancona et al., ICLR 2018).

Every nonlinearity's derivative is replaced by (f(x) - f(x0)) / (x - x0), x0 what reaches it from the baseline; max
pooling hands its difference to the winners of image and baseline. Each module has its own rule whatever stands next to
it, and overlapping pooling windows add up, so that contributions sum to the difference of the logits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xraybench.errors import NotApplicableError

ELEMENTWISE = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus)
SIGMOIDAL = (nn.Tanh, nn.Sigmoid, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.Softsign)
POOLINGS = (nn.MaxPool1d, nn.MaxPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)
NEAR = 1e-6  # differences below it take the derivative

Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]


@dataclass(frozen=True)
class Seen:
    """What the baseline sends through a module: input and output, both with a batch of one."""

    input: Tensor
    output: Tensor


def baseline_pass(model: nn.Module, baseline: Tensor) -> tuple[Tensor, dict[nn.Module, Seen]]:
    """Logits of the baseline [C,H,W] -> [K], and what every nonlinearity saw."""
    seen: dict[nn.Module, Seen] = {}

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if module in seen:
            raise NotApplicableError("one activation module is used twice: DeepLIFT needs one for each use")
        seen[module] = Seen(inputs[0].detach(), output.detach())

    with torch.no_grad(), _hooked(model, record):
        logits: Tensor = model(baseline.unsqueeze(0))
    return logits[0], seen


@contextmanager
def rescaled(model: nn.Module, seen: dict[nn.Module, Seen]) -> Iterator[None]:
    """Gradients through the model are DeepLIFT multipliers against the recorded baseline."""

    def replace(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if isinstance(module, POOLINGS):
            pooled: Tensor = _Pooled.apply(inputs[0], output.detach(), module, seen[module])
            return pooled
        slope = _slope(module, inputs[0].detach(), output.detach(), seen[module])
        return output.detach() + (inputs[0] - inputs[0].detach()) * slope

    with _hooked(model, replace):
        yield


@contextmanager
def _hooked(model: nn.Module, hook: Hook) -> Iterator[None]:
    kinds = (*ELEMENTWISE, *SIGMOIDAL, *POOLINGS)
    handles = [module.register_forward_hook(hook) for module in model.modules() if isinstance(module, kinds)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _slope(module: nn.Module, inputs: Tensor, output: Tensor, seen: Seen) -> Tensor:
    """(f(x) - f(x0)) / (x - x0), and f'(x) where x is x0."""
    difference = inputs - seen.input
    near = difference.abs() < NEAR
    if not bool(near.any()):
        return (output - seen.output) / difference
    derivative = _pulled_back(module, inputs, torch.ones_like(output))
    return torch.where(near, derivative, (output - seen.output) / difference.masked_fill(near, 1.0))


def _pulled_back(module: nn.Module, inputs: Tensor, gradient: Tensor) -> Tensor:
    """The module's own backward, past all hooks."""
    with torch.enable_grad():
        leaves = inputs.detach().requires_grad_()
        (result,) = torch.autograd.grad(module.forward(leaves), leaves, gradient)
    return result


class _Pooled(torch.autograd.Function):
    """Max pooling whose backward hands the output's difference to the winners' inputs."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, output: Tensor, module: nn.Module, seen: Seen) -> Tensor:
        ctx.save_for_backward(inputs, output)
        ctx.module, ctx.seen = module, seen
        return output.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (inputs, output), seen, gradient = ctx.saved_tensors, ctx.seen, gradients[0]
        higher = torch.maximum(output, seen.output)
        rise = _pulled_back(ctx.module, inputs, gradient * (higher - seen.output))
        fall = _pulled_back(ctx.module, seen.input.expand_as(inputs).clone(), gradient * (output - higher))
        difference = inputs - seen.input
        near = difference.abs() < NEAR
        plain = _pulled_back(ctx.module, inputs, gradient)
        return torch.where(near, plain, (rise + fall) / difference.masked_fill(near, 1.0)), None, None, None
