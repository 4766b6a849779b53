"""Layer-wise relevance propagation with zennit's rules, on a canonised copy of the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from zennit.composites import LayerMapComposite, SpecialFirstLayerMapComposite, layer_map_base
from zennit.rules import AlphaBeta, Epsilon, Flat, Gamma, Pass, ZBox, ZPlus
from zennit.types import Convolution, Linear

from xraybench.errors import NotApplicableError
from xraybench.explainers._batches import in_batches
from xraybench.explainers._copy import detached_copy, with_hooks_of
from xraybench.explainers._kept import kept
from xraybench.explainers._lrp_canoniser import Threshold, canonised
from xraybench.explainers._lrp_sums import with_sums
from xraybench.explainers._model import explained

Start = Literal["logit", "one"]
UNRULED = (nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d, nn.Mish)  # zennit hands gradients through them, not relevance
ZERO_BIAS = "bias"  # biases take no relevance, so that what arrives at the image is the logit


PASSING = ((Threshold, Pass()), (nn.LocalResponseNorm, Pass()))  # what hands relevance on as it comes


@dataclass(frozen=True)
class _Copy:
    """A prepared copy, and how its BatchNorms were treated."""

    module: nn.Module
    bn: str


@contextmanager
def prepared_once(model: nn.Module, bn: str) -> Iterator[nn.Module]:
    """The model's prepared copy, with the hooks that the model as a whole has now. Raises as `prepared`."""
    with kept(model, "relevance", lambda copy: copy.bn == bn, lambda: _Copy(prepared(model, bn), bn)) as copy:
        yield with_hooks_of(model, copy.module)
        with_hooks_of(nn.Module(), copy.module)


def prepared(model: nn.Module, bn: str) -> nn.Module:
    """A copy to propagate through: BatchNorms folded (`canonised`) or left for the Pass rule (`pass`), sums visible."""
    if any(isinstance(module, nn.MultiheadAttention) for module in model.modules()):
        raise NotApplicableError("the rules of relevance propagation do not know attention")
    unruled = next((type(module).__name__ for module in model.modules() if isinstance(module, UNRULED)), None)
    if unruled is not None:
        raise NotApplicableError(f"relevance propagation has no rule for {unruled}: its sum would not be the logit")
    return with_sums(canonised(model) if bn == "canonised" else detached_copy(model))


def epsilon_plus_flat(epsilon: float, stabilizer: float) -> SpecialFirstLayerMapComposite:
    """Epsilon in linear layers, z+ in convolutions, flat in the first layer (Lapuschkin et al., 2019)."""
    layers = [
        *PASSING,
        *layer_map_base(stabilizer),
        (Convolution, ZPlus(stabilizer, ZERO_BIAS)),
        (Linear, Epsilon(epsilon, ZERO_BIAS)),
    ]
    return SpecialFirstLayerMapComposite(layers, [(Linear, Flat(stabilizer, ZERO_BIAS))])


def refuse_flat(model: nn.Module) -> None:
    """NotApplicableError where the flat rule would give every pixel the same: a fully connected first layer."""
    first = next((module for module in model.modules() if isinstance(module, Linear)), None)
    if isinstance(first, nn.Linear):
        raise NotApplicableError("the flat rule gives all pixels the same where the first layer is fully connected")


def deep_taylor(low: Tensor, high: Tensor, side: torch.Size, stabilizer: float) -> SpecialFirstLayerMapComposite:
    """z+ everywhere, z-box between `low` and `high` ([C,1,1]) in the first layer (Montavon et al., 2017).

    side: height and width of the images, for a first layer that sees them flattened.
    """
    layers = [*PASSING, *layer_map_base(stabilizer), (Linear, ZPlus(stabilizer, ZERO_BIAS))]
    return SpecialFirstLayerMapComposite(layers, _box(low, high, side, stabilizer))


def everywhere_epsilon(epsilon: float, stabilizer: float) -> LayerMapComposite:
    """The epsilon rule in every layer (LRP-0 where it is near 0)."""
    return LayerMapComposite([*PASSING, *layer_map_base(stabilizer), (Linear, Epsilon(epsilon, ZERO_BIAS))])


def everywhere_alpha_beta(alpha: float, beta: float, stabilizer: float) -> LayerMapComposite:
    """The alpha-beta rule in every layer."""
    rule = AlphaBeta(alpha, beta, stabilizer, ZERO_BIAS)
    return LayerMapComposite([*PASSING, *layer_map_base(stabilizer), (Linear, rule)])


def epsilon_gamma_box(
    epsilon: float, gamma: float, low: Tensor, high: Tensor, side: torch.Size, stabilizer: float
) -> SpecialFirstLayerMapComposite:
    """Epsilon in linear layers, gamma in convolutions, z-box in the first layer (Montavon et al., 2019)."""
    layers = [
        *PASSING,
        *layer_map_base(stabilizer),
        (Convolution, Gamma(gamma, stabilizer, ZERO_BIAS)),
        (Linear, Epsilon(epsilon, ZERO_BIAS)),
    ]
    return SpecialFirstLayerMapComposite(layers, _box(low, high, side, stabilizer))


def _box(low: Tensor, high: Tensor, side: torch.Size, stabilizer: float) -> list[tuple[Any, Any]]:
    """The z-box rule of a first layer, whether it sees images or, flattened, their pixels."""
    flat = [bound.expand(-1, *side).reshape(1, -1) for bound in (low, high)]
    return [
        (Convolution, ZBox(low[None], high[None], stabilizer, ZERO_BIAS)),
        (Linear, ZBox(*flat, stabilizer, ZERO_BIAS)),
    ]


def relevance(
    copy: nn.Module, composite: Any, images: Tensor, targets: Tensor, batch_size: int, start: Start = "logit"
) -> Tensor:
    """Relevance of every input [B,C,H,W], propagated from the target's logit (or from one, for changed gradients)."""

    def propagate(batch: Tensor, classes: Tensor) -> Tensor:
        leaves = batch.detach().clone().requires_grad_()
        logits = copy(leaves)
        chosen = torch.zeros_like(logits).scatter(1, classes[:, None], 1.0)
        (result,) = torch.autograd.grad(logits, leaves, chosen * logits.detach() if start == "logit" else chosen)
        return result

    with explained(copy), composite.context(copy):
        return in_batches(propagate, images, targets, batch_size)
