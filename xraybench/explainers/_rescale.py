"""DeepLIFT's rescale rule (Shrikumar et al., ICML 2017, eq. 14 and 15) in its gradient form (Ancona et al., ICLR 2018).

Every nonlinearity's derivative is replaced by (f(x) - f(x0)) / (x - x0), x0 what reaches it from the baseline; max
pooling hands its difference to the winner of image or baseline. Each module has its own rule whatever stands next to
it, and overlapping pooling windows add up, so that contributions sum to the difference of the logits.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from xraybench.errors import NotApplicableError
from xraybench.explainers._kept import kept

ELEMENTWISE = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus)
SIGMOIDAL = (nn.Tanh, nn.Sigmoid, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.Softsign)
POOLINGS = (nn.MaxPool1d, nn.MaxPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)
CACHED = 2**18  # entries of a tensor that are worked on at once
ROUNDING = 8  # differences of less than so many units of rounding take the derivative

Hook = Callable[[str, nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]


@dataclass(frozen=True)
class Seen:
    """What the baseline sends through a module: input and output, both with a batch of one."""

    input: Tensor
    output: Tensor

    @cached_property
    def positive(self) -> Tensor:
        """1 where the input is positive, 0 elsewhere."""
        return (self.input > 0).to(self.input)

    @cached_property
    def size(self) -> Tensor:
        """The input's modulus, and never 0."""
        return self.input.abs().clamp_(min=torch.finfo(self.input.dtype).tiny)


@dataclass(frozen=True)
class _Reference:
    """A baseline [C,H,W], its logits [K], and what every nonlinearity of the model, by name, saw of it."""

    baseline: Tensor
    logits: Tensor
    seen: dict[str, Seen]

    def serves(self, baseline: Tensor) -> bool:
        """Whether it is of this very baseline."""
        mine = self.baseline
        return (mine.dtype, mine.device) == (baseline.dtype, baseline.device) and torch.equal(mine, baseline)


@contextmanager
def rescaled(model: nn.Module, baseline: Tensor) -> Iterator[Tensor]:
    """Gradients through the model are DeepLIFT multipliers against the baseline [C,H,W]; gives its logits [K].

    The baseline passes once while the model stays the same.
    """
    with kept(model, "deeplift", lambda found: found.serves(baseline), lambda: _reference(model, baseline)) as known:

        def replace(name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            rule = _Pooled if isinstance(module, POOLINGS) else _Rectified if isinstance(module, nn.ReLU) else _Sloped
            multiplied: Tensor = rule.apply(inputs[0], output.detach(), module, known.seen[name])
            return multiplied

        with _hooked(model, replace):
            yield known.logits


def _reference(model: nn.Module, baseline: Tensor) -> _Reference:
    seen: dict[str, Seen] = {}

    def record(name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if name in seen:
            raise NotApplicableError("one activation module is used twice: DeepLIFT needs one for each use")
        seen[name] = Seen(inputs[0].detach(), output.detach())

    with torch.no_grad(), _hooked(model, record):
        logits: Tensor = model(baseline.unsqueeze(0))
    return _Reference(baseline.clone(), logits[0], seen)


@contextmanager
def _hooked(model: nn.Module, hook: Hook) -> Iterator[None]:
    kinds = (*ELEMENTWISE, *SIGMOIDAL, *POOLINGS)
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, kinds)]
    handles = [module.register_forward_hook(partial(hook, name)) for name, module in found]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _near(difference: Tensor, *values: Tensor) -> Tensor:
    """Where a difference is lost in the rounding of the values that it comes from."""
    size = values[0].abs()
    for value in values[1:]:
        size = torch.maximum(size, value.abs())
    return difference.abs() <= ROUNDING * torch.finfo(difference.dtype).eps * size


def _slope(module: nn.Module, inputs: Tensor, output: Tensor, seen: Seen) -> Tensor:
    """(f(x) - f(x0)) / (x - x0), and f'(x) where x is x0."""
    difference = inputs - seen.input
    near = _near(difference, seen.input, seen.output)
    quotient = (output - seen.output).div_(difference)
    return torch.where(near, _derivative(module, inputs), quotient) if bool(near.any()) else quotient


def _derivative(module: nn.Module, inputs: Tensor) -> Tensor:
    """The module's own, past all hooks."""
    with torch.enable_grad():
        leaves = inputs.detach().requires_grad_()
        (result,) = torch.autograd.grad(module.forward(leaves).sum(), leaves)
    return result


class _Sloped(torch.autograd.Function):
    """A nonlinearity whose backward is a product with its slope."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, output: Tensor, module: nn.Module, seen: Seen) -> Tensor:
        ctx.save_for_backward(inputs, output)
        ctx.module, ctx.seen = module, seen
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        inputs, output = ctx.saved_tensors
        slope = _slope(ctx.module, inputs, output, ctx.seen)
        return slope.mul_(gradients[0]), None, None, None


class _Rectified(_Sloped):
    """A ReLU's slope without differences: |x0| / (|x0| + f(-x)) where x0 is positive, f(x) / (|x0| + f(x)) elsewhere.

    On a CPU so many images at once that what stands between them and their result stays in the cache.
    """

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (inputs, output), seen = ctx.saved_tensors, ctx.seen
        result = torch.empty_like(output)
        step = len(inputs) if inputs.is_cuda else max(1, CACHED // seen.input.numel())
        for x, y, given, made in zip(*(t.split(step) for t in (inputs, output, gradients[0], result)), strict=True):
            far = torch.addcmul(y, seen.positive, x, value=-1)  # f(x) - x is f(-x)
            torch.lerp(far, seen.size, seen.positive, out=made)
            made.div_(far.add_(seen.size)).mul_(given)
        return result, None, None, None


class _Pooled(_Sloped):
    """Max pooling whose backward hands a window's difference to the input that makes it: where the maximum rose, to the
    image's winner, and where it fell to the baseline's.
    """

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        inputs, output = ctx.saved_tensors
        given, first = output.flatten(2), ctx.seen.output.flatten(2)
        winners = torch.where(given >= first, _winners(ctx.module, inputs), _winners(ctx.module, ctx.seen.input))
        difference = (inputs - ctx.seen.input).flatten(2).gather(2, winners)
        near = _near(difference, torch.maximum(given, first))
        handed = torch.where(near, 1.0, (given - first) / difference).mul_(gradients[0].flatten(2))
        result = torch.zeros_like(inputs, memory_format=torch.contiguous_format)
        result.flatten(2).scatter_add_(2, winners, handed)
        return result, None, None, None


def _winners(module: nn.Module, inputs: Tensor) -> Tensor:
    """Where in a map, its pixels counted through, each window's maximum stands: int64 [B,C,windows]."""
    indexed: Any = copy.copy(module)
    indexed.return_indices = True
    places: Tensor = indexed.forward(inputs)[1]
    return places.flatten(2)
