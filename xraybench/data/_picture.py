"""PNG, JPEG and TIFF: integer greys by their bit depth, colours by ITU-R 601 luma; transparency says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

from xraybench.data._header import Header, refuse_bomb
from xraybench.errors import DataError

FORMATS = ("PNG", "JPEG", "TIFF")
COLOURS = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}  # 8 bits a channel
JPEG_MODES = {"L": "GRAY", "RGB": "RGB"}  # others are rare, and decoded by Pillow
SIXTEEN = {"I;16", "I;16L", "I;16B", "I;16N"}
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # TIFF tags


def read(path: Path) -> np.ndarray:
    """float32 [H,W] in [0,1]; what is wrong raises without the file's name."""
    with Image.open(path, formats=FORMATS) as picture:
        refuse_bomb(picture.height, picture.width)
        frames = getattr(picture, "n_frames", 1)
        if frames != 1:
            raise DataError(f"has {frames} frames", "export one frame a file")
        if picture.format == "JPEG" and picture.mode in JPEG_MODES:
            return _strict_jpeg(path, JPEG_MODES[picture.mode])
        picture.load()
        if picture.mode in COLOURS:
            return np.asarray(picture.convert("RGB").convert("L"), np.float32) / np.float32(255)
        return _deep(picture)


def _strict_jpeg(path: Path, colours: str) -> np.ndarray:
    """A JPEG without damage: what libjpeg only warns of, as Pillow leaves it, raises here."""
    pixels = simplejpeg.decode_jpeg(path.read_bytes(), colorspace=colours, strict=True)
    grey = pixels[..., 0] if colours == "GRAY" else Image.fromarray(pixels).convert("L")
    return np.asarray(grey, np.float32) / np.float32(255)


def read_header(path: Path) -> Header:
    """Size; the dots per inch of a picture speak of paper, so its spacing is None."""
    with Image.open(path, formats=FORMATS) as picture:
        return Header(picture.height, picture.width, None)


def _deep(picture: Image.Image) -> np.ndarray:
    """Greys of more than 8 bits."""
    if picture.mode not in SIXTEEN and not (picture.mode == "I" and picture.format == "PNG"):
        raise DataError(
            f"holds pixels of mode {picture.mode!r}, whose scale is not known",
            "save it with 8 or 16 bits of unsigned integers a pixel",
        )
    grey = np.asarray(picture, np.float32) / np.float32(2 ** _bits(picture) - 1)
    return 1 - grey if _tag(picture, PHOTOMETRIC) == WHITE_IS_ZERO else grey


def _bits(picture: Image.Image) -> int:
    """A 12-bit TIFF is unpacked into 16 bits without being stretched."""
    bits = _tag(picture, BITS_PER_SAMPLE)
    return int(bits[0] if isinstance(bits, tuple) else bits or 16)


def _tag(picture: Image.Image, number: int) -> Any:
    return picture.tag_v2.get(number) if picture.format == "TIFF" else None  # type: ignore[attr-defined]
