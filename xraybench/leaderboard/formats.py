"""A board as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from xraybench.leaderboard.board import Absent, Board, Row, Score, Stratum
from xraybench.leaderboard.rounding import amount, letters, number, span
from xraybench.results import Interval, MetricInfo
from xraybench.stats import MIN_SEEDS

CSV_FIELDS = (
    *("task", "source", "preset", "comparability_key", "model", "explainer", "role", "void"),
    *("metric", "family", "higher_is_better", "mean", "low", "high", "n", "n_undefined"),
    *("rank_low", "rank_high", "tie_group", "p_best", "unranked"),
)


def to_json(board: Board) -> str:
    """The board's fields as JSON; a number that is not finite is null."""
    return board.model_dump_json(indent=1) + "\n"


def to_csv(board: Board) -> str:
    """One line a row and metric, with a header line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_FIELDS)
    for row in board.rows:
        for metric in board.metrics:
            if metric.label in row.scores:
                writer.writerow(_csv_line(board, row, metric, row.scores[metric.label]))
    return text.getvalue()


def _csv_line(board: Board, row: Row, metric: MetricInfo, score: Score) -> list[object]:
    rank = score.rank or (None, None)
    where = [board.task, board.source, board.preset, board.comparability_key, row.model, row.explainer, row.role]
    what = [row.void, metric.label, metric.family, metric.higher_is_better]
    values = [score.mean, score.low, score.high, score.n, score.n_undefined, *rank, score.tie_group, score.p_best]
    return [*where, *what, *values, score.unranked]


def arrow(metric: MetricInfo) -> str:
    """Which way is better; nothing for a descriptive metric."""
    return {True: "↑", False: "↓", None: ""}[metric.higher_is_better]


def interval_text(score: Score | Interval | None) -> str:
    """`0.43 [0.38, 0.47]`, `0.43` without an interval, or a dash."""
    if score is None or score.mean is None:
        return "–"
    beside = span(score.mean, score.low, score.high)
    return number(score.mean, score.low, score.high) + (f" [{beside}]" if beside else "")


def size_text(stratum: Stratum) -> str:
    """How large the findings of a stratum are, in per cent of the image; empty where it holds all sizes."""
    low, high = (None if end is None else amount(100 * end) for end in (stratum.at_least, stratum.below))
    if low is None:
        return "" if high is None else f"under {high} % of the image"
    return f"from {low} %" if high is None else f"{low} to {high} %"


def score_text(row: Row, label: str) -> str:
    """A cell of a plain table: the interval and the tie group's letter; n/a where the metric was skipped."""
    score = row.scores.get(label)
    if score is None:
        return "n/a" if label in row.skipped else "–"
    return f"{interval_text(score)} {letters(score.tie_group)}".rstrip()


def resampled(rows: Sequence[Row]) -> str:
    """What the intervals of these rows are over: a model's weights are given where too few seeds were trained."""
    seeds: dict[str, int] = {}  # of each model
    for row in rows:
        seeds[row.model] = max(seeds.get(row.model, 0), len(row.seeds))
    several = min(seeds.values(), default=0) >= MIN_SEEDS
    return "patients and model seeds" if several else "patients, given these weights"


def over_seeds(absent: Sequence[Absent]) -> list[list[str]]:
    """Explainer, model, seeds, metric and reason: seeds that lack the same for the same reason in one line."""
    seeds: dict[tuple[str, str, str, str], list[int]] = {}
    for one in absent:
        seeds.setdefault((one.explainer, one.model, one.metric or "all", one.reason), []).append(one.seed)
    return [[key[0], key[1], ", ".join(map(str, found)), *key[2:]] for key, found in seeds.items()]


def families(metrics: Sequence[MetricInfo]) -> dict[str, list[MetricInfo]]:
    """Metrics by family, in their order."""
    grouped: dict[str, list[MetricInfo]] = {}
    for metric in metrics:
        grouped.setdefault(metric.family, []).append(metric)
    return grouped


def to_markdown(board: Board) -> str:
    """Headings, model scores and, a model and metric family, one table with the reference maps below the methods."""
    parts = [f"# {board.title}", "", *_markdown_head(board), "", "## Models", "", *_markdown_models(board)]
    for model in board.model_names():
        parts += ["", f"## Explainers on {model}", ""]
        for family, metrics in families(board.metrics).items():
            shown = [metric for metric in metrics if board.column(model, metric.label)]
            if shown:
                parts += [f"### {family.capitalize()}", "", *_markdown_rows(board, model, shown), ""]
    parts += ["", *_markdown_absent(board)]
    return "\n".join(parts).rstrip() + "\n"


def _markdown_head(board: Board) -> list[str]:
    kind = "**Phantom results: computed radiographs.** " if board.phantom else ""
    return [
        f"{kind}Preset `{board.preset}`, source `{board.source}`, comparability key `{board.comparability_key}`.",
        "",
        board.explained,
        *(f"\n{note}" for note in board.notes),
        "",
        f"Mean over images [95 % interval over {resampled(board.rows)}]. Rows that share a letter are not told",
        "apart; a is the best group. Arrows point to the better side. Reference maps (in italics) are not ranked.",
    ]


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    rows = [header, ["---"] * len(header), *lines]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]


def _markdown_models(board: Board) -> list[str]:
    names = list(dict.fromkeys(name for model in board.models for name in model.scores))
    lines = [
        [model.model, str(model.seed), *(interval_text(model.scores.get(name)) for name in names)]
        for model in board.models
    ]
    return _table(["model", "seed", *names], lines)


def _markdown_rows(board: Board, model: str, metrics: Sequence[MetricInfo]) -> list[str]:
    header = ["explainer", *(f"{metric.label} {arrow(metric)}".rstrip() for metric in metrics)]
    lines = []
    for row in board.rows_of(model):
        name = row.explainer if row.role == "method" else f"*{row.explainer}* ({row.role})"
        name += " (void)" if row.void and row.role == "method" else ""
        lines.append([name, *(score_text(row, metric.label) for metric in metrics)])
    return _table(header, lines)


def _markdown_absent(board: Board) -> list[str]:
    parts = []
    for title, absent in (("Failed", board.failed), ("Skipped", board.skipped)):
        if absent:
            parts += [f"## {title}", ""]
            header = ["explainer", "model", "seed", "metric", "reason"]
            parts += [*_table(header, over_seeds(absent)), ""]
    return parts
