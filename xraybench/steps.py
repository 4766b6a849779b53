"""The preprocessing steps that a task file can name, in the order in which they are written there.

Plain data: what they do to an image is in xraybench/data/preprocessing.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Views = Annotated[tuple[str, ...], Field(strict=False)]  # written as a list


class _Step(BaseModel):
    """Base of all steps: an unknown key is an error, and so is a value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class CropFrame(_Step):
    """Cut off the film frame: outer rows and columns of one grey, at most a share `limit` of each side."""

    step: Literal["crop-frame"]
    tolerance: float = Field(default=0.02, ge=0, lt=1)  # how far greys of a line may differ
    limit: float = Field(default=0.25, gt=0, lt=0.5)


class LungRoi(_Step):
    """Cut to the box around the lungs, `margin` (a share of it) wider: the set's lung masks, else a segmentation."""

    step: Literal["lung-roi"]
    margin: float = Field(default=0.1, ge=0, le=1)


class Clahe(_Step):
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994): clip limit, tiles a side."""

    step: Literal["clahe"]
    clip: float = Field(default=0.01, gt=0, le=1)
    tiles: int = Field(default=8, ge=1, le=64)


class Quantise(_Step):
    """Round greys to 2^bits levels."""

    step: Literal["quantise"]
    bits: int = Field(default=8, ge=1, le=16)


class Flip(_Step):
    """Left and right change places."""

    step: Literal["flip"]


class Rotate(_Step):
    """Turn about the centre, anticlockwise."""

    step: Literal["rotate"]
    degrees: float


class SideBySide(_Step):
    """Two views of a study as one image, left and right, centred; steps before it see one view, steps after it both."""

    step: Literal["side-by-side"]
    left: Views = ("PA", "AP", "frontal")  # the first found is taken
    right: Views = ("lateral",)


class PadToSquare(_Step):
    """Centre in a square of zeros."""

    step: Literal["pad"]


class Resize(_Step):
    """To the preset's image_size."""

    step: Literal["resize"]


Step = Annotated[
    CropFrame | LungRoi | Clahe | Quantise | Flip | Rotate | SideBySide | PadToSquare | Resize,
    Field(discriminator="step"),
]
STEPS: tuple[type[_Step], ...] = (CropFrame, LungRoi, Clahe, Quantise, Flip, Rotate, SideBySide, PadToSquare, Resize)
DEFAULT: tuple[Step, ...] = (PadToSquare(step="pad"), Resize(step="resize"))
AFTER_RESIZE = (Clahe, Quantise, Flip, Rotate)  # these leave the size as it is


def check_order(steps: Sequence[Step]) -> None:
    """ValueError where the steps do not end in images of one size, or cannot follow one another."""
    names = [step.step for step in steps]
    for name in ("resize", "side-by-side"):
        if names.count(name) > 1:
            raise ValueError(f"{name!r} stands there twice")
    if "resize" not in names:
        raise ValueError("'resize' is missing: every image must come out at the preset's image_size")
    late = [step.step for step in steps[names.index("resize") + 1 :] if not isinstance(step, AFTER_RESIZE)]
    if late:
        raise ValueError(f"{late[0]!r} changes the size, so it must stand before 'resize'")


def name_of(step: type[_Step]) -> str:
    """The name by which a task file calls a step."""
    return str(get_args(step.model_fields["step"].annotation)[0])


def names_of_steps() -> list[str]:
    """Every step's name."""
    return [name_of(step) for step in STEPS]


def known_keys() -> set[str]:
    """Every key that some step takes."""
    return {key for step in STEPS for key in step.model_fields}


def plain(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps as plain data, without what stands at its default: what their digest is made of."""
    return [step.model_dump(mode="json", exclude_defaults=True) for step in steps]
