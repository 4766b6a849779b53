"""Quantus's metrics asked directly, on logits and maps as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import quantus
import torch
from torch import nn

from tests.metrics.cases import gradients
from xraybench.spec import Evidence

ExplainFunc = Callable[..., np.ndarray]
AS_THEY_ARE = {"abs": False, "normalise": False, "disable_warnings": True, "display_progressbar": False}


def asked(
    here: Evidence,
    name: str,
    explain: ExplainFunc | None = None,
    size: int = 64,
    softmax: bool = False,
    **parameters: Any,
) -> Any:
    """What Quantus's metric of that name says of the evidence, `size` images at once, from a fixed seed."""
    np.random.seed(0)
    return getattr(quantus, name)(**AS_THEY_ARE | parameters)(
        model=here.model, x_batch=here.images.numpy(), y_batch=here.targets.numpy(),
        a_batch=here.maps[:, None].numpy().copy(), explain_func=explain or gradient, softmax=softmax,
        channel_first=True, device="cpu", batch_size=size,
    )  # fmt: skip


def gradient(model: nn.Module, inputs: Any, targets: Any, **_: Any) -> np.ndarray:
    """The explainer of the cases as Quantus calls it: maps [B,1,H,W]."""
    images = torch.as_tensor(inputs, dtype=torch.float32)
    return gradients(model, images, torch.as_tensor(targets))[:, None].numpy()
