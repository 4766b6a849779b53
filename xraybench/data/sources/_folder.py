"""What all readers of folders share: a reader says what its tables list, and which masks a row has."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from xraybench.data.radiograph import read_radiograph
from xraybench.data.sources._files import inside, manifest, sizes
from xraybench.data.splits import SPLITS, cap
from xraybench.errors import DataError, UsageError
from xraybench.spec import About, MetricNeeds

COLUMNS = ("image_id", "patient_id", "study_id", "path", "split", "view", "site")


@dataclass(frozen=True)
class Settings:
    """Settings that every reader of a folder takes.

    split_seed: from which a split is cut where there is no official one; train, validation, test: at most so many
    images of a split (None: all); partial: work with the images that are there, where not all that are listed are.
    """

    split_seed: int = 0
    train: int | None = None
    validation: int | None = None
    test: int | None = None
    partial: bool = False

    @classmethod
    def parse(cls, source: str, settings: Mapping[str, Any]) -> Self:
        """Settings from a task file's keys; UsageError names an unknown one, and the near one."""
        known = [field.name for field in fields(cls)]
        for key in settings:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it takes: {', '.join(known)}"
                raise UsageError(f"source {source!r} has no setting {key!r}", hint)
        return cls(**settings)


class FolderSource(ABC):
    """A data set in a folder. A reader gives `listed`, `tables` and, where the set has annotation, `regions`."""

    name: ClassVar[str]
    about: ClassVar[About]
    redistributable: ClassVar[bool]
    phantom: ClassVar[bool] = False
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset()
    Settings: ClassVar[type[Settings]] = Settings

    def __init__(self, root: Path | None, settings: Mapping[str, Any]) -> None:
        """The folder given with --data, and a preset's settings; DataError without a folder, UsageError by key."""
        if root is None:
            hint = f"pass its folder with --data; to obtain it: {self.about.obtain}"
            raise DataError(f"{self.about.title} is read from a folder", hint)
        self.root, self.settings = root, self.Settings.parse(self.name, settings)
        if not self.annotated():
            self.offers = frozenset()  # type: ignore[misc]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.name, self.root, self.settings))

    def annotated(self) -> bool:
        """Whether the annotation that `offers` rests on lies in the folder; True where it is always there."""
        return True

    @abstractmethod
    def listed(self) -> pd.DataFrame:
        """Every image that the set's tables list, whether its file is there or not, in an order of its own.

        The columns of COLUMNS, one column a label (1, 0, NaN), and what else rows are broken down by (age, sex,
        laterality). `split` is the official split, or cut by patient from `settings.split_seed`.
        """

    @abstractmethod
    def tables(self) -> list[Path]:
        """The files that the index is made from: their bytes are part of the data's identity."""

    def identity(self) -> Mapping[str, Any]:
        """Name, settings, and a digest of the tables and of the names and sizes of the images."""
        files = manifest(self.root, self.tables(), self.index()["path"].tolist())
        return {"source": self.name, "settings": asdict(self.settings), "manifest": files}

    def index(self) -> pd.DataFrame:
        """One row an image, capped as the settings say."""
        return _index(self).copy(deep=False)

    def image(self, row: Mapping[str, Any]) -> np.ndarray:
        """The radiograph, float32 [H,W] in [0,1]."""
        return read_radiograph(self.path(row))

    def path(self, row: Mapping[str, Any]) -> Path:
        """The file of a row; DataError where its path leads out of the folder."""
        return inside(self.root, str(row["path"]))

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """None, unless the reader says otherwise."""
        return {}

    def twin(self, row: Mapping[str, Any]) -> np.ndarray | None:
        """None: only phantoms have twins."""
        return None


@lru_cache(maxsize=2)
def _index(source: FolderSource) -> pd.DataFrame:
    """Read once for the index and the identity."""
    table = source.listed()
    repeated = table["image_id"].duplicated()
    if repeated.any():
        first = table.loc[repeated, "image_id"].iloc[0]
        raise DataError(f"{source.root}: image {first!r} is listed twice", "take the official tables, unchanged")
    if source.settings.partial:
        table = table[sizes(source.root, table["path"]) >= 0]
    for split in SPLITS:
        table = cap(table, split, getattr(source.settings, split))
    return table.reset_index(drop=True)
