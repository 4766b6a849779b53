"""Drawings of a board as inline SVG: interval whiskers, score against cost. Colours are the page's CSS classes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from xraybench.leaderboard.board import Board, Row, Score
from xraybench.leaderboard.rounding import amount, number
from xraybench.results import ComparisonRecord, MetricInfo, SimilarityRecord

WHISKER = (68.0, 13.0)  # width, height in px
PLOT = (760.0, 400.0)
MARGIN = (56.0, 20.0, 130.0, 46.0)  # left, top, right (room for names), bottom
LABEL_HEIGHT = 13.0
TILE, LETTER = 25.0, 5.6  # px: a side of a layer map's tile, the width of a letter beside it


@dataclass(frozen=True)
class Axis:
    """Values low..high onto pixels start..end, linearly or by their logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        scale = math.log10 if self.log else float
        low, high = scale(self.low), scale(self.high)
        share = (scale(value) - low) / (high - low) if high > low else 0.5
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Round numbers: 1, 2 and 5 times powers of ten on a logarithmic axis, else about five."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            return [
                tick for power in powers for one in (1, 2, 5) if self.low <= (tick := one * 10.0**power) <= self.high
            ]
        rough = (self.high - self.low) / 5 or 1.0
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.75)
        return [n * step for n in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]


def _bounds(scores: Iterable[Score]) -> tuple[float, float]:
    """The smallest range that holds all means and intervals; 0..1 where there is none."""
    ends = [
        end
        for score in scores
        for end in (score.mean, score.low, score.high)
        if end is not None  # a score without an interval is a point
    ]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def score_axis(board: Board, model: str, metric: str) -> Axis:
    """The common axis of a column's whiskers."""
    scores = [row.scores[metric] for row in board.rows_of(model) if metric in row.scores]
    return Axis(*_bounds(scores), start=4.0, end=WHISKER[0] - 4.0)


def whisker(score: Score, axis: Axis, floor: float | None) -> str:
    """A row's interval on its column's axis; the thin upright line is where random maps stand."""
    if score.mean is None:
        return ""
    width, height = WHISKER
    middle = height / 2
    parts = [f'<line class="track" x1="2" x2="{width - 2:g}" y1="{middle:g}" y2="{middle:g}"/>']
    if floor is not None:
        parts.append(f'<line class="floor" x1="{axis(floor)}" x2="{axis(floor)}" y1="1" y2="{height - 1:g}"/>')
    if score.low is not None and score.high is not None:
        ends = f'x1="{axis(score.low)}" x2="{axis(score.high)}"'
        parts.append(f'<line class="interval" {ends} y1="{middle:g}" y2="{middle:g}"/>')
    parts.append(f'<circle class="mean" cx="{axis(score.mean)}" cy="{middle:g}" r="2.6"/>')
    return f'<svg class="whisker" viewBox="0 0 {width:g} {height:g}" aria-hidden="true">{"".join(parts)}</svg>'


@dataclass(frozen=True)
class Point:
    """A method in the plot of score against cost."""

    row: Row
    score: Score
    mean: float
    cost: float


def _points(board: Board, model: str, metric: MetricInfo) -> list[Point]:
    return [
        Point(row, score, score.mean, row.cost.image_forwards)
        for row in board.rows_of(model, "method")
        if (score := row.scores.get(metric.label)) and score.mean is not None and row.cost and row.cost.image_forwards
    ]


def cost_plot(board: Board, model: str, metric: MetricInfo) -> str:
    """Score against image-forwards per image (log); the line joins the methods that no cheaper one beats."""
    points = _points(board, model, metric)
    if not points:
        return ""
    left, top, right, bottom = MARGIN
    references = [row for row in board.rows_of(model) if row.explainer in ("random", "oracle")]
    lines = [row.scores[metric.label] for row in references if metric.label in row.scores]
    low, high = _bounds([*(point.score for point in points), *lines])
    pad = 0.04 * (high - low)
    y = Axis(low - pad, high + pad, PLOT[1] - bottom, top)
    costs = [point.cost for point in points]
    x = Axis(min(costs) / 1.3, max(costs) * 1.3, left, PLOT[0] - right, log=True)
    drawn = [_frame(x, y, metric), _references(references, metric, y), _front(points, metric, x, y)]
    drawn += [_mark(point, x, y) for point in points]
    drawn += _names(points, x, y)
    title = f"{metric.label} against image-forwards per image, {model}"
    box = f'viewBox="0 0 {PLOT[0]:g} {PLOT[1]:g}" role="img" aria-label="{escape(title)}"'
    return f'<svg class="plot" {box}>{"".join(drawn)}</svg>'


