"""MNIST: 60,000 + 10,000 handwritten digits of 28x28 pixels, as IDX files (LeCun et al. 1998), plain or .gz."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.sources._digit_table import digit_table
from xraybench.data.sources._settings import check_counts, parse_settings
from xraybench.data.splits import SPLITS
from xraybench.errors import DataError
from xraybench.spec import About, MetricNeeds

MD5 = {  # of the decompressed files
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
VALIDATION = 5000  # the last of the 60,000, in the official order


@dataclass(frozen=True)
class Settings:
    """train, validation, test: how many images of each split are used, the first of it."""

    train: int = 60000 - VALIDATION
    validation: int = VALIDATION
    test: int = 10000

    def __post_init__(self) -> None:
        check_counts(self, SPLITS)


class Mnist:
    """The official train and test sets; validation is the last 5,000 of train."""

    name: ClassVar[str] = "mnist"
    about: ClassVar[About] = About(
        title="MNIST",
        licence="CC BY-SA 3.0",
        citation="LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition (1998)",
        obtain="the four IDX files of the official distribution",
        official={"images": 70000, "train images": 60000, "test images": 10000},
    )
    phantom: ClassVar[bool] = False
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset()
    redistributable: ClassVar[bool] = False

    def __init__(self, root: Path | None, settings: Mapping[str, Any]) -> None:
        """The folder of the four files; DataError without one, UsageError for a setting that does not exist."""
        if root is None:
            raise DataError("MNIST is not bundled", "pass its folder with --data, or use --source digits")
        self.root, self.settings = root, parse_settings(Settings, self.name, settings)

    def identity(self) -> Mapping[str, Any]:
        """The files' checksums, which `image` verifies, and how many of them are used."""
        return {"source": self.name, "md5": MD5, **asdict(self.settings)}

    def index(self) -> pd.DataFrame:
        """One row a digit; a row's position counts through train, then test."""
        table = digit_table(
            _both_parts(self.root, "labels-idx1-ubyte"),
            np.repeat(["train", "validation", "test"], [60000 - VALIDATION, VALIDATION, 10000]),
        )
        return pd.concat(
            [table[table["split"] == split].head(getattr(self.settings, split)) for split in SPLITS],
            ignore_index=True,
        )

    def image(self, row: Mapping[str, Any]) -> np.ndarray:
        """float32 [28,28] in [0,1]."""
        pixels: np.ndarray = _both_parts(self.root, "images-idx3-ubyte")[int(row["position"])]
        return np.asarray(pixels, np.float32) / np.float32(255)

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """None: digits carry no annotation."""
        return {}

    def twin(self, row: Mapping[str, Any]) -> np.ndarray | None:
        """None: there is no digit without a digit."""
        return None


@cache
def _both_parts(root: Path, name: str) -> np.ndarray:
    """Train, then test; kept, as every row asks for it."""
    return np.concatenate([_read(root, f"{part}-{name}") for part in ("train", "t10k")])


def _read(root: Path, name: str) -> np.ndarray:
    """One IDX file, checked against the official checksum."""
    packed, plain = root / f"{name}.gz", root / name
    if not packed.exists() and not plain.exists():
        raise DataError(f"{packed}: missing", "pass the folder that holds MNIST's four IDX files with --data")
    try:
        data = gzip.decompress(packed.read_bytes()) if packed.exists() else plain.read_bytes()
    except (OSError, EOFError) as error:
        raise DataError(f"{packed}: does not decompress: {error}", "download the file again") from error
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != MD5[name]:
        raise DataError(f"{packed if packed.exists() else plain}: is not the official file", "download it again")
    dimensions = data[3]
    shape = [int.from_bytes(data[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(dimensions)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
