"""A classical segmentation of the lungs on a frontal chest radiograph, good for a box around them, not for an outline.

Watershed of the gradient (Beucher & Lantuejoul 1979) from three markers: the darkest place where each lung is looked
for, and what is no lung: the picture's border, its middle (spine and heart) and its foot. A pair of lungs is accepted
where both are of a lung's size, clearly darker than the middle, and beside one another. Dense lower lobes are missed:
so the box reaches at least as far down as lungs of its width do.
"""

from __future__ import annotations

import numpy as np

from xraybench.data.geometry import Crop, Resize, box_around

SIDE = 128  # pixels of the picture that is segmented
SMOOTHING = 2.0  # pixels, standard deviation
ROWS, LEFT, RIGHT = slice(36, 76), slice(18, 52), slice(76, 110)  # where each lung's darkest place is looked for
MARKER = 12.0  # percent of those pixels, the darkest, that are its marker
BORDER, FOOT, MIDDLE = 3, 12, slice(61, 67)
SMALLEST, LARGEST = 0.04, 0.33  # share of the picture that one lung may take
CONTRAST = 0.75  # standard deviations of the picture by which lungs are darker than its middle
HEIGHT = 0.9  # of a pair of lungs, at least, in shares of its width
OTHER, LUNGS = 1, (2, 3)  # labels of the markers


def lung_box(image: np.ndarray, margin: float) -> Crop | None:
    """The box around the lungs, `margin` of its sides wider on each; None where no pair of lungs is found."""
    lungs = find_lungs(image)
    if lungs is None:
        return None
    box = box_around(lungs, 0)
    lower = min(len(lungs), box.top + max(box.height, round(HEIGHT * box.width)))
    lungs[lower - 1, box.left] = True
    return box_around(lungs, margin)


def find_lungs(image: np.ndarray) -> np.ndarray | None:
    """bool [H,W], or None where no pair of lungs is found."""
    from scipy.ndimage import gaussian_filter
    from skimage.filters import sobel
    from skimage.segmentation import watershed

    small = gaussian_filter(Resize(SIDE, SIDE).apply(image), SMOOTHING)
    labels = watershed(sobel(small), _markers(small))
    lungs = [labels == label for label in LUNGS]
    if not _plausible(small, lungs):
        return None
    enlarged: np.ndarray = Resize(*image.shape).apply((lungs[0] | lungs[1]).astype(np.float32)) >= 0.5
    return enlarged


def _markers(small: np.ndarray) -> np.ndarray:
    """int [SIDE,SIDE]: 0 where the watershed decides."""
    markers = np.zeros(small.shape, np.int32)
    for label, columns in zip(LUNGS, (LEFT, RIGHT), strict=True):
        place = small[ROWS, columns]
        markers[ROWS, columns][place <= np.percentile(place, MARKER)] = label
    markers[:, MIDDLE] = OTHER
    markers[-FOOT:] = markers[:BORDER] = OTHER
    markers[:, :BORDER] = markers[:, -BORDER:] = OTHER
    return markers


def _plausible(small: np.ndarray, lungs: list[np.ndarray]) -> bool:
    """Size, darkness and place of both."""
    areas = [lung.mean() for lung in lungs]
    if not all(SMALLEST <= area <= LARGEST for area in areas):
        return False
    both = lungs[0] | lungs[1]
    middles = [float(np.flatnonzero(lung.any(1)).mean()) for lung in lungs]
    contrast = small[:, MIDDLE].mean() - small[both].mean()
    return bool(contrast > CONTRAST * small.std()) and abs(middles[0] - middles[1]) < SIDE / 4
