"""Does a metric keep its contract? One score an image, whatever its batch mates, and nothing changed on the way."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xraybench.checks.explainer import Finding, small_models
from xraybench.errors import NotApplicableError
from xraybench.explaining import ExplainAgain
from xraybench.registry import Call, build
from xraybench.spec import Annotated, Context, Cost, Evidence, Metric, Twins
from xraybench.untouched import changed, state_of

IMAGES, SIDE = 6, 32
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Trial:
    """Random evidence with everything a metric may ask for."""

    evidence: Evidence
    again: ExplainAgain

    def of(self, rows: slice) -> Evidence:
        """The evidence of some images, computed apart from the others."""
        whole, chosen = self.evidence, torch.arange(IMAGES)[rows]
        assert whole.twins is not None
        return dataclasses.replace(
            whole,
            images=whole.images[rows],
            grey=whole.grey[rows],
            targets=whole.targets[rows],
            maps=whole.maps[rows],
            regions={name: mask[rows] for name, mask in whole.regions.items()},
            seeds=whole.seeds[rows],
            twins=Twins(whole.twins.images[rows], whole.twins.difference[rows]),
            explain=self.again.take(chosen),
            contrast=self.again.take(chosen).against,
            shared={},
        )


def trial(model: nn.Module) -> Trial:
    """Fixed random images [6,1,32,32], maps by gradient, a square finding, and twins without it."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(IMAGES, 1, SIDE, SIDE, generator=generator)
    finding = torch.zeros(IMAGES, SIDE, SIDE, dtype=torch.bool)
    finding[:, 8:16, 8:16] = True
    seeds, targets = torch.arange(IMAGES) + 11, torch.arange(IMAGES) % 2
    low, high = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    context = Context(images.mean(0), images, low, high, seeds, batch_size=16)
    again = ExplainAgain(build("explainers", Call("gradient", {})), model, targets, context)
    twins = Twins(torch.where(finding[:, None], 0.0, images), finding)
    evidence = Evidence(
        model, images, images[:, 0], targets, again(images), {"finding": finding}, images.mean(0), seeds,
        Cost(1, 1, 1.0, 1), twins, again, again.against, 16,
        validation=lambda: Annotated(again(images), targets, {"finding": finding}, ("one", "two")),
    )  # fmt: skip
    return Trial(evidence, again)


def check_metric(metric: Metric) -> list[Finding]:
    """Every promise of the contract on a small convolutional model, one finding each; nothing is raised."""
    case = trial(small_models()["small-cnn"])
    try:
        return _promises(metric, case)
    except NotApplicableError as error:
        return [Finding("applies", True, f"not applicable: {error.message}")]
    except Exception as error:
        return [Finding("applies", False, repr(error))]


def _promises(metric: Metric, case: Trial) -> list[Finding]:
    before, maps = state_of(case.evidence.model), case.evidence.maps.clone()
    scores = metric(case.of(slice(None)))
    alone = torch.cat([metric(case.of(slice(row, row + 1))) for row in range(IMAGES)])
    low, high = metric.range
    inside = scores.isnan() | ((scores >= low - TOLERANCE) & (scores <= high + TOLERANCE))
    fault = changed(before, state_of(case.evidence.model))
    return [
        Finding("one score an image", tuple(scores.shape) == (IMAGES,), f"shape {tuple(scores.shape)}"),
        Finding("scores lie in its range", bool(inside.all()), f"range {low} to {high}"),
        Finding("same score without batch mates", _close(scores, alone), "each image scored alone"),
        Finding("same score twice", _close(scores, metric(case.of(slice(None)))), "scored twice"),
        Finding("maps left as they were", bool((maps == case.evidence.maps).all()), "evidence.maps"),
        Finding("model left as it was", not fault, fault or "parameters, mode, hooks, gradients"),
    ]


def _close(first: Tensor, second: Tensor) -> bool:
    return torch.allclose(first, second, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
