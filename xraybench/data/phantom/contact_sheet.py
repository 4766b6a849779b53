"""The contact sheet of docs/phantoms.md: `python -m xraybench.data.phantom.contact_sheet docs/phantoms-wrist.png`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from xraybench.data.phantom.cases import Case, Population, draw
from xraybench.data.phantom.findings import Groove
from xraybench.data.phantom.shapes import Array
from xraybench.data.phantom.wrist import Wrist

SIZE = 320
COLUMNS = 4
Pick = Callable[[Case], bool]
OUTLINES = {
    "finding": (1.0, 0.8, 0.1),
    "difference": (0.2, 0.9, 0.4),
    "text": (0.3, 0.7, 1.0),
    "frame": (1.0, 0.4, 0.8),
    "landmark": (1.0, 0.8, 0.1),
}


def _grade(grade: str, bone: str, low: float, high: float) -> Pick:
    return lambda case: case.grade == grade and case.bone.startswith(bone) and low <= case.age < high


def _normal(low: float, high: float, site: str, groove: bool = False, legend: bool = False) -> Pick:
    return lambda case: (
        not case.fracture and low <= case.age < high and (case.site, case.groove, case.legend) == (site, groove, legend)
    )


def _deep_groove(case: Case) -> bool:
    """A normal wrist whose groove is easily seen."""
    groove = Wrist(case, SIZE).grooves.get("radius")
    return _normal(12, 18, "A", groove=True)(case) and isinstance(groove, Groove) and groove.loss * groove.width > 0.5


ROWS: tuple[tuple[tuple[str, Pick], ...], ...] = (
    (
        ("normal, 5 years", _normal(4, 6, "A")),
        ("normal, 9 years", _normal(8, 10, "A")),
        ("normal, 13 years: growth plates", _normal(12.5, 14, "A")),
        ("normal, grown up", _normal(17.8, 20, "A")),
    ),
    (
        ("displaced, radius", _grade("displaced", "radius", 10, 14)),
        ("displaced, ulna", _grade("displaced", "ulna", 8, 19)),
        ("displaced, metacarpal", _grade("displaced", "metacarpal", 12, 19)),
        ("normal, site B, legend", _normal(11, 16, "B", legend=True)),
    ),
    (
        ("moderate, radius", _grade("moderate", "radius", 11, 15)),
        ("hairline, radius", _grade("hairline", "radius", 12, 19)),
        ("look-alike: vessel groove in the radius", _deep_groove),
        ("look-alike: growth plate, 7 years", _normal(6.5, 8, "A", legend=True)),
    ),
)
TRIPLES = (_grade("displaced", "radius", 12, 15), _grade("hairline", "radius", 11, 16))


def find(pick: Pick, start: int = 0) -> Wrist:
    """The first case from `start` that a description fits."""
    number = start
    while not pick(case := draw(Population(seed=11), "test", number)):
        number += 1
    return Wrist(case, SIZE)


def outlined(wrist: Wrist, names: tuple[str, ...]) -> Array:
    """A wrist's radiograph, [size,size,3], with the borders of some of its regions in colour."""
    return outlined_by(wrist.image(), wrist.regions(), names)


def outlined_by(grey: Array, regions: Mapping[str, np.ndarray], names: tuple[str, ...]) -> Array:
    """A radiograph, [size,size,3], with the borders of some of its regions in colour."""
    from scipy.ndimage import binary_erosion

    image = np.repeat(grey[..., None], 3, axis=2)
    for name in names:
        image[regions[name] & ~binary_erosion(regions[name], iterations=2)] = OUTLINES[name]
    return image


def tiles() -> list[tuple[str, Array]]:
    """All tiles with their titles, row by row."""
    made = [(title, np.repeat(find(pick).image()[..., None], 3, axis=2)) for row in ROWS for title, pick in row]
    for wrist in (find(pick, 500) for pick in TRIPLES):
        twin = wrist.twin()
        assert twin is not None
        change = np.clip(0.5 + 2 * (wrist.image() - twin), 0, 1)
        made += [
            (f"{wrist.case.grade}: regions", outlined(wrist, ("text", "frame", "finding"))),
            ("its twin", np.repeat(twin[..., None], 3, axis=2)),
            ("radiograph - twin", np.repeat(change[..., None], 3, axis=2)),
            ("difference", outlined(wrist, ("difference",))),
        ]
    return made


def draw_sheet(out: Path) -> None:
    """Write the wrists' contact sheet as PNG."""
    save_sheet(tiles(), "Wrist phantoms: computed radiographs, no patients", out, COLUMNS)


def save_sheet(shown: Sequence[tuple[str, Array]], heading: str, out: Path, columns: int) -> None:
    """Write titled tiles, `columns` a row, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = -(-len(shown) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.6 * columns, 2.75 * rows), facecolor="white", squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, image) in zip(axes.flat, shown, strict=False):
        axis.imshow(image, interpolation="bilinear")
        axis.set_title(title, fontsize=8, pad=2)
    figure.suptitle(heading, fontsize=10, y=0.998)
    figure.tight_layout(pad=0.4, rect=(0, 0, 1, 0.985))
    figure.savefig(out, dpi=100)
    plt.close(figure)
    _shrink(out)


def _shrink(path: Path) -> None:
    """To 96 greys and shades of the outlines' colours: a third of the bytes."""
    from PIL import Image

    greys = [(level, level, level) for level in np.linspace(0, 255, 96).astype(int).tolist()]
    shades = [
        tuple(int(255 * part * tint) for part in colour) for colour in OUTLINES.values() for tint in (0.6, 0.8, 1)
    ]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in (*greys, *shades) for part in colour])
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


if __name__ == "__main__":
    draw_sheet(Path(sys.argv[1]))
