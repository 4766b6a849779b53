"""Prepared images as a training loop reads them: by position, normalised when they are asked for, never all at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xraybench.data.prepared import Prepared

SHARE = 0.5  # of the GPU's free memory that images may take


@dataclass(frozen=True)
class StoredImages:
    """Images of a prepared source: float32 [N,1,S,S] on the device, normalised by the training images.

    pixels: the source's own numbers [N,S,S], uint8 or the bits of uint16 as int16: in the GPU's memory where they fit,
    else mapped from the disk, so that memory stays flat in N.
    """

    pixels: Tensor | NDArray[np.generic]
    rows: NDArray[np.int64]  # of pixels
    mean: float
    std: float
    device: torch.device

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: Tensor | slice) -> Tensor:
        rows = self.rows[chosen if isinstance(chosen, slice) else chosen.numpy()]
        if isinstance(self.pixels, Tensor):
            stored = self.pixels[torch.from_numpy(rows).to(self.device)]
        else:
            read = torch.from_numpy(self.pixels[rows])
            stored = (read.pin_memory() if self.device.type == "cuda" else read).to(self.device, non_blocking=True)
        wide = stored.dtype == torch.int16
        grey = (stored.view(torch.uint16) if wide else stored).to(torch.float32) / (65535 if wide else 255)
        return ((grey - self.mean) / self.std).unsqueeze(1)


def stored_images(prepared: Prepared, rows: NDArray[np.int64], device: torch.device) -> StoredImages:
    """The images at these positions of the index."""
    mapped = prepared.pixels.view(np.int16) if prepared.pixels.dtype == np.uint16 else prepared.pixels
    facts, stored = prepared.statistics, np.asarray(prepared.stored[rows])
    if (
        device.type == "cuda"
        and mapped.itemsize * mapped[0].size * len(stored) <= SHARE * torch.cuda.mem_get_info(device)[0]
    ):
        held = torch.from_numpy(mapped[stored]).to(device)
        return StoredImages(held, np.arange(len(stored)), facts.mean, facts.std, device)
    return StoredImages(mapped, stored, facts.mean, facts.std, device)
