"""The board of models on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xraybench.leaderboard.fitting import batched, fitting
from xraybench.leaderboard.lines import (
    AREAS,
    ScoreLine,
    beside,
    better,
    label_reasons,
    lines_of,
    missing_strata,
    reported,
    written,
)
from xraybench.leaderboard.modelboard import Curve, Entry, ModelBoard, Trained
from xraybench.leaderboard.rounding import duration, number
from xraybench.results import Interval

MOST_COLUMNS = 8  # lines of an entry, or scores of labels, a table, where the console is wide enough


def show_models(board: ModelBoard, console: Console) -> None:
    """Print every entry of the preset: its recipe, its scores beside the paper's, labels and how training went."""
    console.print(
        f"[bold]{escape(board.title)}: models[/]  preset {escape(board.preset)}, source {escape(board.source)}"
    )
    if board.phantom:
        console.print("[yellow]Phantom results: computed radiographs[/]")
    for sentence in board.comparison:
        console.print(f"[cyan]{escape(sentence)}[/]", highlight=False)
    for entry in board.entries:
        _entry(entry, console)
    _foot(board, console)


def _entry(entry: Entry, console: Console) -> None:
    void, trained = sum(not one.beats_chance for one in entry.trained), len(entry.trained)
    weights = f", {entry.trained[0].parameters:,} weights" if entry.trained else ", not trained in this run"
    seeds = f": {void} of {trained} seeds" if trained > 1 else ""
    mark = f" [red](no better than chance{seeds})[/]" if void else ""
    console.print(f"\n[bold]{escape(entry.model)}[/]  {escape(entry.architecture)}{weights}{mark}", highlight=False)
    for sentence in entry.recipe or ["The records hold no recipe that this version reads."]:
        console.print(f"[dim]{escape(sentence)}[/]", highlight=False)
    lines = lines_of(entry)
    for table in fitting(console, MOST_COLUMNS, lambda size: [_scores(part) for part in batched(lines, size)]):
        console.print(table)
    for one in entry.trained:
        _trained(entry, one, console)
    for reason in dict.fromkeys(reason for one in entry.trained for reason in missing_strata(one)):
        console.print(f"[yellow]{escape(reason)}[/]", highlight=False)


def _scores(lines: Sequence[ScoreLine]) -> Table:
    """Scores in rows; by image, by study and of the paper in columns."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("test set")
    for line in lines:
        below = "on its own data" if line.paper else f"{line.n} scored" + (", mean (range)" if line.ranges else "")
        table.add_column(f"{escape(line.label)}\n[dim]{below}[/]", style="cyan" if line.paper else "", no_wrap=True)
    for name in dict.fromkeys(name for line in lines for name in line.scores):
        table.add_row(f"{name} {better(name)}", *(_score(line, name) for line in lines))
    return table


def _score(line: ScoreLine, name: str) -> str:
    if name not in line.scores:
        return "" if line.paper else "–"
    return escape(_text(line.scores[name], line.ranges))


def _text(one: Interval, ranges: bool = False) -> str:
    spread = beside(one, "–" if ranges else ", ")
    brackets = "()" if ranges else "[]"
    return f"{written(one)} {brackets[0]}{spread}{brackets[1]}" if spread else written(one)


def _trained(entry: Entry, one: Trained, console: Console) -> None:
    """Labels, what is hidden and why, and how each stage went, of one seed."""
    seed = f"seed {one.seed}: " if len(entry.trained) > 1 else ""
    names = list(one.scores) if one.labels else []
    for table in fitting(console, MOST_COLUMNS, lambda size: [_labels(entry, one, p) for p in batched(names, size)]):
        console.print(table)
    for reason in label_reasons(one):
        console.print(f"[yellow]{escape(f'{seed}no areas under curves of {reason}')}[/]", highlight=False)
    for curve in one.curves:
        console.print(f"[dim]{escape(f'{seed}trained on {curve.stage}: {_course(curve)}')}[/]", highlight=False)


def _labels(entry: Entry, one: Trained, names: Sequence[str]) -> Table:
    """Labels in rows, scores in columns, the paper's beside them."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("label", no_wrap=True)
    table.add_column("positives", justify="right", no_wrap=True)
    for name in names:
        table.add_column(f"{name} {better(name)}", no_wrap=True)
        if name in entry.label_reference:
            table.add_column("paper", style="cyan", no_wrap=True)
    for label, scores in one.labels.items():
        cells = []
        for name in names:
            cells.append(escape(_text(scores[name])) if name in scores else "hidden" if name in AREAS else "–")
            if name in entry.label_reference:
                cells.append(reported(entry.label_reference[name].get(label)))
        table.add_row(escape(label), str(one.positives.get(label, "–")), *cells)
    return table


def _course(curve: Curve) -> str:
    if not curve.history:
        return "the records hold no curve of it"
    last = curve.history[(curve.kept or len(curve.history)) - 1]
    measured = {"loss": last.get("validation_loss"), "AUC": last.get("validation_auc")}
    then = ", ".join(f"validation {name} {number(value)}" for name, value in measured.items() if value is not None)
    took = f" in {duration(curve.seconds)}" if curve.seconds is not None else ""
    kept = f"; epoch {curve.kept} is kept" if curve.kept else ""
    drawn = ", ".join(f"{name} {value}" for name, value in curve.drawn.items())
    found = f"; the search settled on {drawn}" if drawn else ""
    return f"{len(curve.history)} epochs{took}{kept}" + (f" ({then})" if then else "") + found


def _foot(board: ModelBoard, console: Console) -> None:
    console.print(
        "\n[dim]\\[95 % interval over patients]; of several seeds mean (range). ↑ higher, ↓ lower is better. "
        "Each seed, strata, curves: --json, or the page models.html.[/]",
        highlight=False,
    )
    for note in board.notes:
        console.print(f"[dim]Note: {escape(note)}[/]", highlight=False)
    if board.others:
        names = ", ".join(entry.model for entry in board.others)
        console.print(f"[dim]Entries of other presets: {escape(names)}[/]", highlight=False)
