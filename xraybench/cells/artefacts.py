"""What metrics compute of a model and its images alone, kept beside the model for all its cells and for later runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from xraybench.counting import counting
from xraybench.identity import digest
from xraybench.results import replacing

VERSION = 1  # of what is kept: a draw or an imputation that changes gives another artefact


@dataclass
class ModelArtefacts:
    """Tensors in <folder>/<digest of key, weights and images>.npy; `image_forwards` counts what was computed here.

    Two workers may compute the same one at once: both write the same bytes.
    """

    folder: Path
    model: nn.Module
    weights: str
    images: Sequence[tuple[str, int]]  # image ids with their explained logits
    image_forwards: int = field(default=0, init=False)

    def __call__(self, key: str, compute: Callable[[], Tensor]) -> Tensor:
        """The tensor of that name."""
        path = self.folder / f"{digest([VERSION, key, self.weights, *self.images])}.npy"
        if path.exists():
            return torch.from_numpy(np.load(path)).to(next(self.model.parameters()).device)
        with counting(self.model) as count:
            value = compute()
        self.image_forwards += count.image_forwards
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, value.cpu().numpy())
        return value
