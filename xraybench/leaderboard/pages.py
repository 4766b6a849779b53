"""From boards to files: one page a task, one page an explainer, and the board as JSON, CSV and Markdown.

Every page opens from disk without a network: style, script and pictures are inside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from xraybench.leaderboard import charts, formats, overlays
from xraybench.leaderboard.board import Board, Row, Score
from xraybench.leaderboard.model_pages import model_functions, model_pages
from xraybench.leaderboard.pieces import drawn, slug
from xraybench.leaderboard.records import RunData, load_run
from xraybench.leaderboard.rounding import amount, letters, number, span
from xraybench.leaderboard.similarity import samples_text, to_csv
from xraybench.leaderboard.tables import build_board
from xraybench.leaderboard.validity import judge
from xraybench.results import ComparisonRecord, MetricInfo, replacing

PAGES = (
    "index.html",
    "models.html",
    "models*.json",
    "validity.html",
    "validity*.json",
    "board*.json",
    "board*.csv",
    "board*.md",
    "similarity*.csv",
    "explainers/*.html",
)  # what belongs to build_pages
HEADLINES = ("roc-auc", "pr-auc", "accuracy", "kappa", "f1")  # of models, on the task's page


@dataclass(frozen=True)
class Panel:
    """An explainer on one model: its row, and its pictures."""

    row: Row
    examples: list[overlays.Example]
    legend: overlays.Picture

    @property
    def marked(self) -> bool:
        """Whether any picture has an outline."""
        return any(example.outline for example in self.examples)

    def by_kind(self) -> dict[str, list[overlays.Example]]:
        """Best, random and worst examples apart."""
        kinds = dict.fromkeys(example.kind for example in self.examples)
        return {kind: [example for example in self.examples if example.kind == kind] for kind in kinds}


@dataclass(frozen=True)
class Entry:
    """An explainer on one board."""

    board: Board
    panels: list[Panel]
    pixels_of_others: bool


def build_pages(folders: Sequence[Path], out: Path, *, with_images: bool = False) -> list[Path]:
    """Write the pages of one task's runs into `out`; pages of former runs there are removed.

    with_images: also pictures of sources that are not redistributable, on pages marked not for publication.
    """
    pages = render([load_run(folder) for folder in folders], with_images=with_images)
    for path in existing_pages(out):
        if path.relative_to(out).as_posix() not in pages:
            path.unlink()
    for name, text in pages.items():
        with replacing(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [out / name for name in pages]


def existing_pages(out: Path) -> list[Path]:
    """The pages in a folder, in order."""
    return sorted(path for pattern in PAGES for path in out.glob(pattern))


def render(runs: Sequence[RunData], *, with_images: bool = False) -> dict[str, str]:
    """The pages of one task's runs by relative path: a pure function of their records."""
    boards = [build_board(run) for run in runs]
    pages: dict[str, str] = {}
    for board in boards:
        stem = "board" if len(boards) == 1 else f"board-{slug(board.run)}"
        pages |= {
            f"{stem}.json": formats.to_json(board),
            f"{stem}.csv": formats.to_csv(board),
            f"{stem}.md": formats.to_markdown(board),
            **{similarity_file(board, one): to_csv(one) for one in board.comparisons if one.status == "ok"},
        }
    made = environment()
    index = made.get_template("board.html").render(boards=boards, data_files=list(pages))
    pages |= _validity_pages(made, runs, boards)
    pages |= model_pages(made, runs)
    return {"index.html": index, **pages, **_explainer_pages(made, runs, boards, with_images)}


def _validity_pages(environment: Environment, runs: Sequence[RunData], boards: Sequence[Board]) -> dict[str, str]:
    """What is said of the metrics, as a page and, a run each, as JSON."""
    judged = [judge(run, board) for run, board in zip(runs, boards, strict=True)]
    stems = ["validity"] if len(judged) == 1 else [f"validity-{slug(one.run)}" for one in judged]
    data = {f"{stem}.json": one.model_dump_json(indent=1) + "\n" for stem, one in zip(stems, judged, strict=True)}
    both = list(zip(boards, judged, strict=True))
    page = environment.get_template("validity.html").render(judged=both, data_files=list(data))
    return {"validity.html": page, **data}


def _explainer_pages(
    environment: Environment, runs: Sequence[RunData], boards: Sequence[Board], with_images: bool
) -> dict[str, str]:
    template = environment.get_template("explainer.html")
    names = list(dict.fromkeys(row.explainer for board in boards for row in board.rows))
    pages: dict[str, str] = {}
    for place, name in enumerate(names):
        entries = [
            _entry(run, board, name, with_images)
            for run, board in zip(runs, boards, strict=True)
            if any(row.explainer == name for row in board.rows)
        ]
        pages[page_of(name)] = template.render(
            name=name,
            boards=entries,
            previous=names[place - 1] if place else None,
            following=names[place + 1] if place + 1 < len(names) else None,
            percentile=overlays.PERCENTILE,
        )
    return pages


