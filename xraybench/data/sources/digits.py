"""scikit-learn's bundled digits: 1,797 real handwritten digits of 8x8 pixels (UCI optdigits test set).

A data set of its own name, for machines without MNIST; never passed off as MNIST.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.sources._digit_table import digit_table
from xraybench.errors import DataError, UsageError
from xraybench.spec import About, MetricNeeds


@cache
def _bundle() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bundle = load_digits()
    return (bundle.images / 16).astype(np.float32), bundle.target


class Digits:
    """The bundled digits, cut 60/15/25 by a fixed draw; each image counts as its own patient."""

    name: ClassVar[str] = "digits"
    about: ClassVar[About] = About(
        title="scikit-learn's digits",
        licence="CC BY 4.0",
        citation="Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI (1998): its test set",
        obtain="part of scikit-learn",
        official={"images": 1797},
    )
    phantom: ClassVar[bool] = False
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset()
    redistributable: ClassVar[bool] = True

    def __init__(self, root: Path | None, settings: Mapping[str, Any]) -> None:
        """The bundled digits need no folder and have no settings."""
        if root is not None:
            raise DataError(f"the digits are bundled and read nothing from {root}", "add --source mnist to read MNIST")
        if settings:
            raise UsageError(f"source {self.name!r} has no setting {next(iter(settings))!r}", "it has none")

    def identity(self) -> Mapping[str, Any]:
        """Name and number of images: the bundle is part of scikit-learn."""
        return {"source": self.name, "images": len(_bundle()[1])}

    def index(self) -> pd.DataFrame:
        """One row a digit."""
        draw = np.random.default_rng(0).permutation(len(_bundle()[1])) / len(_bundle()[1])
        split = np.select([draw < 0.60, draw < 0.75], ["train", "validation"], "test")
        return digit_table(_bundle()[1], split)

    def image(self, row: Mapping[str, Any]) -> np.ndarray:
        """float32 [8,8] in [0,1]."""
        return np.asarray(_bundle()[0][int(row["position"])])

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """None: digits carry no annotation."""
        return {}

    def twin(self, row: Mapping[str, Any]) -> np.ndarray | None:
        """None: there is no digit without a digit."""
        return None
