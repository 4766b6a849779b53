"""From tissue to a radiograph: attenuation, scatter, detector, noise, display.

Beer-Lambert along straight parallel rays at one effective energy (about 45 keV, a 60 kVp beam behind the wrist).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from xraybench.data.phantom.anatomy import Tissue
from xraybench.data.phantom.shapes import Array

SOFT = 0.024  # linear attenuation in 1/mm: water at 45 keV (NIST XCOM)
COMPACT = 0.105  # cortical bone at 45 keV
LEVELS = 255  # grey levels of the display, beside black


@dataclass(frozen=True)
class Exposure:
    """How a site makes its radiographs.

    dose: quanta per mm^2 without an object; scatter: scattered over primary radiation behind the anti-scatter grid;
    blur: deviation of the detector's blur in mm; window: the attenuation shown as black and as white; gamma: exponent
    of the display curve.
    """

    dose: float
    scatter: float
    blur: float
    window: tuple[float, float]
    gamma: float


def attenuation(tissue: Tissue) -> Array:
    """Line integral [H,W] of the attenuation, dimensionless; bone takes the place of soft tissue."""
    bone = tissue.compact + tissue.spongy
    value: Array = SOFT * np.maximum(tissue.soft, bone) + (COMPACT - SOFT) * bone
    return value


def transmitted(line_integral: Array) -> Array:
    """Beer-Lambert: the share of quanta that passes."""
    value: Array = np.exp(-line_integral)
    return value


def scattered(soft: Array, pitch: float, share: float, reach: float = 15.0) -> Array:
    """Scattered radiation [H,W] per open-field quantum: a wide blur of what soft tissue lets pass.

    From soft tissue alone, which is nearly all of it: so a finding in a bone leaves the rest of the image untouched.
    """
    step = max(1, round(3.0 / pitch))
    coarse = gaussian_filter(transmitted(SOFT * soft[::step, ::step]), reach / (pitch * step), mode="nearest")
    rows, columns = (
        np.minimum(np.arange(n, dtype=np.float32) / step, m - 1) for n, m in zip(soft.shape, coarse.shape, strict=True)
    )
    first = np.minimum(rows.astype(int), coarse.shape[0] - 2)
    part = (rows - first).astype(np.float32)[:, None]
    fine = coarse[first] * (1 - part) + coarse[first + 1] * part
    first = np.minimum(columns.astype(int), coarse.shape[1] - 2)
    part = (columns - first).astype(np.float32)
    value: Array = share * (fine[:, first] * (1 - part) + fine[:, first + 1] * part)
    return value


def binned(fine: Array, factor: int) -> Array:
    """Mean over factor x factor samples: a detector element integrates over its area."""
    size = fine.shape[0] // factor
    value: Array = fine.reshape(size, factor, size, factor).mean((1, 3)) if factor > 1 else fine
    return value


def detected(signal: Array, pitch: float, exposure: Exposure, noise: Array) -> Array:
    """Counts per open-field quantum [H,W]: the blurred signal and its quantum noise.

    noise: standard-normal [H,W]; scaled by the root of the expected counts (the normal limit of Poisson), so that two
    radiographs with one noise field differ by their signal only.
    """
    seen = signal
    if 3 * exposure.blur / pitch >= 0.5:  # a narrower blur reaches no neighbour
        seen = gaussian_filter(signal, exposure.blur / pitch, mode="nearest", truncate=3)
    counts = exposure.dose * pitch * pitch
    value: Array = np.maximum(seen + noise * np.sqrt(seen / np.float32(counts)), np.float32(1e-4))
    return value


def displayed(counts: Array, exposure: Exposure) -> Array:
    """Grey values [H,W] as float32 k/255: logarithm, fixed window, display curve; dense tissue is bright."""
    low, high = exposure.window
    level = np.clip((-np.log(counts) - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return quantised(level ** np.float32(exposure.gamma))


def quantised(level: Array) -> Array:
    """The nearest of 256 grey levels, float32 in [0,1]: what an 8-bit file holds."""
    value: Array = np.round(level * LEVELS).astype(np.float32) / np.float32(LEVELS)
    return value
