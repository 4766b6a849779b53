"""SLIC superpixels of an image: what superpixel explainers and metrics take away together."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.segmentation import slic
from torch import Tensor

COMPACTNESS, SIGMA = 0.1, 1.0  # of SLIC, for one channel scaled to [0, 1], smoothed so that noise makes no segments
REMEMBERED = 256  # images whose superpixels are found again by the next method: 100 MB at 224 pixels


def superpixels(image: Tensor, segments: int) -> Tensor:
    """Int64 [H,W], numbered from 0 without gaps: at most `segments` SLIC superpixels of the mean over channels (as
    float32).

    Made once for an image, whichever methods and metrics ask.
    """
    grey = image.detach().double().mean(0).float().cpu().numpy()
    numbers = _numbers(grey.tobytes(), grey.shape, segments)
    return torch.from_numpy(numbers.astype(np.int64)).to(image.device)


@lru_cache(maxsize=REMEMBERED)
def _numbers(content: bytes, shape: tuple[int, int], segments: int) -> NDArray[np.int32]:
    grey = np.frombuffer(content, np.float32).reshape(shape).astype(np.float64)
    spread = float(np.ptp(grey))
    scaled = (grey - grey.min()) / spread if spread else np.zeros_like(grey)
    found = _slic(scaled, segments)
    for wanted in range(segments - 1, 0, -1):  # slic aims at a number, and may give more
        if found.max() < segments:
            break
        found = _slic(scaled, wanted)
    _, numbers = np.unique(found, return_inverse=True)
    return numbers.reshape(found.shape).astype(np.int32)


def _slic(grey: NDArray[np.float64], wanted: int) -> NDArray[np.int64]:
    found: NDArray[np.int64] = slic(
        grey, n_segments=wanted, compactness=COMPACTNESS, sigma=SIGMA, channel_axis=None, start_label=0
    )
    return found
