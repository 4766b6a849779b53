"""Training curves and scores of models as inline SVG. Colours are the page's CSS classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from xraybench.leaderboard.charts import Axis
from xraybench.leaderboard.modelboard import Curve, Entry

PANEL = (300.0, 160.0)  # the part of a panel that lines are drawn in: width, height
LEFT, TOP, BOTTOM, GAP = 46.0, 26.0, 36.0, 30.0
LETTER = 7.2  # width of a name's letter
LINE_HEIGHT = 14.0
MIN_TICK = 16.0  # between the first epoch and the next that is written
TOGETHER = 4  # models in one picture: more lines are not told apart


@dataclass(frozen=True)
class Line:
    """Values by epoch (from 1), drawn in a CSS class, with a name at its end."""

    name: str
    style: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Plot:
    """A panel: what stands above it, its lines, and a value that the axis must reach at its upper end."""

    title: str
    lines: Sequence[Line]
    top: float | None = None


def measure_of(kind: str) -> str:
    """What is drawn beside the loss: classes have an accuracy, findings an area under the ROC curve."""
    return "accuracy" if kind == "multi-class" else "auc"


def stage_curves(curve: Curve, kind: str) -> str:
    """One stage: training and validation loss, and the validation AUC (of classes: both accuracies); the kept epoch."""
    measure = measure_of(kind)
    loss = [Line("training", "train", _values(curve, "train_loss"))]
    loss += [Line("validation", "validation", _values(curve, "validation_loss"))]
    second = [Line("validation", "validation", _values(curve, f"validation_{measure}"))]
    if measure == "accuracy":
        second.insert(0, Line("training", "train", _values(curve, "train_accuracy")))
    plots = [Plot("loss", loss), Plot("accuracy" if measure == "accuracy" else "validation AUC", second, top=1.0)]
    return _figure(plots, f"training on {curve.stage}", kept=curve.kept, frozen=curve.frozen, named=True)


def together(entries: Sequence[Entry], kind: str) -> list[str]:
    """The last stages of all models over one another, four a picture: training loss, and validation AUC or accuracy."""
    drawn = [entry for entry in entries if _has_curve(entry)]
    groups: list[Sequence[Entry]] = [drawn]
    if len(drawn) > TOGETHER:  # entries that belong together stand together in a task file
        groups = [entries[start : start + TOGETHER] for start in range(0, len(entries), TOGETHER)]
        groups = [[entry for entry in group if _has_curve(entry)] for group in groups]
    return [_together(group, kind) for group in groups if group] if len(drawn) > 1 else []


def _has_curve(entry: Entry) -> bool:
    return any(one.curves[-1].history for one in entry.trained)


def _together(entries: Sequence[Entry], kind: str) -> str:
    measure = measure_of(kind)

    def lines(key: str) -> list[Line]:
        return [
            Line("" if seed else entry.model, f"series{place}", _values(one.curves[-1], key))
            for place, entry in enumerate(entries, start=1)
            for seed, one in enumerate(entry.trained)
        ]

    second = "validation accuracy" if measure == "accuracy" else "validation AUC"
    plots = [Plot("training loss", lines("train_loss")), Plot(second, lines(f"validation_{measure}"), top=1.0)]
    return _figure(plots, f"training of {', '.join(entry.model for entry in entries)}", named=False)


def _values(curve: Curve, key: str) -> list[float | None]:
    return [entry.get(key) for entry in curve.history]


def _figure(plots: Sequence[Plot], about: str, *, kept: int | None = None, frozen: int = 0, named: bool) -> str:
    """Panels side by side; names stand at the lines' ends in every panel, or in the last alone."""
    longest = max(len(line.name) for plot in plots for line in plot.lines)
    room = LETTER * longest + 14
    parts, left = [], LEFT
    for place, plot in enumerate(plots, start=1):
        last = place == len(plots)
        parts.append(_panel(plot, left, kept, frozen, named or last))
        left += PANEL[0] + (room if named or last else 0) + (0 if last else GAP + LEFT)
    box = f'viewBox="0 0 {left:g} {TOP + PANEL[1] + BOTTOM:g}" role="img" aria-label="{escape(about)}"'
    return f'<svg class="plot curves" style="max-width:{left:g}px" {box}>{"".join(parts)}</svg>'