def _frame(x: Axis, y: Axis, metric: MetricInfo) -> str:
    parts = []
    for tick in y.ticks():
        parts.append(f'<line class="grid" x1="{x.start}" x2="{x.end}" y1="{y(tick)}" y2="{y(tick)}"/>')
        parts.append(f'<text class="tick" x="{x.start - 8}" y="{y(tick) + 4}" text-anchor="end">{number(tick)}</text>')
    for tick in x.ticks():
        parts.append(f'<line class="grid" x1="{x(tick)}" x2="{x(tick)}" y1="{y.start}" y2="{y.end}"/>')
        parts.append(f'<text class="tick" x="{x(tick)}" y="{y.start + 18}" text-anchor="middle">{tick:,.10g}</text>')
    middle = (x.start + x.end) / 2
    under = "image-forwards per image (a backward counts 2)"
    parts.append(f'<text class="axis" x="{middle:g}" y="{y.start + 38}" text-anchor="middle">{under}</text>')
    better = {True: "higher is better", False: "lower is better", None: "descriptive"}[metric.higher_is_better]
    parts.append(f'<text class="axis" x="{x.start}" y="{y.end - 7}">{escape(metric.label)}, {better}</text>')
    return "".join(parts)


def _references(rows: Sequence[Row], metric: MetricInfo, y: Axis) -> str:
    parts = []
    for row in rows:
        score = row.scores.get(metric.label)
        if score and score.mean is not None:
            at = y(score.mean)
            parts.append(f'<line class="reference" x1="{MARGIN[0]}" x2="{PLOT[0] - MARGIN[2]}" y1="{at}" y2="{at}"/>')
            parts.append(f'<text class="reference" x="{PLOT[0] - MARGIN[2] + 6}" y="{at + 4}">{row.explainer}</text>')
    return "".join(parts)


def _front(points: Sequence[Point], metric: MetricInfo, x: Axis, y: Axis) -> str:
    """The line through methods that are better than all cheaper ones."""
    if metric.higher_is_better is None:
        return ""
    sign = 1 if metric.higher_is_better else -1
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -sign * point.mean)):
        if not front or sign * point.mean > sign * front[-1].mean:
            front.append(point)
    steps = "".join(f"H{x(point.cost)}V{y(point.mean)}" for point in front)
    return f'<path class="front" d="M{x(front[0].cost)} {y(front[0].mean)}{steps}H{x.end}"/>'


def _mark(point: Point, x: Axis, y: Axis) -> str:
    at, height = x(point.cost), y(point.mean)
    title = f"{point.row.explainer}: {number(point.mean)} at {amount(point.cost)} image-forwards"
    bar = ""
    if point.score.low is not None and point.score.high is not None:
        bar = f'<line class="interval" x1="{at}" x2="{at}" y1="{y(point.score.low)}" y2="{y(point.score.high)}"/>'
    return f'<g><title>{escape(title)}</title>{bar}<circle class="mean" cx="{at}" cy="{height}" r="4.5"/></g>'


def _names(points: Sequence[Point], x: Axis, y: Axis) -> list[str]:
    """Names to the right of their points, moved down where they would lie on one another."""
    placed: list[tuple[float, float, float]] = []  # left, right, baseline
    names = []
    for point in sorted(points, key=lambda point: (y(point.mean), x(point.cost))):
        left, base = x(point.cost) + 8, y(point.mean) + 4
        right = left + 6.6 * len(point.row.explainer)
        while any(left < r and right > le and abs(base - b) < LABEL_HEIGHT for le, r, b in placed):
            base += 1
        placed.append((left, right, base))
        names.append(f'<text class="name" x="{left:g}" y="{base:g}">{escape(point.row.explainer)}</text>')
    return names


