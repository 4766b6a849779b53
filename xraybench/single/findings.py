"""What explaining a radiograph gave, as values: what pictures, page and JSON are made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xraybench.leaderboard.overlays import PERCENTILE, Floats

SCALING = (
    f"Each map has its own scale: full colour is the {PERCENTILE}th percentile of its absolute values. "
    "Signed maps are symmetric about zero; zero has no colour."
)


@dataclass(frozen=True)
class MapOf:
    """One explainer's map [H,W] for one logit, and the |value| that gets full colour."""

    explainer: str  # as asked for, with the settings of the run's preset
    parameters: dict[str, Any]
    signed: bool
    values: Floats
    scale: float
    class_agnostic: bool = False

    @property
    def blank(self) -> bool:
        """Whether it is zero everywhere, and has no scale."""
        return not self.values.any()

    @property
    def ends(self) -> tuple[str, str, str]:
        """What stands below the left end, the middle and the right end of the colours."""
        if self.blank:
            return "", "zero everywhere", ""
        end = f"{self.scale:.3g}"
        if not self.signed:
            return "0", "", end
        return (f"−{end}", "0", f"+{end}") if self.class_agnostic else (f"−{end} against", "0", f"for +{end}")


@dataclass(frozen=True)
class Skipped:
    """An explainer that does not apply to the model, and why."""

    explainer: str
    reason: str


@dataclass(frozen=True)
class Target:
    """One explained logit of an image, with the maps of it."""

    label: str
    number: int
    logit: float
    probability: float
    maps: tuple[MapOf, ...]


@dataclass(frozen=True)
class Explained:
    """One radiograph: grey uint8 [S,S] as it is shown, the box that was given (bool [S,S]), its targets."""

    path: Path
    name: str  # of its picture, unique among those explained together
    grey: NDArray[np.uint8]
    box: NDArray[np.bool_]
    logits: dict[str, float]
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Findings:
    """All radiographs that were explained together, by one model."""

    model: str
    run: str
    task: str
    phantom: bool  # the model was trained on computed radiographs
    image_size: int  # what the model sees
    images: tuple[Explained, ...]
    skipped: tuple[Skipped, ...]

    @property
    def heading(self) -> str:
        """The model, in words."""
        trained = ", trained on phantoms (computed radiographs)" if self.phantom else ""
        return f"{self.task}: {self.model}{trained}"


def as_json(findings: Findings, files: dict[str, Path]) -> dict[str, Any]:
    """For other programs: everything but the pixels; `files`: the picture of each image, and the page as `page`."""
    return {
        "model": findings.model,
        "run": findings.run,
        "task": findings.task,
        "phantom": findings.phantom,
        "image_size": findings.image_size,
        "scaling": SCALING,
        "page": str(files["page"]),
        "images": [_image(one, files[one.name]) for one in findings.images],
        "skipped": [vars(one) for one in findings.skipped],
    }


def _image(one: Explained, picture: Path) -> dict[str, Any]:
    targets = [
        {
            "label": target.label,
            "logit_number": target.number,
            "logit": target.logit,
            "probability": target.probability,
            "maps": [_map(found) for found in target.maps],
        }
        for target in one.targets
    ]
    return {"image": str(one.path), "picture": str(picture), "logits": one.logits, "targets": targets}


def _map(found: MapOf) -> dict[str, Any]:
    row, column = np.unravel_index(int(found.values.argmax()), found.values.shape)
    return {
        "explainer": found.explainer,
        "parameters": found.parameters,
        "signed": found.signed,
        "class_agnostic": found.class_agnostic,
        "full_colour_at": None if found.blank else found.scale,
        "sum": float(found.values.sum()),
        "largest": float(found.values.max()),
        "largest_at": [int(row), int(column)],
    }
