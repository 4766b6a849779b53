"""DICOM: one grey frame, through its modality and VOI transformations (PS3.3 C.11.1 and C.11.2).

A window or look-up table in the header says what is black and white; without one the range of the stored bits does.
The first of several windows or tables is used. MONOCHROME1 is inverted after that, so by the window or the bits. Pixels
with the padding value are no part of the radiograph: 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from xraybench.data._header import Header, refuse_bomb
from xraybench.errors import DataError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")  # in order of preference


def read(path: Path) -> np.ndarray:
    """float32 [H,W] in [0,1]; what is wrong raises without the file's name."""
    import pydicom

    dataset = pydicom.dcmread(path)
    _refuse(dataset)
    stored = dataset.pixel_array
    grey = displayed(dataset, stored)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = 1 - grey
    return np.where(_padding(dataset, stored), np.float32(0), grey.astype(np.float32))


def read_header(path: Path) -> Header:
    """Size, and spacing at the patient where the file gives it, else at the detector or film."""
    import pydicom

    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    spacings = (_spacing(dataset.get(keyword)) for keyword in SPACINGS)
    known = next((spacing for spacing in spacings if spacing), None)
    return Header(int(dataset.Rows), int(dataset.Columns), known)


def _spacing(value: Any) -> tuple[float, float] | None:
    """Two numbers over 0; some devices write 0 where they do not know."""
    if value is None or isinstance(value, str | float) or len(value) != 2:
        return None
    row, column = (float(part) for part in value)
    return (row, column) if row > 0 and column > 0 else None


def _refuse(dataset: Dataset) -> None:
    """DataError for what is not one grey frame of integers."""
    if not any(keyword in dataset for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise DataError("is DICOM without pixels, or cut off before them", "leave it out, or export the image object")
    if "PixelData" not in dataset:
        raise DataError("holds floating point pixels, whose scale is not known", "export it with integer pixels")
    refuse_bomb(int(dataset.Rows), int(dataset.Columns))
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise DataError(f"has {frames} frames", "export one frame a file")
    photometric = dataset.PhotometricInterpretation
    if int(dataset.SamplesPerPixel) != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise DataError(f"is a colour image ({photometric})", "export one grey frame")


def displayed(dataset: Dataset, stored: np.ndarray) -> np.ndarray:
    """Stored values through modality and VOI transformation: float64 [H,W], 0 to 1."""
    from pydicom.pixels.processing import apply_modality_lut, apply_voi

    values = apply_modality_lut(stored, dataset)
    if dataset.get("VOILUTSequence"):
        table = dataset.VOILUTSequence[0].LUTDescriptor
        return np.asarray(apply_voi(values, dataset), np.float64) / (2.0 ** int(table[2]) - 1)
    window = Window.of(dataset)
    values = np.asarray(values, np.float64)
    if window is not None:
        return window(values)
    low, high = _range(dataset)
    return np.clip((values - low) / (high - low), 0, 1)


def _range(dataset: Dataset) -> tuple[float, float]:
    """The values that the stored bits can take, after the modality transformation."""
    if dataset.get("ModalityLUTSequence"):
        return 0.0, 2.0 ** int(dataset.ModalityLUTSequence[0].LUTDescriptor[2]) - 1
    bits, signed = int(dataset.BitsStored), int(dataset.PixelRepresentation) == 1
    ends = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
    slope, intercept = float(dataset.get("RescaleSlope") or 1), float(dataset.get("RescaleIntercept") or 0)
    low, high = sorted(slope * end + intercept for end in ends)
    return low, high


@dataclass(frozen=True)
class Window:
    """Centre and width of the greys shown, and how they run (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""

    centre: float
    width: float
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]

    @classmethod
    def of(cls, dataset: Dataset) -> Window | None:
        """The header's first window; None without one, DataError for one that the standard does not allow."""
        centre, width = _first(dataset.get("WindowCenter")), _first(dataset.get("WindowWidth"))
        if centre is None or width is None:
            return None
        function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
        if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID") or width < (1 if function == "LINEAR" else 1e-12):
            raise DataError(f"has a window of width {width} and function {function}", "correct its header")
        return cls(centre, width, function)  # type: ignore[arg-type]

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """0 to 1."""
        if self.function == "SIGMOID":
            exponent = np.clip(-4 * (values - self.centre) / self.width, -700, 700)
            return 1 / (1 + np.exp(exponent))
        if self.function == "LINEAR":
            shifted = values - (self.centre - 0.5)
            width = self.width - 1
            return np.where(shifted > 0, 1.0, 0.0) if width == 0 else np.clip(shifted / width + 0.5, 0, 1)
        return np.clip((values - self.centre) / self.width + 0.5, 0, 1)


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    if hasattr(value, "__len__") and not isinstance(value, str):
        return float(value[0]) if len(value) else None
    return float(value)


def _padding(dataset: Dataset, stored: np.ndarray) -> np.ndarray:
    """Pixels outside the radiograph: the padding value, or the range to its limit (PS3.3 C.7.5.1.1.2)."""
    value = dataset.get("PixelPaddingValue")
    if value is None:
        return np.zeros(stored.shape, bool)
    limit = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((int(value), int(value if limit is None else limit)))
    padding: np.ndarray = (stored >= low) & (stored <= high)
    return padding
