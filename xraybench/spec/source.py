"""What a data set is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from xraybench.spec.scoring import MetricNeeds

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class About:
    """What a person must know of a data set before using it.

    obtain: where to ask for it. official: counts as its publisher states them, by what is counted: "images",
    "patients", "studies", "train + validation images" (splits as ours are named), "fracture=1" (a label's value).
    """

    title: str
    licence: str
    citation: str
    obtain: str
    official: Mapping[str, int] = field(default_factory=dict)


class Source(Protocol):
    """A data set, read as it is unpacked (or computed, for phantoms).

    `index` gives one row an image: `image_id, patient_id, study_id, path, split, view, site` and one column a label
    (1, 0, NaN), and where labels were inferred (from reports) a boolean `inferred`, True in no row but of the train
    split; `image` the decoded radiograph as float32 [H,W] in [0,1]; `regions` the named boolean masks [H,W] of
    one row (finding, difference, lung, text, hardware, frame, landmark; human: what a human benchmark outlined;
    human-point: squares about where it pointed; human-read: the whole of an image that it read), at the image's own
    size; `twin` the same radiograph without its finding, or None. `offers` says which of these metrics may count on;
    `identity` is what the data's digest is made of.
    """

    name: ClassVar[str]
    about: ClassVar[About]
    phantom: ClassVar[bool]
    redistributable: ClassVar[bool]
    offers: ClassVar[frozenset[MetricNeeds]]

    def identity(self) -> Mapping[str, Any]: ...
    def index(self) -> pd.DataFrame: ...
    def image(self, row: Mapping[str, Any]) -> np.ndarray: ...
    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]: ...
    def twin(self, row: Mapping[str, Any]) -> np.ndarray | None: ...


@runtime_checkable
class Flipping(Protocol):
    """A source that can show an image with its legend gone, or with one where it has none; all else is the same."""

    def flipped(self, row: Mapping[str, Any]) -> np.ndarray: ...


class OpenSource(Protocol):
    """What the registry holds of a source: opens it, and says what it is before anything is opened.

    Called with the folder given with --data (None for what is computed or bundled) and the preset's settings. A class
    whose constructor takes these two is one; a function becomes one with `opens`.
    """

    about: About
    phantom: bool
    redistributable: bool

    def __call__(self, root: Path | None, settings: Mapping[str, Any]) -> Source: ...


Opener = Callable[[Path | None, Mapping[str, Any]], Source]


def opens(made: type[Source]) -> Callable[[Opener], OpenSource]:
    """Make a function that opens a source say what it opens: `@opens(MySource)`."""

    def declare(function: Opener) -> OpenSource:
        for name in ("about", "phantom", "redistributable", "__doc__"):
            setattr(function, name, getattr(made, name))
        return function  # type: ignore[return-value]

    return declare
