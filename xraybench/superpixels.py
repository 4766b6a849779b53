"""SLIC superpixels of an image: what superpixel explainers and metrics take away together."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.segmentation import slic
from torch import Tensor

COMPACTNESS, SIGMA = 0.1, 1.0  # of SLIC, for one channel scaled to [0, 1], smoothed so that noise makes no segments
REMEMBERED = 2**27  # bytes of superpixels that the next method finds again: 1,300 images at 224 pixels


class Remembered:
    """Arrays by key, in so many bytes; what was asked for longest ago is forgotten first."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.arrays: dict[tuple[bytes, int], NDArray[np.integer]] = {}

    def __call__(self, key: tuple[bytes, int], compute: Callable[[], NDArray[np.integer]]) -> NDArray[np.integer]:
        """What is kept, or computed where it is not."""
        found = self.arrays.pop(key) if key in self.arrays else compute()
        self.arrays[key] = found
        while sum(array.nbytes for array in self.arrays.values()) > self.size:
            del self.arrays[next(iter(self.arrays))]
        return found


_remembered = Remembered(REMEMBERED)


def superpixels(image: Tensor, segments: int) -> Tensor:
    """Int64 [H,W], numbered from 0 without gaps: at most `segments` SLIC superpixels of the mean over channels (as
    float32).

    Made once for an image, whichever methods and metrics ask.
    """
    grey = image.detach().double().mean(0).float().cpu().numpy()
    key = blake2b(repr(grey.shape).encode() + grey.tobytes()).digest(), segments
    numbers = _remembered(key, lambda: _numbers(grey, segments))
    return torch.from_numpy(numbers.astype(np.int64)).to(image.device)


def _numbers(grey: NDArray[np.float32], segments: int) -> NDArray[np.integer]:
    """In the smallest whole numbers that hold so many."""
    values = grey.astype(np.float64)
    spread = float(np.ptp(values))
    scaled = (values - values.min()) / spread if spread else np.zeros_like(values)
    found = _slic(scaled, segments)
    for wanted in range(segments - 1, 0, -1):  # slic aims at a number, and may give more
        if found.max() < segments:
            break
        found = _slic(scaled, wanted)
    _, numbers = np.unique(found, return_inverse=True)
    return numbers.reshape(found.shape).astype(np.min_scalar_type(segments))


def _slic(grey: NDArray[np.float64], wanted: int) -> NDArray[np.int64]:
    found: NDArray[np.int64] = slic(
        grey, n_segments=wanted, compactness=COMPACTNESS, sigma=SIGMA, channel_axis=None, start_label=0
    )
    return found
