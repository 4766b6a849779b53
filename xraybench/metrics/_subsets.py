"""What metrics on random subsets have in common; without torch, since plans are made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xraybench.errors import UsageError
from xraybench.metrics._removal import ORIGINAL, check_imputer
from xraybench.spec import MetricNeeds, Shared


@dataclass(frozen=True)
class Subsets:
    """Metrics that replace random subsets S of the pixels and watch the target logit.

    A subset is a number of square patches, drawn without replacement from the image's own seed: it does not depend on
    the map, so that every explainer is asked about the same subsets, and the model answers once for all of them.

    draws: subsets per image. imputer: what a replaced pixel becomes, as for the removal curves.
    patch: side of a patch as a share of the image's side, at least a pixel.
    """

    draws: int = 32
    imputer: str = "mean"
    patch: float = 1 / 16

    family: ClassVar[str] = "faithfulness"
    needs: ClassVar[frozenset[MetricNeeds]] = frozenset()
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_imputer(self.imputer)
        if self.draws < 3 or not 0 < self.patch <= 0.5:
            raise UsageError(
                f"draws={self.draws}, patch={self.patch}", "at least 3 draws, patches of at most half a side"
            )

    def probe(self, share: float) -> Shared:
        """The name of f of the images with subsets of that share of the patches replaced."""
        return Shared(
            f"f(subsets of {share:g} in patches of {self.patch:g} imputed by {self.imputer}, {self.draws} draws)"
        )

    def probes_cost(self, *shares: float) -> dict[str, int]:
        """f(x), and one forward a draw of each share; bought once for all explainers."""
        probes: dict[str, int] = {self.probe(share): self.draws for share in shares}
        return {ORIGINAL: 1} | probes
