"""One PNG an image: the radiograph, and beside it each explainer's map laid over it, with its colour scale."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xraybench.leaderboard.overlays import Floats, Pixels, lay_over
from xraybench.results import replacing
from xraybench.single.findings import SCALING, Explained, Findings, MapOf, Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

ACROSS = 5  # panels in a row, the radiograph one of them
PANEL = 2.3  # inches a side
DPI = 160
QUIET, OUTLINE = "#59626b", "#39e6ff"
TITLE, SMALL = 9.5, 7.5  # points
EDGE = 0.03  # of a panel's width, left free on either side


def write_picture(path: Path, findings: Findings, one: Explained) -> None:
    """The side-by-side picture of one image; a block of panels for each target."""
    figure = draw(findings, one)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})


def draw(findings: Findings, one: Explained) -> Figure:
    """The same as a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = 1 + len(one.targets[0].maps)
    columns = min(ACROSS, panels)
    rows = -(-panels // columns)
    heading, foot, block = 0.35, 0.42, 0.34 + rows * (PANEL + 0.62)
    height = heading + foot + block * len(one.targets)
    figure = Figure(figsize=(max(columns, 2) * PANEL, height))
    FigureCanvasAgg(figure)
    parts = figure.subfigures(
        len(one.targets) + 2, 1, height_ratios=[heading, *([block] * len(one.targets)), foot], squeeze=False
    )[:, 0]
    _line(parts[0], f"{one.path.name}   ·   {findings.heading}", 0.5, QUIET, SMALL + 0.5)
    for part, target in zip(parts[1:-1], one.targets, strict=True):
        _block(part, one, target, rows, columns, block)
    width = round(columns * 40)
    boxed = " Cyan: the given box." if one.box.any() else ""
    note = f"{SCALING} The model sees {findings.image_size} x {findings.image_size} pixels.{boxed}"
    _line(parts[-1], "\n".join(textwrap.wrap(note, max(width, 80))), 0.55, QUIET, SMALL)
    return figure


def _line(part: SubFigure, text: str, height: float, colour: str, size: float) -> None:
    part.text(EDGE / ACROSS, height, text, color=colour, fontsize=size, ha="left", va="center", linespacing=1.35)


def _block(part: SubFigure, one: Explained, target: Target, rows: int, columns: int, inches: float) -> None:
    title = f"{target.label}:  logit {target.logit:.2f}, probability {target.probability:.2f}"
    part.text(EDGE / columns, 1 - 0.13 / inches, title, fontsize=TITLE + 1, fontweight="bold", ha="left", va="center")
    top, gap = 1 - 0.34 / inches, 0.62 / inches
    tall, wide = (top - rows * gap) / rows, 1 / columns
    margin = EDGE * wide
    for place in range(1 + len(target.maps)):
        row, column = divmod(place, columns)
        left, bottom = column * wide + margin, top - row * (tall + gap) - 0.24 / inches - tall
        axes = part.add_axes((left, bottom, wide - 2 * margin, tall))
        found = target.maps[place - 1] if place else None
        _panel(axes, one, found)
        if found is not None:
            bar = part.add_axes((left, bottom - 0.12 / inches, wide - 2 * margin, 0.07 / inches))
            _scale(bar, found)


def _panel(axes: Axes, one: Explained, found: MapOf | None) -> None:
    grey = np.repeat(one.grey[..., None], 3, axis=2)
    axes.imshow(grey if found is None else overlay(one.grey, found), interpolation="lanczos")
    name = "image" if found is None else found.explainer
    axes.set_title("\n".join(textwrap.wrap(name, 30)), fontsize=TITLE, pad=3.5, loc="left")
    if one.box.any():
        axes.contour(one.box, levels=[0.5], colors=[OUTLINE], linewidths=1.1)
    axes.set_axis_off()


def _scale(axes: Axes, found: MapOf) -> None:
    """The colours over mid grey, from one end of the scale to the other."""
    low = -1.0 if found.signed else 0.0
    level = np.tile(np.linspace(low, 1, 201), (8, 1))
    axes.imshow(lay_over(np.full(level.shape, 96, dtype=np.uint8), level, 1.0, found.signed), aspect="auto")
    for where, text, align in zip((0, 0.5, 1), found.ends, ("left", "center", "right"), strict=True):
        axes.text(where, -0.5, text, transform=axes.transAxes, fontsize=SMALL - 1, color=QUIET, ha=align, va="top")
    axes.set_axis_off()


def overlay(grey: Pixels, found: MapOf) -> Pixels:
    """The map, enlarged bilinearly, over the radiograph [S,S]: uint8 [S,S,3]."""
    return lay_over(grey, enlarged(found.values / found.scale, grey.shape[0]), 1.0, found.signed)


def enlarged(values: Floats, side: int) -> Floats:
    """[H,W] -> [side,side], bilinear, pixel centres aligned."""
    from PIL import Image

    scaled = Image.fromarray(values.astype(np.float32)).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(scaled, dtype=np.float64)
