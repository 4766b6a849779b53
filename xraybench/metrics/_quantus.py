"""Carries evidence to Quantus and scores back; importing it takes as long as importing Quantus."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from typing import Any

import numpy as np
import quantus
import torch
from torch import Tensor, nn

from xraybench.errors import NotApplicableError, UsageError
from xraybench.identity import seed_of
from xraybench.metrics._explain import explainer_of
from xraybench.metrics._localisation import blank, region_of, undefined
from xraybench.spec import Evidence

ExplainFunc = Callable[..., np.ndarray]
PER_IMAGE_AND_QUIET = {"return_aggregate": False, "disable_warnings": True, "display_progressbar": False}


def scores(evidence: Evidence, method: str, parameters: Mapping[str, Any], needs: Set[str]) -> Tensor:
    """Float64 [B]: Quantus's score of each image, NaN where it would refuse the map or the mask."""
    metric = getattr(quantus, method)(**PER_IMAGE_AND_QUIET | dict(parameters))
    usable = ~blank(evidence.maps) & ~undefined(evidence.maps)
    masks = region_of(evidence, "finding") if "finding" in needs else None
    if masks is not None:
        usable &= masks.flatten(1).any(1)
    result = torch.full((len(evidence.maps),), float("nan"), dtype=torch.float64, device=evidence.maps.device)
    rows = usable.nonzero()[:, 0]
    if len(rows):
        explain = _explain_func(evidence, rows) if "explain" in needs else None
        with _own_random_state(evidence):
            found = _call(metric, evidence, rows, masks, explain)
        result[rows] = _per_image(found, len(rows), method).to(result.device)
    return result


def _call(metric: Any, evidence: Evidence, rows: Tensor, masks: Tensor | None, explain: ExplainFunc | None) -> Any:
    return metric(
        model=evidence.model,
        x_batch=_array(evidence.images[rows]),
        y_batch=_array(evidence.targets[rows]),
        a_batch=_array(evidence.maps[rows, None]),
        s_batch=None if masks is None else _array(masks[rows, None]),
        channel_first=True,
        explain_func=explain,
        softmax=False,
        device=str(evidence.images.device),
        batch_size=len(rows),
    )


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()


def _explain_func(evidence: Evidence, rows: Tensor) -> ExplainFunc:
    """Our explainer as Quantus calls it; the images that it left out stand unaltered beside its own."""
    explain = explainer_of(evidence)

    def explain_func(model: nn.Module, inputs: Any, targets: Any, device: str | None = None) -> np.ndarray:
        if not np.array_equal(targets, _array(evidence.targets[rows])):
            raise NotApplicableError("it explains other logits than the target, for which there is no explanation here")
        images = evidence.images.clone()
        images[rows] = torch.as_tensor(inputs).detach().to(images)
        return _array(explain(images, None if model is evidence.model else model)[rows, None])

    return explain_func


@contextmanager
def _own_random_state(evidence: Evidence) -> Iterator[None]:
    """Quantus draws from, and seeds, the global generators: it gets the images' seed, and they get their state back."""
    seed = seed_of("quantus", *evidence.seeds.tolist())
    python, numpy = random.getstate(), np.random.get_state()
    device = evidence.images.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            random.seed(seed)
            np.random.seed(seed % 2**32)
            torch.manual_seed(seed)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def _per_image(found: Any, count: int, method: str) -> Tensor:
    try:
        numbers = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape != (count,):
        raise UsageError(
            f"quantus:{method} gives no number per image with these parameters",
            "choose parameters that make it one number per image, or another metric",
        )
    return torch.from_numpy(numbers)
