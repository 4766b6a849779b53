"""The board on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from xraybench.leaderboard.board import Board, ModelRow, Row
from xraybench.leaderboard.fitting import batched, fitting
from xraybench.leaderboard.formats import arrow, families, interval_text, resampled
from xraybench.leaderboard.rounding import letters, number, span
from xraybench.results import MetricInfo

MOST_COLUMNS = 8  # metrics a table, where the console is wide enough
MOST_MODELS = 6  # trained models a table, likewise


def show(board: Board, console: Console) -> None:
    """Print the board: models, then for each model its rows, split by metric family to fit the console's width."""
    _head(board, console)
    for table in _models(board, console):
        console.print(table)
    for model in board.model_names():
        void = any(row.void for row in board.rows_of(model))
        console.print(f"\n[bold]Explainers on {escape(model)}[/]" + (" [red](void: no better than chance)[/]" * void))
        shown = [metric for metric in board.metrics if board.column(model, metric.label)]
        for table in _explainers(board, model, shown, console):
            console.print(table)
    _foot(board, console)


def _head(board: Board, console: Console) -> None:
    console.print(f"[bold]{escape(board.title)}[/]  preset {escape(board.preset)}, source {escape(board.source)}")
    if board.phantom:
        console.print("[yellow]Phantom results: computed radiographs[/]")
    console.print(f"[dim]{escape(board.explained)}[/]")


def _models(board: Board, console: Console) -> list[Table]:
    """Scores in rows, trained models in columns: as few tables as the console's width allows."""
    return fitting(console, MOST_MODELS, lambda size: [_models_table(part) for part in batched(board.models, size)])


def _models_table(models: Sequence[ModelRow]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("test set")
    for model in models:
        table.add_column(f"{escape(model.model)}\n[dim]seed {model.seed}[/]", no_wrap=True)
    for name in dict.fromkeys(name for model in models for name in model.scores):
        table.add_row(escape(name), *(_model_score(model, name) for model in models))
    return table


def _model_score(model: ModelRow, name: str) -> str:
    paper = f"  [cyan]paper {model.reference[name]:g}[/]" if name in model.reference else ""
    return escape(interval_text(model.scores.get(name))) + paper


def _explainers(board: Board, model: str, metrics: Sequence[MetricInfo], console: Console) -> list[Table]:
    return fitting(console, MOST_COLUMNS, lambda size: [_rows(board, model, part) for part in _chunks(metrics, size)])


def _chunks(metrics: Sequence[MetricInfo], size: int) -> list[list[MetricInfo]]:
    """Metrics in tables of at most `size` columns; a family is not broken unless it is larger than a table."""
    chunks: list[list[MetricInfo]] = []
    for family in families(metrics).values():
        for part in batched(family, size):
            if chunks and len(chunks[-1]) + len(part) <= size:
                chunks[-1].extend(part)
            else:
                chunks.append(list(part))
    return chunks


def _rows(board: Board, model: str, metrics: Sequence[MetricInfo]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("explainer", no_wrap=True)
    for metric in metrics:
        column = board.column(model, metric.label)
        doubt = "?" if column and column.uninformative else ""
        table.add_column(
            f"{escape(metric.label)} {arrow(metric)}{doubt}\n[dim]{escape(metric.family)}[/]", no_wrap=True
        )
    sections = (board.rows_of(model, "method"), board.rows_of(model, "control", "ceiling"))
    for rows in sections:
        for row in rows:
            table.add_row(_name(row), *(_score(row, metric.label) for metric in metrics))
        table.add_section()
    return table


def _name(row: Row) -> Text:
    if row.role == "method":
        return Text(row.explainer + (" (void)" if row.void else ""), style="dim" if row.void else "")
    return Text(f"{row.explainer} · {row.role}", style="cyan")


def _score(row: Row, label: str) -> Text:
    score = row.scores.get(label)
    if score is None:
        return Text("n/a" if label in row.skipped else "–", style="dim")
    text = Text(number(score.mean, score.low, score.high), style="bold" if score.tie_group == 1 else "")
    beside = span(score.mean, score.low, score.high).replace(" ", "")
    text.append(f" [{beside}]" if beside else "", style="dim not bold")
    text.append(f" {letters(score.tie_group)}" if score.tie_group else "", style="green not bold")
    return text


def _foot(board: Board, console: Console) -> None:
    console.print(
        f"[dim]Mean over images \\[95 % interval over {resampled(board.rows)}]; rows that share a letter are not told "
        "apart, a is the best group. ↑ higher, ↓ lower is better; without an arrow: descriptive. Reference maps are "
        "not ranked.[/]",
        highlight=False,
    )
    for column in board.columns:
        if column.uninformative:
            console.print(
                f"[yellow]? {escape(column.metric)} on {escape(column.model)}: {escape(column.uninformative)}[/]"
            )
    for one in board.failed:
        what = f"{one.explainer} on {one.model}, seed {one.seed}" + (f", {one.metric}" if one.metric else "")
        console.print(f"[red]failed: {escape(what)}: {escape(one.reason)}[/]")
    reasons = Counter((one.metric or "all metrics", one.reason) for one in board.skipped)
    for (metric, reason), count in sorted(reasons.items()):
        console.print(f"[dim]skipped: {escape(metric)}, {count} rows: {escape(reason)}[/]")
