"""`xraybench run`: train, explain, score, and write the leaderboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from xraybench.cli._common import DEVICE, JSON, OUT, WORKERS, check_gpu, names, print_json, show_built_board
from xraybench.errors import UsageError

if TYPE_CHECKING:
    from xraybench.planning import Plan, Request

F = TypeVar("F", bound=Callable[..., Any])
FINISHED_WITH_FAILURES = 3


def run_options(command: F) -> F:
    """The options that say what a run computes."""
    options = [
        click.option("--task", required=True, help="A task by name (`xraybench list tasks`), or a task file."),
        click.option("--explainer", "explainers", multiple=True, default=("all",), show_default=True,
                     help='By name, "rise(masks=500)" with parameters; or all, fast, paper. Repeat, or use commas.'),
        click.option("--metric", "metrics", multiple=True, default=("all",), show_default=True, help="Likewise."),
        click.option("--model", "models", multiple=True, help="Only these models of the task."),
        click.option("--preset", default="quick", show_default=True, help="How much is computed."),
        click.option("--source", help="The data set; without --data, the task's computed or bundled one."),
        click.option("--data", type=click.Path(path_type=Path), help="The folder that the data set was unpacked to."),
        click.option("--seeds", default="0", show_default=True, help="Seeds of the models, separated by commas."),
        click.option("--limit", type=click.IntRange(min=1), help="Explain at most so many images."),
        click.option("--weights", type=click.Path(path_type=Path), help="First weights of the models: a state dict."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def request_of(options: Mapping[str, Any]) -> Request:
    """What the options ask for."""
    from xraybench.planning import Request

    try:
        seeds = tuple(int(seed) for seed in options["seeds"].split(","))
    except ValueError as error:
        raise UsageError(f"cannot read --seeds {options['seeds']!r}", "give whole numbers: --seeds 0,1,2") from error
    if min(seeds) < 0:
        raise UsageError(f"--seeds {options['seeds']}: a seed is 0 or more", "give whole numbers: --seeds 0,1,2")
    return Request(
        explainers=names(options["explainers"]),
        metrics=names(options["metrics"]),
        models=names(options["models"]),
        seeds=seeds,
        preset=options["preset"],
        source=options["source"],
        data=options["data"],
        limit=options["limit"],
        weights=options["weights"],
    )


def plan_of(options: Mapping[str, Any]) -> Plan:
    """The plan for it."""
    from xraybench.planning import make_plan
    from xraybench.runner import open_source
    from xraybench.starting import open_starts
    from xraybench.tasks import load_task

    task, request = load_task(options["task"]), request_of(options)
    return make_plan(task, open_source(task, request), request, open_starts(task, request))


def command_line(plan: Plan, options: Mapping[str, Any]) -> str:
    """The command that makes this run again; the data folder is the reader's own."""
    parts = [f"xraybench run --task {plan.task.name} --preset {plan.preset_name} --source {plan.source.name}"]
    parts += ["--data DIR"] if options["data"] else []
    parts += [f"--seeds {options['seeds']}"] if options["seeds"] != "0" else []
    parts += [f"--limit {options['limit']}"] if options["limit"] else []
    parts += ["--weights FILE"] if options["weights"] else []
    return " ".join(parts)


@click.command()
@run_options
@DEVICE
@WORKERS
@click.option("--rerun", type=click.Choice(["missing", "failed", "all"]), default="failed", show_default=True,
              help="Which cells are computed (again).")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print the cells, what is done and the price; compute nothing.")
@OUT
@JSON
def run(device: str, workers: int | None, rerun: str, dry_run: bool, out: Path, as_json: bool, **options: Any) -> int:
    """Train, explain, score, and write the leaderboard. The same command again goes on where the last one ended."""
    from xraybench.narration import narrator
    from xraybench.runner import execute
    from xraybench.workshop import Engine

    plan = plan_of(options)
    if dry_run:
        _show_plan(plan, out, as_json)
        return 0
    check_gpu(device)
    with narrator() as voice:
        outcome = execute(plan, out, Engine(device, workers), rerun, command_line(plan, options), voice)  # type: ignore[arg-type]
        compared = f", {outcome.compared} pairs of models compared" if outcome.compared else ""
        voice.say(f"{outcome.computed} cells computed, {outcome.kept} kept{compared}, in {outcome.seconds:.0f} s")
    show_built_board(outcome.folder, as_json, changed=outcome.computed + outcome.compared > 0)
    for failure in outcome.failures:
        click.echo(f"failed: {failure}", err=True)
    return FINISHED_WITH_FAILURES if outcome.failures else 0


def _show_plan(plan: Plan, out: Path, as_json: bool) -> None:
    from xraybench.pricing import price_list

    prices = price_list(plan, out)
    if as_json:
        print_json(prices.as_json())
        return
    for cell in prices.cells:
        click.echo(f"{cell.status:14}{cell.image_forwards:>9,}  {cell.model} (seed {cell.seed})  {cell.explainer}")
    for pair in prices.comparisons:
        click.echo(f"{pair.status:14}{pair.image_forwards:>9,}  layers of {pair.models} compared")
    for model in prices.models:
        cap = f" of at most {model.cap:,}" if model.cap else ""
        click.echo(f"{model.model} (seed {model.seed}): {model.image_forwards:,} image-forwards{cap}")
    for metric in prices.unpriced:
        click.echo(f"{metric}: of unknown price, not counted here")
    click.echo(f"to do: {prices.pending} cells of {len(prices.cells)}, about {prices.minutes:.1f} min ({prices.basis})")
