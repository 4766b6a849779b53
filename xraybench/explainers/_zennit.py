"""How zennit's composites are called: on a canonised copy, or on a plain one where they change ReLUs' gradients."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import zennit.composites
from torch import Tensor, nn
from zennit.core import Composite

from xraybench.explainers._copy import detached_copy
from xraybench.explainers._hooks import relus
from xraybench.explainers._relevance import PASSING, prepared_once, relevance
from xraybench.spec import Context


def propagated(
    name: str, settings: Mapping[str, Any], model: nn.Module, images: Tensor, targets: Tensor, context: Context
) -> Tensor:
    """Maps [B,H,W] of the named composite, channels summed; rules start from the logit, changed gradients from one."""
    composite = composed(name, settings, images, context)
    if "bn" in settings:
        with prepared_once(model, settings["bn"]) as copy:
            return relevance(copy, composite, images, targets, context.batch_size).sum(1)
    relus(model)
    copy = detached_copy(model)
    return relevance(copy, composite, images, targets, context.batch_size, start="one").sum(1)


def composed(name: str, settings: Mapping[str, Any], images: Tensor, context: Context) -> Composite:
    """zennit's composite of the name; one with rules of relevance also knows what hands it on as it comes."""
    made = getattr(zennit.composites, name)
    accepted = inspect.signature(made.__init__).parameters
    bounds = {"low": context.low.to(images)[None], "high": context.high.to(images)[None]}
    options = {key: value for key, value in {**bounds, **settings}.items() if key in accepted}
    if "bn" in settings:
        options["layer_map"] = list(PASSING)
    composite: Composite = made(**options)
    return composite
