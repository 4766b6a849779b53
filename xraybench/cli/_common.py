"""What commands share: options, and how boards and JSON are printed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xraybench.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from xraybench.leaderboard.board import Board

DEVICES = ("auto", "cpu", "cuda")
WIDTH = 120  # characters a line, where a board goes into a file or a pipe
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
OUT = click.option(
    "--out", type=click.Path(path_type=Path), default="runs", show_default=True, help="Folder of all runs."
)
READERS = click.option("--workers", type=click.IntRange(min=1), help="Processes; by default one a core.")
WORKERS = click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Processes; by default one a GPU, else one a core. 0: in this one, where a debugger stops.",
)


def _device(context: click.Context, parameter: click.Parameter, device: str) -> str:
    if device not in DEVICES:
        hint = f"give {', '.join(DEVICES)}; of several GPUs CUDA_VISIBLE_DEVICES says which"
        raise UsageError(f"no device is called {device!r}", hint)
    return device


DEVICE = click.option(
    "--device", default="auto", show_default=True, callback=_device, help=f"{', '.join(DEVICES[:-1])} or {DEVICES[-1]}."
)
DATA = click.option("--data", type=click.Path(path_type=Path), help="The folder that the data set was unpacked to.")
RUNS = click.option(
    "--runs", type=click.Path(path_type=Path), default="runs", show_default=True, help="Folder that holds run folders."
)


class Commands(click.Group):
    """A group that lists its commands in the order in which they are written here."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In order of definition."""
        return list(self.commands)


def names(values: Iterable[str]) -> tuple[str, ...]:
    """Option values, comma lists taken apart; commas inside parentheses belong to a call."""
    import re

    parts = [part.strip() for value in values for part in re.split(r",(?![^(]*\))", value)]
    return tuple(part for part in parts if part)


def check_gpu(device: str) -> None:
    """UsageError where a GPU is to compute and there is none."""
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            hint = "give --device cpu, or auto; `xraybench doctor` says what is there"
            raise UsageError("--device cuda: torch finds no GPU that it can use", hint)


def print_json(value: Any) -> None:
    """On stdout, as other programs read it."""
    click.echo(json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False))


def console() -> Console:
    """The terminal, or a page of a fixed width in a file or a pipe."""
    from rich.console import Console

    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=WIDTH)


def show_built_board(folder: Path, as_json: bool, changed: bool) -> None:
    """Print a run's board and where its page is; both are built anew where records changed, or there are none yet."""
    from xraybench.leaderboard.board import Board

    page, written = folder / "board" / "index.html", folder / "board" / "board.json"
    if changed or not page.exists() or not written.exists():
        from xraybench.leaderboard.pages import build_pages

        build_pages([folder], folder / "board")
    _print_board(Board.model_validate_json(written.read_text(encoding="utf-8")), as_json)
    click.echo(f"page: {page}", err=as_json)


def show_board(folder: Path, as_json: bool) -> None:
    """Print a run's board, made from its records."""
    from xraybench.leaderboard.records import load_run
    from xraybench.leaderboard.tables import build_board

    _print_board(build_board(load_run(folder)), as_json)


def show_model_board(folder: Path, as_json: bool) -> None:
    """Print a run's board of models, made from its records."""
    from xraybench.leaderboard.models import build_models
    from xraybench.leaderboard.records import load_run
    from xraybench.leaderboard.show_models import show_models

    board = build_models(load_run(folder))
    if as_json:
        click.echo(board.model_dump_json(indent=1))
    else:
        show_models(board, console())


def show_built_models(folder: Path, as_json: bool) -> None:
    """Print a run's board of models and where their page is; the run's pages are built anew."""
    from xraybench.leaderboard.pages import build_pages

    build_pages([folder], folder / "board")
    show_model_board(folder, as_json)
    click.echo(f"page: {folder / 'board' / 'models.html'}", err=as_json)


def _print_board(board: Board, as_json: bool) -> None:
    from xraybench.leaderboard.formats import to_json
    from xraybench.leaderboard.show import show

    if as_json:
        click.echo(to_json(board))
    else:
        show(board, console())
