"""Preprocessing: the steps of a task file, applied to a radiograph, its regions and its twin alike.

Where a step moves pixels, the move is found from the radiograph and applied to all of them. Where it changes greys,
regions stay as they are, and the twin's greys are changed by the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from xraybench import steps
from xraybench.data import geometry
from xraybench.data._frame import find_frame
from xraybench.data._lungs import lung_box
from xraybench.errors import DataError
from xraybench.steps import Step

SEGMENTED, FALLEN_BACK = "lung-roi: lungs segmented", "lung-roi: no lungs found, whole image kept"


@dataclass(frozen=True)
class View:
    """A radiograph on its way: image and twin float32 [H,W] in [0,1]; regions: the coverage, float32 [H,W], by name.

    notes: what happened on the way that a person should be able to count.
    """

    image: np.ndarray
    regions: Mapping[str, np.ndarray] = field(default_factory=dict)
    twin: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, image: np.ndarray, regions: Mapping[str, np.ndarray], twin: np.ndarray | None, name: str) -> View:
        """From what a source gives; DataError where a mask or the twin is not as large as the image called `name`."""
        for what, mask in regions.items():
            if mask.shape != image.shape:
                raise DataError(
                    f"{name}: its region {what!r} is {mask.shape}, the image {image.shape}",
                    "masks are as large as their images",
                )
        if twin is not None and twin.shape != image.shape:
            raise DataError(f"{name}: its twin is {twin.shape}, the image {image.shape}", "twins are of one size")
        return cls(image, {what: mask.astype(np.float32) for what, mask in regions.items()}, twin)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.image.shape
        return height, width

    def moved(self, move: geometry.Geometry) -> View:
        """Everything on it, moved alike."""
        regions = {name: move.apply(mask) for name, mask in self.regions.items()}
        twin = None if self.twin is None else move.apply(self.twin)
        return replace(self, image=move.apply(self.image), regions=regions, twin=twin)

    def regreyed(self, rule: Callable[[np.ndarray], np.ndarray]) -> View:
        """Image and twin with other greys."""
        return replace(self, image=rule(self.image), twin=None if self.twin is None else rule(self.twin))

    def noted(self, note: str) -> View:
        """With one more note."""
        return replace(self, notes=(*self.notes, note))

    @property
    def masks(self) -> dict[str, np.ndarray]:
        """The regions as masks, bool [H,W]: a pixel belongs to one where at least half of it does."""
        return {name: coverage >= 0.5 for name, coverage in self.regions.items()}


def process(view: View, chain: Sequence[Step], size: int) -> View:
    """The view after all steps; `size` is what "resize" resizes to."""
    for step in chain:
        view = apply_step(view, step, size)
    return view


def apply_step(view: View, step: Step, size: int) -> View:
    """The view after one step (of one view: "side-by-side" takes two, see pairs.py)."""
    match step:
        case steps.CropFrame():
            return view.moved(find_frame(view.image, step.tolerance, step.limit))
        case steps.LungRoi():
            return _to_lungs(view, step.margin)
        case steps.Clahe():
            return view.regreyed(partial(equalised, clip=step.clip, tiles=step.tiles))
        case steps.Quantise():
            return view.regreyed(partial(quantised, bits=step.bits))
        case steps.Flip():
            return view.moved(geometry.Flip())
        case steps.Rotate():
            return view.moved(geometry.Rotate(step.degrees))
        case steps.PadToSquare():
            return view.moved(geometry.square(*view.shape))
        case steps.Resize():
            return view.moved(geometry.Resize(size, size))
    raise DataError("side-by-side takes two views of a case", "prepare a source with both views")


def _to_lungs(view: View, margin: float) -> View:
    """Cut to the box around the region `lung`; without one, around the lungs that are found; else left whole."""
    lungs = view.masks.get("lung")
    if lungs is not None and lungs.any():
        return view.moved(geometry.box_around(lungs, margin))
    box = lung_box(view.image, margin)
    return view.noted(FALLEN_BACK) if box is None else view.moved(box).noted(SEGMENTED)


def equalised(image: np.ndarray, clip: float, tiles: int) -> np.ndarray:
    """CLAHE, float32 [H,W] in [0,1] (scikit-image); an image of one grey, which has no contrast, stays as it is."""
    from skimage.exposure import equalize_adapthist

    if np.ptp(image) == 0:
        return image
    kernel = [max(1, side // tiles) for side in image.shape]
    return np.asarray(equalize_adapthist(image, kernel_size=kernel, clip_limit=clip), np.float32)


def quantised(image: np.ndarray, bits: int) -> np.ndarray:
    """float32 [H,W], rounded to k / (2^bits - 1)."""
    levels = np.float32(2**bits - 1)
    return np.round(image * levels) / levels
