"""The scores of all models of a board beside one another, and beside their papers', as inline SVG."""

from __future__ import annotations

from html import escape

from xraybench.leaderboard.charts import Axis
from xraybench.leaderboard.curves import LETTER, ticks_of
from xraybench.leaderboard.lines import ScoreLine, beside, lines_of, seed_lines, written
from xraybench.leaderboard.modelboard import Entry, ModelBoard

SCORES = ("roc-auc", "accuracy", "kappa")
WIDTH, GAP, ROW = 280.0, 52.0, 26.0
TOP, BOTTOM = 26.0, 24.0
SHRINK = 0.85  # smaller than this its names are not read: the page scrolls it


def forest(board: ModelBoard) -> str:
    """A row a model, a panel a score: by image with its interval over patients (a dot a seed), the paper's hollow."""
    shown = [name for name in SCORES if name in board.score_names()]
    rows = [entry for entry in board.entries if entry.trained or entry.reference]
    if not shown or not rows:
        return ""
    left = LETTER * max(len(entry.model) for entry in rows) + 16
    width = left + len(shown) * (WIDTH + GAP) - GAP + 14
    height = TOP + ROW * len(rows) + BOTTOM
    parts = [_name(entry, left, _middle(row)) for row, entry in enumerate(rows)]
    for place, name in enumerate(shown):
        parts.append(_panel(rows, name, left + place * (WIDTH + GAP)))
    box = f'viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(", ".join(shown))} of every model"'
    style = f'style="max-width:{width:g}px;min-width:{SHRINK * width:g}px"'
    return f'<svg class="plot forest" {style} {box}>{"".join(parts)}</svg>'


def _middle(row: int) -> float:
    return TOP + ROW * (row + 0.5)


def _name(entry: Entry, left: float, middle: float) -> str:
    return f'<text x="{left - 12:g}" y="{middle + 4:g}" text-anchor="end">{escape(entry.model)}</text>'


def _panel(rows: list[Entry], name: str, left: float) -> str:
    drawn = [_lines(entry, name) for entry in rows]
    ends = [end for lines in drawn for line in lines for end in _ends(line, name)]
    title = f'<text class="axis" x="{left:g}" y="{TOP - 10:g}">{escape(name)}</text>'
    if not ends:
        return title
    low, high = min(ends), max(ends)
    pad = 0.06 * (high - low) or 0.05
    x = Axis(low - pad, min(high + pad, 1.0) if high <= 1 else high + pad, left, left + WIDTH)
    bottom = _middle(len(rows) - 1) + ROW / 2
    parts = [title]
    for tick, text in ticks_of(x):
        parts.append(f'<line class="grid" x1="{x(tick)}" x2="{x(tick)}" y1="{TOP:g}" y2="{bottom:g}"/>')
        parts.append(f'<text class="tick" x="{x(tick)}" y="{bottom + 16:g}" text-anchor="middle">{text}</text>')
    for row, lines in enumerate(drawn):
        parts += _marks(lines, name, x, _middle(row))
    return "".join(parts)


def _lines(entry: Entry, name: str) -> list[ScoreLine]:
    """By image, a seed each, and the paper's."""
    lines = lines_of(entry)
    here = [line for line in seed_lines(entry) or lines if line.label.endswith("image")]
    shown = [*here, *(line for line in lines if line.paper)]
    return [line for line in shown if name in line.scores and line.scores[name].mean is not None]


def _ends(line: ScoreLine, name: str) -> list[float]:
    one = line.scores[name]
    return [end for end in (one.mean, one.low, one.high) if end is not None]


def _marks(lines: list[ScoreLine], name: str, x: Axis, middle: float) -> list[str]:
    here = [line for line in lines if not line.paper]
    spread = ROW / 2 / max(len(here), 2)
    marks = []
    for place, line in enumerate(here):
        marks.append(_dot(line, name, x, middle + spread * (place - (len(here) - 1) / 2)))
    for line in (line for line in lines if line.paper):
        at = x(line.scores[name].mean or 0.0)
        title = f"<title>paper: {written(line.scores[name])}</title>"
        diamond = f"M{at - 5.5:g} {middle:g}l5.5 -5.5l5.5 5.5l-5.5 5.5z"
        marks.append(f'<g>{title}<path class="paper" d="{diamond}"/></g>')
    return marks


def _dot(line: ScoreLine, name: str, x: Axis, height: float) -> str:
    one = line.scores[name]
    void = ' class="void"' if line.trained and not line.trained.beats_chance else ""
    bar = ""
    if one.low is not None and one.high is not None:
        bar = f'<line class="interval" x1="{x(one.low)}" x2="{x(one.high)}" y1="{height:g}" y2="{height:g}"/>'
    dot = f'<circle class="mean" cx="{x(one.mean or 0.0)}" cy="{height:g}" r="4"/>'
    return f"<g{void}><title>{escape(line.label)}: {written(one)} [{beside(one)}]</title>{bar}{dot}</g>"
