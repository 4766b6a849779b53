"""Decoding: one path from a file to a grey image, float32 [H,W] in [0,1], bright = dense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from xraybench.errors import DataError

BIT_DEPTH = {"L": 255.0, "I;16": 65535.0, "I;16B": 65535.0, "I": 65535.0}


def read_radiograph(path: Path) -> np.ndarray:
    """Read a PNG, JPEG, TIFF or DICOM radiograph; DataError names the file and what is wrong with it."""
    try:
        return _read_dicom(path) if _is_dicom(path) else _read_picture(path)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file", "check the path") from error
    except (OSError, ValueError, RuntimeError, AttributeError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: does not decode: {error}", "is it a whole PNG, JPEG, TIFF or DICOM file?") from error


def read_shape(path: Path) -> tuple[int, int]:
    """Height and width of a radiograph as stored, without decoding its pixels; DataError as `read_radiograph`."""
    try:
        if _is_dicom(path):
            import pydicom

            header = pydicom.dcmread(path, stop_before_pixels=True)
            return int(header.Rows), int(header.Columns)
        with Image.open(path) as picture:
            return picture.height, picture.width
    except (OSError, AttributeError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: does not open: {error}", "is it a whole PNG, JPEG, TIFF or DICOM file?") from error


def _is_dicom(path: Path) -> bool:
    if path.suffix.lower() in {".dcm", ".dicom"}:
        return True
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _read_picture(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        picture.load()
        if picture.mode in BIT_DEPTH:
            return np.asarray(picture, np.float32) / np.float32(BIT_DEPTH[picture.mode])
        return np.asarray(picture.convert("RGB").convert("L"), np.float32) / np.float32(255)


def _read_dicom(path: Path) -> np.ndarray:
    import pydicom
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    dataset = pydicom.dcmread(path)
    if "PixelData" not in dataset:
        raise DataError(f"{path}: is DICOM without pixels", "leave it out, or export the image object")
    if int(dataset.get("NumberOfFrames", 1)) != 1 or int(dataset.get("SamplesPerPixel", 1)) != 1:
        raise DataError(f"{path}: has several frames or colours", "export one grey frame")
    values = np.asarray(apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset), np.float32)
    low, high = float(values.min()), float(values.max())
    grey = (values - low) / np.float32(max(high - low, 1e-6))
    return 1 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def fit(image: np.ndarray, size: int) -> np.ndarray:
    """Pad [H,W] to a square with zeros, centred, and resize it to [size,size], antialiased; float32."""
    if image.shape == (size, size):
        return np.asarray(image, np.float32)
    side = max(image.shape)
    square = np.zeros((side, side), np.float32)
    top, left = (side - image.shape[0]) // 2, (side - image.shape[1]) // 2
    square[top : top + image.shape[0], left : left + image.shape[1]] = image
    resized = Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(resized, np.float32), 0, 1)


def fit_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """The same for a boolean mask: a pixel belongs to it where at least half of it does."""
    return fit(mask.astype(np.float32), size) >= 0.5