def _panel(plot: Plot, left: float, kept: int | None, frozen: int, named: bool) -> str:
    values = [value for line in plot.lines for value in line.values if value is not None]
    title = f'<text class="axis" x="{left:g}" y="{TOP - 10:g}">{escape(plot.title)}</text>'
    if not values:
        return f'{title}<text class="tick" x="{left:g}" y="{TOP + 20:g}">nothing was measured</text>'
    low, high = min(values), max(values) if plot.top is None else plot.top
    pad = 0.05 * (high - low) or 0.5
    y = Axis(low - pad, high + (pad if plot.top is None else 0), TOP + PANEL[1], TOP)
    epochs = max(len(line.values) for line in plot.lines)
    x = Axis(1, max(epochs, 2), left, left + PANEL[0])
    parts = [_frozen(frozen, x, y) if frozen else "", _grid(x, y, epochs), title, _kept(kept, x, y) if kept else ""]
    parts += [_line(line, x, y, epochs) for line in plot.lines]
    return "".join(parts + (_names(plot.lines, x, y) if named else []))


def _grid(x: Axis, y: Axis, epochs: int) -> str:
    parts = []
    for tick, text in ticks_of(y):
        parts.append(f'<line class="grid" x1="{x.start}" x2="{x.end}" y1="{y(tick)}" y2="{y(tick)}"/>')
        parts.append(f'<text class="tick" x="{x.start - 7:g}" y="{y(tick) + 4:g}" text-anchor="end">{text}</text>')
    whole = [round(tick) for tick in x.ticks() if tick == round(tick) and tick <= epochs]
    ticks = [1, *(tick for tick in whole if x(tick) - x.start > MIN_TICK)]
    parts += [f'<text class="tick" x="{x(n)}" y="{y.start + 16:g}" text-anchor="middle">{n}</text>' for n in ticks]
    middle = (x.start + x.end) / 2
    return "".join(parts) + f'<text class="axis" x="{middle:g}" y="{y.start + 31:g}" text-anchor="middle">epoch</text>'


def ticks_of(axis: Axis) -> list[tuple[float, str]]:
    """An axis's ticks as they are written: with the decimals that tell them apart (two at least), as many as fit."""
    ticks = axis.ticks()
    step = min((b - a for a, b in pairwise(ticks)), default=1.0)
    decimals = max(2, math.ceil(-math.log10(step) - 1e-9))
    room = LETTER * (decimals + 3) if axis.end > axis.start else LINE_HEIGHT
    every = max(1, math.ceil(len(ticks) * room / abs(axis.end - axis.start)))
    return [(tick, f"{tick:.{decimals}f}") for tick in ticks[::every]]


def _frozen(epochs: int, x: Axis, y: Axis) -> str:
    """The epochs in which the head alone learnt."""
    width = x(min(epochs, x.high)) - x.start
    box = f'<rect class="frozen" x="{x.start:g}" y="{y.end:g}" width="{width:g}" height="{y.start - y.end:g}"/>'
    at = f'x="{x.start + width - 5:g}" y="{y.start - 6:g}"'
    return box + f'<text class="tick" {at} text-anchor="end">head alone</text>'


def _kept(epoch: int, x: Axis, y: Axis) -> str:
    at = x(epoch)
    words = f'<text class="kept" x="{at}" y="{TOP - 10:g}" text-anchor="{"end" if at > x.start + 60 else "start"}">'
    return f'<line class="kept" x1="{at}" x2="{at}" y1="{y.start}" y2="{y.end - 4:g}"/>{words}epoch {epoch} kept</text>'


def _line(line: Line, x: Axis, y: Axis, epochs: int) -> str:
    """A line through the values; broken where one was not finite."""
    path, gap = [], True
    for epoch, value in enumerate(line.values, start=1):
        if value is not None:
            path.append(f"{'M' if gap else 'L'}{x(epoch):g} {y(value):g}")
        gap = value is None
    return f'<path class="curve {line.style}" d="{"".join(path)}"/>'


def _names(lines: Sequence[Line], x: Axis, y: Axis) -> list[str]:
    """Names to the right of the lines' last values, moved apart."""
    ends = [(y(value), line) for line in lines if line.name and (value := _last(line.values)) is not None]
    placed: list[tuple[float, Line]] = []
    for height, line in sorted(ends, key=lambda end: end[0]):
        placed.append((max(height, placed[-1][0] + LINE_HEIGHT) if placed else height, line))
    overhang = max(0.0, placed[-1][0] - y.start) if placed else 0.0
    return [
        f'<text class="end {line.style}" x="{x.end + 8:g}" y="{height - overhang + 4:g}">{escape(line.name)}</text>'
        for height, line in placed
    ]


def _last(values: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)
