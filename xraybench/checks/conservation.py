"""How far the sum of relevance is from the explained logit, network by network and rule by rule."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from xraybench import registry
from xraybench.checks.families import FAMILIES, network
from xraybench.errors import NotApplicableError
from xraybench.explainers._lrp_canoniser import canonised
from xraybench.explainers._relevance import prepared
from xraybench.spec import Context

TOLERANCE = 1e-4  # relative
LAST_DIGITS = 1e-12  # relative: what float64 leaves
IMAGES = 3
METHODS = (
    "lrp-z",
    "lrp-epsilon",
    "lrp-alpha2-beta1",
    "lrp-alpha1-beta0",
    "lrp-epsilon-plus-flat",
    "lrp-epsilon-gamma-box",
    "deep-taylor",
)
ABSORBING = ("lrp-epsilon",)  # its epsilon is the method, not a stabiliser
SUBJECTS = ("densenet121", *FAMILIES)
SIDES = {"densenet121": 32, "resnet50": 32}
ROUNDED = ("densenet121", "resnet50", "small-cnn", "densenet", "resnet")  # whose BatchNorms are folded
DRAWS, PER_DRAW = 4, 16  # weights; images of each
CANCELLED = 1e9  # times the logit: of shares that large float64 keeps few digits of their sum
CONDITIONS = f"""How far the sum of a map is from its logit, relative, in the worst of {IMAGES} images, each for its
largest logit: in float64, stabiliser 1e-12, on images without exact zeros, BatchNorms folded into their neighbours,
biases without a share, networks with random weights, whose BatchNorms have shifts and measured statistics. `exact`:
within {TOLERANCE:g}; `n/a`: the method is skipped; `cancels`: the map's values sum to their logit in exact arithmetic
alone, because they are more than {CANCELLED:g} times as large (they divide by sums of both signs that are near 0).
lrp-epsilon keeps its epsilon of 0.25: it absorbs small sums and multiplies others, and conserves nowhere.
One-signed neurons are active and have contributions of one sign only (at padded corners, where few inputs are active,
or thanks to a bias): alpha-beta rules have no share of the other sign to give."""
BLACK = """The same on images whose left half is black, with the methods' own stabiliser: the mean in percent of the
logit, absorbed or made. Neurons that see nothing but black have no input to hand relevance to."""

ROUNDING = f"""What folding BatchNorms costs in float32: how far logits are from those of float64, root mean square over
{DRAWS} draws of weights and {PER_DRAW} images each, relative to the largest; of the network as it is, and of its copy
without BatchNorms. Folding is exact but for rounding: in float64 the two are within {LAST_DIGITS:g} of one another."""


def conserved(subject: str, method: str) -> str:
    """`exact`, the relative error, `cancels`, or `n/a`."""
    try:
        errors, cancels = measured(subject, method, exact=True)
    except NotApplicableError:
        return "n/a"
    error = float(errors.max())
    return "cancels" if cancels else "exact" if error < TOLERANCE else f"{error:.2g}"


def share(subject: str, method: str) -> str:
    """The mean relative error on half-black images, in percent, `cancels`, or `n/a`."""
    try:
        errors, cancels = measured(subject, method, exact=False)
    except NotApplicableError:
        return "n/a"
    percent = 100 * float(errors.mean())
    return "cancels" if cancels else f"{percent:.1f}" if percent < 1000 else f"{percent:.2g}"


def measured(subject: str, method: str, exact: bool) -> tuple[Tensor, bool]:
    """|sum of the map - logit| / |logit| of every image, and whether any map cancels; images as CONDITIONS or BLACK."""
    model, images, targets, context = case(subject, black=not exact)
    explainer: Any = registry.build("explainers", registry.parse_call(method))
    if exact:
        explainer = replace(explainer, stabilizer=1e-12)
        if hasattr(explainer, "epsilon") and method not in ABSORBING:
            explainer = replace(explainer, epsilon=1e-12)
    maps = explainer(model, images, targets, context)
    with torch.no_grad():
        logits = model(images).gather(1, targets[:, None])[:, 0]
    errors: Tensor = (maps.sum((1, 2)) - logits).abs() / logits.abs()
    return errors, bool((maps.abs().sum((1, 2)) > CANCELLED * logits.abs()).any())


def rounding(subject: str) -> tuple[float, float]:
    """Errors of float32's logits as ROUNDING has them: of the network as it is, and of its canonised copy."""
    errors: tuple[list[Tensor], list[Tensor]] = ([], [])
    for draw in range(DRAWS):
        model = copy.deepcopy(_network(subject, draw)).float()
        images = torch.rand(PER_DRAW, 1, *[_side(subject)] * 2, generator=torch.Generator().manual_seed(draw))
        with torch.no_grad():
            folded, own = canonised(model)(images), model(images)
            exact = model.double()(images.double())
        for found, logits in zip(errors, (own, folded), strict=True):
            found.append((logits - exact) / exact.abs().max())
    own, folded = (float(torch.cat(found).square().mean().sqrt()) for found in errors)
    return own, folded


