"""The pictures of docs/explaining.md: `python -m xraybench.single.examples RUN MODEL wrist|digit docs/FILE.png`.

RUN holds the models of `xraybench run --task wrist` (or `--task mnist`) with the quick preset.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from xraybench.single.explain import Request, explain_images
from xraybench.single.picture import write_picture

SHOWN = (
    *("gradient", "integrated-gradients", "smoothgrad", "deeplift", "lrp-epsilon-plus-flat"),
    *("grad-cam", "grad-cam++", "occlusion", "rise"),
)
FIVE = 5  # which of the bundled digits is shown


def draw(run: Path, model: str, what: str, out: Path) -> None:
    """A displaced fracture of a phantom, its finding boxed; or a bundled digit."""
    image, box = _wrist() if what == "wrist" else _digit()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{what}.png"
        _save(image, path)
        findings = explain_images(Request((path,), run, model, SHOWN, ("predicted",), box))
        write_picture(out, findings, findings.images[0])
    _shrink(out)


def _wrist() -> tuple[np.ndarray, tuple[float, float, float, float] | None]:
    from xraybench.data.phantom.contact_sheet import ROWS, find

    wrist = find(ROWS[1][0][1])
    rows, columns = np.nonzero(wrist.regions()["finding"])
    x, y = float(columns.min()), float(rows.min())
    return wrist.image(), (x, y, float(np.ptp(columns)) + 1, float(np.ptp(rows)) + 1)


def _digit() -> tuple[np.ndarray, None]:
    from sklearn.datasets import load_digits

    return load_digits().images[FIVE] / 16, None


def _shrink(path: Path) -> None:
    """Five eighths of the size: small enough to be kept with the sources."""
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB").resize((image.width * 5 // 8, image.height * 5 // 8), Image.Resampling.LANCZOS)
    small.save(path, optimize=True)


def _save(image: np.ndarray, path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)).save(path)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