def layer_map(record: ComparisonRecord, similarity: SimilarityRecord) -> str:
    """One measure over all pairs of layers, and its null beside it: the first model's layers down, the second's across.

    Colours as in `heat`; a refused pair is empty.
    """
    down, across = ([_short(name) for name in layers] for layers in (record.first_layers, record.second_layers))
    left, top = (LETTER * max(map(len, names), default=0) + space for names, space in ((down, 10), (across, 26)))
    panel = TILE * len(across)
    parts = [
        f'<text x="{left - 6:g}" y="{top + TILE * (i + 0.62):g}" text-anchor="end">{escape(name)}</text>'
        for i, name in enumerate(down)
    ]
    for start, what, values in (
        (left, similarity.measure, similarity.values),
        (left + panel + TILE, f"{similarity.measure}, images permuted", similarity.null),
    ):
        parts.append(f'<text class="name" x="{start:g}" y="12">{escape(what)}</text>')
        for j, name in enumerate(across):
            at = f"{start + TILE * (j + 0.62):g} {top - 6:g}"
            parts.append(f'<text transform="translate({at}) rotate(-90)">{escape(name)}</text>')
        parts += [_tiles(record, i, line, start, top + TILE * i) for i, line in enumerate(values)]
    width, height = left + 2 * panel + TILE, top + TILE * len(down)
    title = f"{similarity.measure} between layers of {record.first} and {record.second}, and with images permuted"
    box = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img" aria-label="{escape(title)}"'
    return f'<svg class="layers" {box}>{"".join(parts)}</svg>'


def _short(name: str) -> str:
    """A layer's name without what all layers of an architecture begin with."""
    return name.removeprefix("features.")


def _tiles(record: ComparisonRecord, i: int, line: Sequence[float | None], x: float, y: float) -> str:
    parts = []
    for j, value in enumerate(line):
        if value is None:
            continue
        red, green, blue = _shade(value)
        at, text = f'x="{x + TILE * j:g}" y="{y:g}"', f"{value:.2f}".replace("0.", ".", 1)
        title = f"<title>{escape(_pair(record, i, j))}: {value:.3f}{_samples(record, i, j)}</title>"
        parts.append(f'<g>{title}<rect {at} width="{TILE:g}" height="{TILE:g}" fill="rgb({red},{green},{blue})"/>')
        middle = f'x="{x + TILE * (j + 0.5):g}" y="{y + TILE * 0.62:g}"'
        parts.append(f'<text class="tile" {middle} text-anchor="middle">{text}</text></g>')
    return "".join(parts)


def _pair(record: ComparisonRecord, i: int, j: int) -> str:
    return f"{_short(record.first_layers[i])}, {_short(record.second_layers[j])}"


def _samples(record: ComparisonRecord, i: int, j: int) -> str:
    """Over how many samples a pair is compared, N, and how many a channel; nothing in an older record."""
    share = record.samples_per_channel(i, j)
    if share is None:
        return ""
    channels = f"{record.first_channels[i]} + {record.second_channels[j]}"
    return f"; N = {record.samples[i][j]:,}, N / ({channels}) = {amount(share)}"


def _shade(value: float) -> tuple[int, int, int]:
    """White at zero, orange above, blue below."""
    end = (214, 118, 36) if value > 0 else (72, 130, 190)
    red, green, blue = (round(255 + (channel - 255) * min(abs(value), 1.0)) for channel in end)
    return red, green, blue


def heat(value: float | None) -> str:
    """CSS of a heat map's cell for tau in -1..1: blue below, white at, orange above zero; dark ink on all of them."""
    if value is None:
        return ""
    red, green, blue = _shade(value)
    return f"background:rgb({red},{green},{blue});color:#14181c"
