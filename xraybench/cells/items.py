"""What is explained: images, each for one logit; or, of images with several true labels, each label by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

HUMAN = ("human", "human-point")
BY_LABEL = ("finding", *HUMAN)  # regions of which a label may have its own, `<region>:<label>`


@dataclass(frozen=True)
class Items:
    """positions: int64 [M] among the chosen images, in their order; labels: int64 [M] where each item is a label of its
    image, by number, and names: those labels.
    """

    positions: NDArray[np.int64]
    labels: NDArray[np.int64] | None = None
    names: tuple[str, ...] = ()

    @classmethod
    def of_labels(cls, true: NDArray[np.bool_], names: Sequence[str], most: int) -> Items:
        """Pairs of image and true label from [N,K], image by image, at most so many."""
        pairs = np.argwhere(true)[:most]
        return cls(pairs[:, 0], pairs[:, 1], tuple(names[number] for number in pairs[:, 1]))

    def named(self, ids: pd.Series) -> list[str]:
        """A name for each item from the ids [M] of its images: scores are paired by it."""
        if self.labels is None:
            return list(ids)
        return [f"{image_id}: {name}" for image_id, name in zip(ids, self.names, strict=True)]

    def regions(self, stored: Mapping[str, NDArray[np.bool_]]) -> dict[str, NDArray[np.bool_]]:
        """Masks [M,S,S] of the items from those of the images; `finding` is the label's own where there are such.

        So is what a human benchmark drew, whose masks of single labels are good for nothing else. A label without a
        region of its own has a blank one: nothing is known of where it is.
        """
        kept = (name for name in stored if not name.startswith(tuple(f"{region}:" for region in HUMAN)))
        masks = {name: stored[name][self.positions] for name in kept}
        for region in BY_LABEL if self.labels is not None else ():
            if any(name.startswith(f"{region}:") for name in stored):
                masks[region] = self._own(region, stored)
        return masks

    def _own(self, region: str, stored: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
        blank = np.zeros_like(next(iter(stored.values()))[0])
        own = [stored.get(f"{region}:{name}") for name in self.names]
        pairs = zip(own, self.positions, strict=True)
        return np.stack([blank if masks is None else masks[position] for masks, position in pairs])
