"""Superpixels, random sets of them, and the linear models that LIME and Kernel SHAP fit to the logit."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from xraybench.explainers._batches import even_split
from xraybench.explainers._model import explained, target_logits
from xraybench.spec import Context
from xraybench.superpixels import superpixels

Draw = Callable[[int, int, Generator], Tensor]
Fit = Callable[[Tensor, Tensor], Tensor]


def presence_logits(
    model: nn.Module, image: Tensor, segments: Tensor, present: Tensor, target: Tensor, context: Context
) -> Tensor:
    """Float64 [N], on the CPU: the target's logit of [1,C,H,W] where superpixels are present, [N,S] of 0/1, or not."""
    baseline, logits = context.baseline.to(image), []
    for piece in even_split(len(present), context.forwards_at_once):
        kept = present[piece].to(image)[:, segments].unsqueeze(1)
        shown = baseline + kept * (image - baseline)
        logits.append(target_logits(model, shown, target.expand(len(shown))))
    return torch.cat(logits).double().cpu()


def spread(values: Tensor, segments: Tensor) -> Tensor:
    """[H,W]: each superpixel's value, shared out among its pixels."""
    shares = values.to(segments.device) / torch.bincount(segments.flatten())
    return shares[segments]


def surrogate(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    context: Context,
    segments: int,
    samples: int,
    draw: Draw,
    fit: Fit,
) -> Tensor:
    """[B,H,W]: superpixels' values fitted to the logit of drawn sets; draw(samples, S, generator) [samples,S]."""
    maps = []
    with explained(model), torch.no_grad():
        for image, target, seed in zip(images.split(1), targets.split(1), context.seeds, strict=True):
            numbers = superpixels(image[0], segments)
            present = draw(samples, int(numbers.max()) + 1, Generator().manual_seed(int(seed)))
            logits = presence_logits(model, image, numbers, present, target, context)
            maps.append(spread(fit(present.double(), logits), numbers))
    return torch.stack(maps).to(images.dtype)


def coin_flips(samples: int, count: int, generator: Generator) -> Tensor:
    """The whole image first, then sets in which each superpixel is present with probability 1/2."""
    present = (torch.rand(samples, count, generator=generator) < 0.5).float()
    present[0] = 1.0
    return present


def lime_weights(present: Tensor, width: float) -> Tensor:
    """exp(-d^2 / width^2), d = 1 - cosine to the whole image: of a set of s among S, 1 - sqrt(s / S)."""
    distance = 1 - present.mean(1).sqrt()
    return torch.exp(-(distance**2) / width**2)


def ridge(present: Tensor, logits: Tensor, weights: Tensor, penalty: float) -> Tensor:
    """Weighted ridge regression with an unpenalised intercept: the superpixels' coefficients [S]."""
    shares = weights / weights.sum()
    x = present - shares @ present
    y = logits - shares @ logits
    gram = (x * shares[:, None]).T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    solved: Tensor = torch.linalg.lstsq(gram, (x * shares[:, None]).T @ y[:, None], driver="gelsd").solution
    return solved[:, 0]


def shapley_sets(samples: int, count: int, generator: Generator) -> Tensor:
    """Nothing, everything, then pairs of a set and its complement: sizes drawn by the Shapley kernel's total weight."""
    present = torch.zeros(samples, count)
    present[1] = 1.0
    if count == 1:
        return present
    sizes = torch.arange(1, count)
    weight = 1.0 / (sizes * (count - sizes))
    for row in range(2, samples, 2):
        size = int(sizes[torch.multinomial(weight, 1, generator=generator)])
        present[row, torch.randperm(count, generator=generator)[:size]] = 1.0
        if row + 1 < samples:
            present[row + 1] = 1 - present[row]
    return present


def shapley_values(present: Tensor, logits: Tensor) -> Tensor:
    """Least squares over the drawn sets, held to sum to f(everything) - f(nothing): values [S].

    The constraint is met by elimination of the last value; too few samples give the solution of least norm.
    """
    nothing, gain = logits[0], logits[1] - logits[0]
    sets, change = present[2:], logits[2:] - nothing
    free = sets[:, :-1] - sets[:, -1:]
    solved = torch.linalg.lstsq(free, (change - sets[:, -1] * gain)[:, None], driver="gelsd").solution[:, 0]
    return torch.cat([solved, (gain - solved.sum())[None]])
