"""`xraybench leaderboard`: boards and pages, from records alone."""

from __future__ import annotations

from pathlib import Path

import click

from xraybench.cli._common import JSON, RUNS, Commands, show_board, show_model_board
from xraybench.errors import UsageError


@click.group(cls=Commands)
def leaderboard() -> None:
    """Boards and pages, made from records alone."""


@leaderboard.command("show")
@click.argument("run", type=click.Path(path_type=Path), required=False)
@click.option("--task", help="Which task, where no RUN folder is given.")
@click.option("--run", "run_name", help="Which run, where there are several of the task.")
@click.option("--models", is_flag=True, help="The models: recipes, scores beside the papers', how training went.")
@RUNS
@JSON
def show_(run: Path | None, task: str | None, run_name: str | None, models: bool, runs: Path, as_json: bool) -> None:
    """Print the board of a run, or its models."""
    if (run is None) == (task is None):
        raise UsageError("which run?", "give the folder of a run, or --task")
    folder = run or _one_run(runs, task or "", run_name)
    (show_model_board if models else show_board)(folder, as_json)


def _one_run(runs: Path, task: str, run_name: str | None) -> Path:
    from xraybench.leaderboard.records import find_runs

    folders = {folder.name: folder for folder in find_runs(runs, task)}
    if run_name is not None:
        from xraybench.registry import near

        return near(run_name, folders, f"run of task {task!r}")
    if len(folders) > 1:
        raise UsageError(
            f"{runs} holds {len(folders)} runs of task {task!r}; their rows are not comparable",
            f"choose one with --run: {', '.join(folders)}",
        )
    return next(iter(folders.values()))


@leaderboard.command()
@click.option("--task", required=True, help="Which task.")
@click.option("--out", type=click.Path(path_type=Path), help="Publish records and pages here.")
@RUNS
def build(task: str, runs: Path, out: Path | None) -> None:
    """Build the pages of a task's runs: beside their records, or published in a folder of their own."""
    from xraybench.leaderboard.pages import build_pages
    from xraybench.leaderboard.publishing import publish
    from xraybench.leaderboard.records import find_runs

    for folder in find_runs(runs, task):
        click.echo(publish(folder, out) if out else build_pages([folder], folder / "board")[0])


@leaderboard.command()
@click.argument("folder", type=click.Path(path_type=Path), default="leaderboards")
def check(folder: Path) -> None:
    """Fail where a published page is not what its records give."""
    from xraybench.leaderboard.publishing import check as check_pages

    for site in check_pages(folder):
        click.echo(f"{site}: pages are what their records give")