def one_signed(subject: str) -> int:
    """How many active neurons of convolutions and linear layers, over the images, have contributions of one sign."""
    model, images, _, _ = case(subject, black=False)
    folded = prepared(model, "canonised")
    found: list[int] = []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        signs = [_contributions(layer, inputs[0], sign) == 0 for sign in (1, -1)]
        found.append(int(((signs[0] | signs[1]) & (output > 0)).sum()))

    for module in folded.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        folded(images)
    return sum(found)


def _contributions(layer: nn.Module, inputs: Tensor, sign: int) -> Tensor:
    """The sum of a layer's contributions x w that have the sign."""
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    total = torch.zeros(())
    for part, towards in ((inputs.clamp(min=0), sign), (inputs.clamp(max=0), -sign)):
        weight = layer.weight.clamp(min=0) if towards > 0 else layer.weight.clamp(max=0)
        total = total + _applied(layer, part, weight)
    return total


def _applied(layer: nn.Conv2d | nn.Linear, inputs: Tensor, weight: Tensor) -> Tensor:
    """The layer without its bias, of another weight."""
    if isinstance(layer, nn.Linear):
        return functional.linear(inputs, weight)
    return functional.conv2d(inputs, weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)


@cache
def case(subject: str, black: bool) -> tuple[nn.Module, Tensor, Tensor, Context]:
    """A network in float64, three images, for each its largest logit, and a context; as CONDITIONS or BLACK."""
    generator = torch.Generator().manual_seed(5)
    side = _side(subject)
    images = 0.02 + 0.98 * torch.rand(IMAGES, 1, side, side, generator=generator).double()
    if black:
        images[..., : side // 2] = 0
    low, high = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    seeds = torch.arange(IMAGES)
    context = Context(torch.zeros(1, side, side), images.float(), low, high, seeds, batch_size=IMAGES)
    model = _network(subject)
    with torch.no_grad():
        targets = model(images).abs().argmax(1)  # a logit of 0, as of a network that ends in a ReLU, says nothing
    return model, images, targets, context


def _side(subject: str) -> int:
    return SIDES.get(subject) or FAMILIES[subject].side


@cache
def _network(subject: str, draw: int = 0) -> nn.Module:
    """Random weights; gains, shifts and statistics of BatchNorms that are not trivial, the latter measured."""
    side = _side(subject)
    with torch.random.fork_rng():
        torch.manual_seed(draw)
        registered = None if subject in FAMILIES else registry.load(registry.find("models", subject))
        model = (registered(3, 1, side) if registered else network(subject)).double().eval()
        norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, std=0.3)
            norm.train().momentum = 1.0
        with torch.no_grad():
            model(torch.rand(32, 1, side, side).double())
    made: nn.Module = model.eval()
    return made
