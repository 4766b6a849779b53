"""Decoding: one path from a file to a grey image, float32 [H,W] in [0,1], bright = dense.

Scales come from the header (bit depth, window, look-up table), never from the darkest and brightest pixel of a picture:
the same exposure has the same grey in every image of a set.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from xraybench.data import _dicom, _picture
from xraybench.data._header import Header
from xraybench.errors import DataError

WHOLE = "is it a whole PNG, JPEG, TIFF or DICOM file? obtain it again, or leave it out"


def read_radiograph(path: Path) -> np.ndarray:
    """Read a PNG, JPEG, TIFF or DICOM radiograph; DataError names the file and what is wrong with it."""
    with _named(path, "does not decode"):
        grey = _dicom.read(path) if _is_dicom(path) else _picture.read(path)
    return np.asarray(grey, np.float32)


def read_header(path: Path) -> Header:
    """Size and pixel spacing of a radiograph as stored, without decoding its pixels; DataError as `read_radiograph`."""
    with _named(path, "does not open"):
        return _dicom.read_header(path) if _is_dicom(path) else _picture.read_header(path)


def read_shape(path: Path) -> tuple[int, int]:
    """Height and width of a radiograph as stored; DataError as `read_radiograph`."""
    header = read_header(path)
    return header.height, header.width


def _is_dicom(path: Path) -> bool:
    if path.suffix.lower() in {".dcm", ".dicom"}:
        return True
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


@contextmanager
def _named(path: Path, what: str) -> Iterator[None]:
    """Whatever a decoder raises becomes a DataError that names the file: their plug-ins raise errors of any kind."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file", "check the path") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder, not an image", f"name the images in it: {path}/*.png") from error
    except DataError as error:
        raise DataError(f"{path}: {error.message}", error.hint) from error
    except Exception as error:
        raise DataError(f"{path}: {what}: {error or type(error).__name__}", WHOLE) from error