def _entry(run: RunData, board: Board, name: str, with_images: bool) -> Entry:
    pictures = board.redistributable or with_images
    panels = [_panel(run, row, pictures) for row in board.rows if row.explainer == name]
    shown = any(panel.examples for panel in panels)
    return Entry(board, panels, pixels_of_others=shown and not board.redistributable)


def _panel(run: RunData, row: Row, pictures: bool) -> Panel:
    """The row with the gallery of its first seed."""
    cell = next(
        cell.folder
        for cell in run.cells
        if (cell.record.explainer, cell.record.model, cell.record.seed) == (row.explainer, row.model, row.seeds[0])
    )
    examples = overlays.read_gallery(cell / "gallery.npz", row.signed) if pictures else []
    return Panel(row, examples, overlays.legend(row.signed))


def page_of(explainer: str) -> str:
    """Where an explainer's page lies, relative to the board's."""
    return f"explainers/{slug(explainer)}.html"


def similarity_file(board: Board, record: ComparisonRecord) -> str:
    """Where the layer similarity of two models lies as CSV, relative to the board's page."""
    return f"similarity-{slug(board.run)}-{slug(record.first)}-{slug(record.second)}-{record.images}x{record.grid}.csv"


def _ranks(score: Score) -> str:
    if score.rank is None:
        return ""
    low, high = score.rank
    return str(low) if low == high else f"{low}–{high}"


def _hover(score: Score) -> str:
    """What the page says about a score when asked: interval, rank, counts."""
    parts = [formats.interval_text(score)]
    if score.rank and score.p_best is not None:
        parts.append(f"rank {_ranks(score)}, best in {score.p_best:.0%} of resamples")
    parts.append(f"{score.n} images" + (f", {score.n_undefined} undefined" if score.n_undefined else ""))
    return "; ".join([*parts, *([score.unranked] if score.unranked else [])])


def _range_text(metric: MetricInfo) -> str:
    low, high = metric.range
    return f"{'−∞' if low is None else f'{low:g}'} to {'∞' if high is None else f'{high:g}'}"


def _floor(board: Board, model: str, metric: str) -> float | None:
    """Where the random map stands on a metric."""
    score = next((row.scores.get(metric) for row in board.rows_of(model) if row.explainer == "random"), None)
    return score.mean if score else None


def _shown_metrics(board: Board, model: str) -> list[MetricInfo]:
    return [metric for metric in board.metrics if board.column(model, metric.label)]


def _model_scores(board: Board) -> list[str]:
    """The scores by which models are most often told apart, and those that a paper reports; the others have a page."""
    wanted = {*HEADLINES, *(name for model in board.models for name in model.reference)}
    return list(dict.fromkeys(name for model in board.models for name in model.scores if name in wanted))


def _facts(board: Board) -> dict[str, str]:
    """What a reader wants to know first."""
    methods = {row.explainer for row in board.rows if row.role == "method"}
    images = max((column.images for column in board.columns), default=0)
    patients = max((column.patients for column in board.columns), default=0)
    return {
        "preset": board.preset,
        "source": board.source,
        "methods": str(len(methods)),
        "models": str(len(board.model_names())),
        "explained images": f"{images}, of {patients} patients",
        "task version": str(board.task_version),
        "comparability key": board.comparability_key,
    }


@cache
def environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("xraybench.leaderboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    assets = files("xraybench.leaderboard") / "assets"
    environment.globals |= {
        "css": Markup((assets / "page.css").read_text(encoding="utf-8")),
        "js": Markup((assets / "page.js").read_text(encoding="utf-8")),
        **_functions(),
    }
    return environment


def _functions() -> Mapping[str, Any]:
    """What templates may call."""
    return {
        "amount": amount,
        "arrow": formats.arrow,
        "axis": charts.score_axis,
        "cost_plot": drawn(charts.cost_plot),
        "facts_of": _facts,
        "families": formats.families,
        "floor": _floor,
        "heat": charts.heat,
        "hover": _hover,
        "layer_map": drawn(charts.layer_map),
        "samples_text": samples_text,
        "similarity_file": similarity_file,
        "interval": formats.interval_text,
        "letters": letters,
        "model_scores": _model_scores,
        "number": number,
        "page_of": page_of,
        "range_text": _range_text,
        "ranks": _ranks,
        "over_seeds": formats.over_seeds,
        "resampled": formats.resampled,
        "size": formats.size_text,
        "shown_metrics": _shown_metrics,
        "slug": slug,
        "span": span,
        "whisker": drawn(charts.whisker),
        **model_functions(),
    }
