"""What insertion, deletion and srg have in common; without torch, since plans are made of it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import ClassVar

from xraybench.errors import UsageError
from xraybench.spec import MetricNeeds, Shared

IMPUTERS = ("blur", "mean", "noisy-linear")
ORIGINAL = Shared("f(x)")


def imputed(imputer: str) -> Shared:
    """The name of f of the images with every pixel replaced."""
    return Shared(f"f(imputed by {imputer})")


def check_imputer(imputer: str) -> None:
    """UsageError names the near one."""
    if imputer not in IMPUTERS:
        near = difflib.get_close_matches(imputer, IMPUTERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(IMPUTERS)}"
        raise UsageError(f"no imputer is called {imputer!r}", hint)


@dataclass(frozen=True)
class Removal:
    """Metrics that replace pixels in the map's order and watch the target logit.

    Curves have `steps` + 1 points at the fractions 0, 1/steps, ..., 1 of the pixels (rounded to whole pixels; all
    channels of a pixel together), both end points included; the area is the trapezoid rule's over those fractions.
    Equal values of a map are ordered by a permutation drawn once from the image's seed, never by position: a blank map
    gives the curve of a random order.

    imputer: what a replaced pixel becomes, a function of image and mask alone.
        blur: the image under a Gaussian whose standard deviation is a tenth of the shorter side.
        mean: the training mean (the evidence's baseline).
        noisy-linear: interpolated from the pixels that are left (Rong et al., ROAD, ICML 2022), with Gaussian noise of
            a hundredth of the image's range, fixed by the image's seed; the image's mean where no pixel is left.
    """

    imputer: str = "blur"
    steps: int = 16

    family: ClassVar[str] = "faithfulness"
    range: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset()
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_imputer(self.imputer)
        if self.steps < 1:
            raise UsageError(f"a curve cannot have {self.steps} steps", "steps=16 gives 17 points; 1 is the least")

    def ends_cost(self) -> dict[str, int]:
        """The image itself and the image with every pixel replaced: the ends of both curves."""
        return {ORIGINAL: 1, imputed(self.imputer): 1}

    def curve_cost(self, name: str) -> dict[str, int]:
        """The points between the ends of one curve."""
        return {f"{name} curve ({self.imputer}, {self.steps})": self.steps - 1}
