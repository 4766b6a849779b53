"""What the beam passes in a chest: thickness maps, and where in the body each sample lies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xraybench.data.phantom.chest_anatomy import Build
from xraybench.data.phantom.shapes import Array
from xraybench.data.phantom.view import View

SOFT = 0.0206  # linear attenuation in 1/mm: water at 60 keV (NIST XCOM), a 120 kVp beam behind the chest
COMPACT = 0.060  # cortical bone at 60 keV
PARENCHYMA = 0.27  # share of tissue and blood in the lung's volume at full inspiration
AERATED = 1 - PARENCHYMA


@dataclass
class Maps:
    """Thickness maps in mm of the tables, float32 [H,W], and the geometry that findings are placed by.

    x, y: the body's coordinates at the view's samples; soft: the body's thickness; lung: of it, what lies between the
    chest wall, the mediastinum and the diaphragm, less the heart; air: of it, what is air; bone: compact bone; metal:
    a line integral. wall: distance inside the chest wall; medial: from the mediastinum's edge; above: height above
    the diaphragm; heart: the heart's thickness.
    """

    build: Build
    view: View
    x: Array
    y: Array
    soft: Array
    lung: Array
    air: Array
    bone: Array
    metal: Array
    wall: Array
    medial: Array
    above: Array
    heart: Array

    def copy(self) -> Maps:
        """Maps to draw findings on; the geometry is shared."""
        air, bone, metal, soft = (layer.copy() for layer in (self.air, self.bone, self.metal, self.soft))
        return replace(self, air=air, bone=bone, metal=metal, soft=soft)

    def consolidate(self, share: Array) -> None:
        """Fill a share [H,W] of the lung's air with fluid, in place."""
        self.air *= 1 - np.clip(share, 0, 1)

    def displace(self, thickness: Array) -> None:
        """Put something solid [H,W] in mm in the place of lung; it cannot take more than there is."""
        self.air -= np.minimum(thickness * np.float32(AERATED), np.minimum(self.air, self.lung))

    def line_integral(self) -> Array:
        """The attenuation along the rays, dimensionless."""
        value: Array = np.maximum(self.soft - self.air, 0)
        value *= np.float32(SOFT)
        value += np.float32(COMPACT - SOFT) * self.bone
        value *= np.float32(self.build.size)
        value += self.metal
        return value


def ellipse(x: Array, y: Array, at: tuple[float, float], half: tuple[float, float], angle: float = 0.0) -> Array:
    """Distance [H,W] in mm inside an ellipse about `at`, first order near its outline; angle: radians."""
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    dx, dy = x - np.float32(at[0]), y - np.float32(at[1])
    u, v = (c * dx + s * dy) * np.float32(1 / half[0]), (c * dy - s * dx) * np.float32(1 / half[1])
    tiny = np.float32(1e-8)  # keeps the middle from 0 / 0
    radius = np.sqrt(u * u + v * v + tiny)
    slope = np.sqrt(
        (u * np.float32(1 / half[0])) ** 2 + (v * np.float32(1 / half[1])) ** 2 + tiny * np.float32(1 / min(half) ** 2)
    )
    value: Array = (1 - radius) * radius / slope
    return value
