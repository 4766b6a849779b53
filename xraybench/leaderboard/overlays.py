"""Pictures of explanations: the grey radiograph, the map laid over it, and the finding's outline.

Maps are scaled here and nowhere else: full colour stands for the 99.5th percentile of |map| of the image. Signed maps
get one diverging scale with zero (no colour) in the middle, unsigned maps a sequential one.
"""

from __future__ import annotations

import base64
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xraybench.errors import RecordError
from xraybench.identity import digest_bytes
from xraybench.leaderboard.rounding import rounded

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

PERCENTILE = 99.5
OPACITY = 0.85  # at full colour
NEGATIVE, POSITIVE = (38, 110, 255), (255, 54, 38)  # signed maps
WEAK, STRONG = (255, 92, 0), (255, 236, 92)  # unsigned maps
KINDS = ("best", "random", "worst")


@dataclass(frozen=True)
class Picture:
    """A PNG as a data URI, and the digest of its pixels (PNG bytes depend on the encoder, pixels do not)."""

    uri: str
    digest: str
    width: int
    height: int


@dataclass(frozen=True)
class Example:
    """One radiograph of a gallery. outline: an SVG path in pixels, empty where nothing is marked."""

    kind: str
    image_id: str
    score: float | None
    scale: float | None
    grey: Picture
    overlay: Picture
    outline: str


def read_gallery(path: Path, signed: bool) -> list[Example]:
    """The examples of a gallery file, by kind; none where there is no file. RecordError where it cannot be read."""
    if not path.is_file():
        return []
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name] for name in ("image", "mask", "map", "kind", "image_id", "score")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RecordError(f"{path}: cannot be read: {error}", "remove its cell to have it computed again") from error
    examples = [
        _example(str(kind), str(image_id), float(score), image, mask, values.astype(np.float64), signed)
        for kind, image_id, score, image, mask, values in zip(
            *(data[name] for name in ("kind", "image_id", "score", "image", "mask", "map")), strict=True
        )
    ]
    return sorted(examples, key=lambda one: KINDS.index(one.kind) if one.kind in KINDS else len(KINDS))


def _example(
    kind: str, image_id: str, score: float, image: Pixels, mask: NDArray[np.bool_], values: Floats, signed: bool
) -> Example:
    scale = colour_scale(values)
    return Example(
        kind=kind,
        image_id=image_id,
        score=rounded(score),
        scale=rounded(scale),
        grey=picture(image),
        overlay=picture(lay_over(image, values, scale, signed)),
        outline=outline(mask),
    )


def colour_scale(values: Floats) -> float:
    """The |map| that gets full colour; 1 for a map of zeros."""
    finite = np.abs(values[np.isfinite(values)])
    if not finite.any():
        return 1.0
    return float(np.percentile(finite, PERCENTILE)) or float(finite.max())


def lay_over(image: Pixels, values: Floats, scale: float, signed: bool) -> Pixels:
    """Grey image [H,W] and map [H,W] -> uint8 [H,W,3]."""
    level = np.clip(np.nan_to_num(values / scale, posinf=1, neginf=-1), -1, 1)
    colour, opacity = colours(level, signed)
    grey = np.repeat(image[..., None].astype(np.float64), 3, axis=2)
    mixed: Pixels = np.rint(grey * (1 - opacity[..., None]) + colour * opacity[..., None]).astype(np.uint8)
    return mixed


def colours(level: Floats, signed: bool) -> tuple[Floats, Floats]:
    """Levels in -1..1 -> colour [..., 3] in 0..255 and opacity in 0..1; zero is without colour."""
    if signed:
        colour = np.where(level[..., None] < 0, np.array(NEGATIVE, dtype=float), np.array(POSITIVE, dtype=float))
        return colour, OPACITY * np.abs(level)
    positive = np.clip(level, 0, 1)
    start, end = np.array(WEAK, dtype=float), np.array(STRONG, dtype=float)
    return start + (end - start) * positive[..., None], OPACITY * np.sqrt(positive)


def legend(signed: bool) -> Picture:
    """The colour bar, over the grey of a half-bright radiograph."""
    level = np.tile(np.linspace(-1 if signed else 0, 1, 201), (12, 1))
    return picture(lay_over(np.full(level.shape, 96, dtype=np.uint8), level, 1.0, signed))


def picture(pixels: Pixels) -> Picture:
    """uint8 [H,W] or [H,W,3] -> PNG."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", optimize=True)
    uri = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
    return Picture(uri, pixel_digest(pixels), pixels.shape[1], pixels.shape[0])


def pixel_digest(pixels: Pixels) -> str:
    """Digest of shape and pixels."""
    return digest_bytes(str(pixels.shape).encode(), np.ascontiguousarray(pixels).tobytes())


def decode(uri: str) -> Pixels:
    """The pixels of a data URI written by `picture`."""
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        return np.asarray(image)


def outline(mask: NDArray[np.bool_]) -> str:
    """The boundary of a mask [H,W] as an SVG path of pixel edges, runs of collinear edges joined."""
    padded = np.pad(mask.astype(bool), 1)
    rows = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])  # edge above pixel (y, x)
    columns = np.argwhere((padded[1:-1, 1:] != padded[1:-1, :-1]).T)  # edge left of pixel (y, x), as (x, y)
    steps = [f"M{start} {line}H{end}" for line, start, end in _runs(rows.tolist())]
    steps += [f"M{line} {start}V{end}" for line, start, end in _runs(columns.tolist())]
    return "".join(steps)


def _runs(edges: Sequence[Sequence[int]]) -> list[tuple[int, int, int]]:
    """Unit edges (line, place), sorted -> (line, start, end) of unbroken runs."""
    runs: list[tuple[int, int, int]] = []
    for line, place in edges:
        if runs and runs[-1][0] == line and runs[-1][2] == place:
            runs[-1] = (line, runs[-1][1], place + 1)
        else:
            runs.append((line, place, place + 1))
    return runs


IMAGE_TAG = re.compile(r'src="(data:image/png;base64,[^"]*)" data-digest="([0-9a-f]*)"')


def without_payloads(html: str) -> str:
    """The page with each picture's bytes left out; its digest stays."""
    return IMAGE_TAG.sub(r'src="" data-digest="\2"', html)


def false_digests(html: str) -> list[str]:
    """Digests in the page that are not those of their pictures."""
    return [stated for uri, stated in IMAGE_TAG.findall(html) if _digest_of(uri) != stated]


def _digest_of(uri: str) -> str | None:
    try:
        return pixel_digest(decode(uri))
    except (OSError, ValueError):
        return None
