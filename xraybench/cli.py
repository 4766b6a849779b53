"""The command line: stdout is data, stderr is narration. Modules that take time to import are imported in commands."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from xraybench import __version__
from xraybench.data.reports import BEST, CLASSIFIERS
from xraybench.errors import UsageError, ValidationError, XraybenchError

if TYPE_CHECKING:
    from rich.console import Console

    from xraybench.planning import Plan, Request

F = TypeVar("F", bound=Callable[..., Any])
INTERRUPTED = 130
FINISHED_WITH_FAILURES = 3
WIDTH = 120  # characters a line, where a board goes into a file or a pipe
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
OUT = click.option(
    "--out", type=click.Path(path_type=Path), default="runs", show_default=True, help="Folder of all runs."
)


class Commands(click.Group):
    """A group that lists its commands in the order in which they are written here."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In order of definition."""
        return list(self.commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "XRAYBENCH"})
@click.version_option(__version__, prog_name="xraybench")
def cli() -> None:
    """Which explanation method may a radiology group trust?

    Trains classifiers on radiographs, explains them, measures the explanations and writes leaderboards.
    Start with: xraybench run --task wrist --explainer all
    """


def main() -> None:
    """Run the command line; errors become one message, a hint and an exit code by kind."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except XraybenchError as error:
        _fail(str(error), error.exit_code)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(UsageError.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted; give the same command again to go on: finished cells are kept", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _show_warning(message: Warning | str, *where: Any) -> None:
    click.echo(f"xraybench: warning: {message}", err=True)


def _fail(message: str, code: int) -> None:
    click.echo(f"xraybench: {message}", err=True)
    sys.exit(code)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False))


def _names(values: Iterable[str]) -> tuple[str, ...]:
    """Option values, comma lists taken apart; commas inside parentheses belong to a call."""
    import re

    parts = [part.strip() for value in values for part in re.split(r",(?![^(]*\))", value)]
    return tuple(part for part in parts if part)


def run_options(command: F) -> F:
    """The options that say what a run computes."""
    options = [
        click.option("--task", required=True, help="A task by name (`xraybench list tasks`), or a task file."),
        click.option("--explainer", "explainers", multiple=True, default=("all",), show_default=True,
                     help='Explainers, by name and with parameters: "rise(masks=500)". Repeat, or use commas.'),
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


def _request(options: Mapping[str, Any]) -> Request:
    from xraybench.planning import Request

    try:
        seeds = tuple(int(seed) for seed in options["seeds"].split(","))
    except ValueError as error:
        raise UsageError(f"cannot read --seeds {options['seeds']!r}", "give whole numbers: --seeds 0,1,2") from error
    return Request(
        explainers=_names(options["explainers"]),
        metrics=_names(options["metrics"]),
        models=_names(options["models"]),
        seeds=seeds,
        preset=options["preset"],
        source=options["source"],
        data=options["data"],
        limit=options["limit"],
        weights=options["weights"],
    )


def _plan(options: Mapping[str, Any]) -> Plan:
    from xraybench.planning import make_plan
    from xraybench.runner import open_source
    from xraybench.starting import open_starts
    from xraybench.tasks import load_task

    task, request = load_task(options["task"]), _request(options)
    return make_plan(task, open_source(task, request), request, open_starts(task, request))


def _command_line(plan: Plan, options: Mapping[str, Any]) -> str:
    """The command that makes this run again; the data folder is the reader's own."""
    parts = [f"xraybench run --task {plan.task.name} --preset {plan.preset_name} --source {plan.source.name}"]
    parts += ["--data DIR"] if options["data"] else []
    parts += [f"--seeds {options['seeds']}"] if options["seeds"] != "0" else []
    parts += [f"--limit {options['limit']}"] if options["limit"] else []
    parts += ["--weights FILE"] if options["weights"] else []
    return " ".join(parts)


@cli.command()
@run_options
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes; by default one a GPU, else one a core.")
@click.option("--rerun", type=click.Choice(["missing", "failed", "all"]), default="failed", show_default=True,
              help="Which cells are computed (again).")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print the cells, what is done and the price; compute nothing.")
@OUT
@JSON
def run(device: str, workers: int | None, rerun: str, dry_run: bool, out: Path, as_json: bool, **options: Any) -> int:
    """Train, explain, score, and write the leaderboard. The same command again goes on where the last one ended."""
    from xraybench.narration import narrator
    from xraybench.runner import Engine, execute

    plan = _plan(options)
    if dry_run:
        _show_plan(plan, out, as_json)
        return 0
    with narrator() as voice:
        outcome = execute(plan, out, Engine(device, workers), rerun, _command_line(plan, options), voice)  # type: ignore[arg-type]
        voice.say(f"{outcome.computed} cells computed, {outcome.kept} kept, in {outcome.seconds:.0f} s")
    _show_board(outcome.folder, as_json, build=True)
    for failure in outcome.failures:
        click.echo(f"failed: {failure}", err=True)
    return FINISHED_WITH_FAILURES if outcome.failures else 0


def _show_plan(plan: Plan, out: Path, as_json: bool) -> None:
    from xraybench.pricing import price_list

    prices = price_list(plan, out)
    if as_json:
        _print_json(prices.as_json())
        return
    for cell in prices.cells:
        click.echo(f"{cell.status:14}{cell.image_forwards:>9,}  {cell.model} (seed {cell.seed})  {cell.explainer}")
    for model in prices.models:
        cap = f" of at most {model.cap:,}" if model.cap else ""
        click.echo(f"{model.model} (seed {model.seed}): {model.image_forwards:,} image-forwards{cap}")
    click.echo(f"to do: {prices.pending} cells of {len(prices.cells)}, about {prices.minutes:.1f} min ({prices.basis})")


def _console() -> Console:
    """The terminal, or a page of a fixed width in a file or a pipe."""
    from rich.console import Console

    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=WIDTH)


def _show_board(folder: Path, as_json: bool, build: bool = False) -> None:
    """Print a run's board, and build its pages beside its records where asked."""
    from xraybench.leaderboard.board import Board
    from xraybench.leaderboard.formats import to_json
    from xraybench.leaderboard.records import load_run
    from xraybench.leaderboard.show import show
    from xraybench.leaderboard.tables import build_board

    if build:
        from xraybench.leaderboard.pages import build_pages

        page, written, *_ = build_pages([folder], folder / "board")
        board = Board.model_validate_json(written.read_text(encoding="utf-8"))
    else:
        board = build_board(load_run(folder))
    if as_json:
        click.echo(to_json(board))
    else:
        show(board, _console())
    if build:
        click.echo(f"page: {page}", err=as_json)


@cli.command("list")
@click.argument("kind", type=click.Choice(
    ["tasks", "models", "explainers", "references", "metrics", "sources", "plugins"]))  # fmt: skip
@JSON
def list_(kind: str, as_json: bool) -> None:
    """What there is, plug-ins included (they are not imported: what only they know is left open)."""
    from xraybench.listing import rows_of

    rows = rows_of(kind)
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        click.echo("  ".join(f"{_cell(value):{_width(rows, key)}}" for key, value in row.items()).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def _width(rows: list[dict[str, Any]], key: str) -> int:
    return max(len(_cell(row[key])) for row in rows)


@cli.command()
@OUT
@JSON
def status(out: Path, as_json: bool) -> None:
    """The runs under --out: models, cells, what failed."""
    from xraybench.listing import standing_of_runs

    runs = standing_of_runs(out)
    if as_json:
        _print_json(runs)
        return
    for entry in runs:
        counts = ", ".join(f"{entry[key]} {key}" for key in ("ok", "skipped", "failed"))
        click.echo(f"{entry['run']}: {entry['models']} models, cells: {counts}")
        for failure in entry["failures"]:
            click.echo(f"  failed: {failure}")
    if not runs:
        click.echo(f"no run under {out}: start one with `xraybench run --task wrist --explainer all`", err=True)


@cli.command()
@OUT
@JSON
def doctor(out: Path, as_json: bool) -> None:
    """Check this installation: versions, devices, room, plug-ins."""
    from xraybench.listing import health

    report = health(out)
    if as_json:
        _print_json(report)
        return
    for name, value in report.items():
        click.echo(f"{name:14}{value}")


@cli.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--run", "run_folder", type=click.Path(path_type=Path), required=True,
              help="A run folder (runs/<name>) with a trained model.")  # fmt: skip
@click.option("--model", help="A model of that run; may be left out where it has one.")
@click.option("--explainer", default="grad-cam", show_default=True, help="One explainer, with parameters if any.")
@click.option("--target", type=int, default=0, show_default=True, help="Number of the explained logit.")
@click.option("--png", type=click.Path(path_type=Path), help="Where the overlay goes; by default here.")
def explain(image: Path, run_folder: Path, model: str | None, explainer: str, target: int, png: Path | None) -> None:
    """Explain one radiograph (PNG, JPEG, TIFF, DICOM) with a trained model: writes an overlay."""
    from xraybench.single import explain_image

    made = explain_image(image, run_folder, model, explainer, target, png)
    click.echo(f"{made.path}: {made.model}, logit {made.target} = {made.logit:.3f}; {made.legend}")


@cli.group(cls=Commands)
def data() -> None:
    """Data sets."""


@data.command()
@click.option("--family", required=True,
              type=click.Choice(["wrist", "wrist-studies", "mura", "tb", "chexpert", "anatomy"]),
              help="Which phantom family; wrist-studies: two views of each case.")  # fmt: skip
@click.option("--n", type=click.IntRange(min=1), required=True, help="How many radiographs.")
@click.option("--size", type=click.IntRange(64, 512), default=256, show_default=True, help="Side in pixels.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder that does not exist yet.")
def phantom(family: str, n: int, size: int, seed: int, out: Path) -> None:
    """Write computed radiographs in the layout of the real data set, with masks and twins beside it."""
    from xraybench.data.phantom.layouts import write
    from xraybench.narration import narrator

    with narrator() as voice:
        write(family, n, size, seed, out, lambda done, total: voice.progress("writing phantoms", done, total))
    click.echo(out)


WORKERS = click.option("--workers", type=click.IntRange(min=1), help="Processes; by default one a core.")
DATA = click.option("--data", type=click.Path(path_type=Path), help="The folder that the data set was unpacked to.")


@data.command()
@click.option("--source", required=True, help="The data set (`xraybench list sources`).")
@DATA
@WORKERS
@JSON
def verify(source: str, data: Path | None, workers: int | None, as_json: bool) -> int:
    """Read a whole data set: what is there, what is missing, counts beside the official ones, what is wrong."""
    from xraybench.data._verify_text import lines_of
    from xraybench.data.verify import verify as verify_source
    from xraybench.executors.local import worker_count
    from xraybench.narration import narrator
    from xraybench.runner import open_folder

    opened = open_folder(source, data)
    with narrator() as voice:
        count = workers or worker_count("cpu")
        found = verify_source(opened, count, lambda done, total: voice.progress(f"verifying {source}", done, total))
    if as_json:
        _print_json(asdict(found) | {"refusals": found.refusals})
    else:
        click.echo("\n".join(lines_of(found)))
    return ValidationError.exit_code if found.refusals else 0


@data.command("prepare")
@click.option("--task", required=True, help="A task by name (`xraybench list tasks`), or a task file.")
@click.option("--source", help="The data set; without --data, the task's computed or bundled one.")
@DATA
@click.option("--preset", default="quick", show_default=True, help="Whose sizes and preprocessing.")
@WORKERS
@OUT
@JSON
def prepare_(out: Path, workers: int | None, as_json: bool, **options: Any) -> None:
    """Decode a task's images once, as a run would; a run with the same --out finds them done."""
    from xraybench.executors.local import worker_count
    from xraybench.narration import narrator
    from xraybench.planning import Request, make_plan
    from xraybench.runner import open_source, prepare_data
    from xraybench.tasks import load_task

    task = load_task(options.pop("task"))
    request = Request(**options)
    plan = make_plan(task, open_source(task, request), request)
    with narrator() as voice:
        made = prepare_data(plan, out, workers or worker_count("cpu"), voice)
    report = made.report()
    if as_json:
        _print_json(report)
        return
    for name, value in report.items():
        click.echo(f"{name:14}{value}")


@data.command("label-reports")
@click.option("--csv", "table", type=click.Path(path_type=Path), required=True, help="A table with one report a row.")
@click.option("--text-column", default="report", show_default=True, help="Where the report stands.")
@click.option("--label-column", required=True, help="1: finding, 0: none, blank: no label yet.")
@click.option("--patient-column", help="By which reports are cut; by default patient_id, where there is one.")
@click.option("--model", type=click.Choice([*CLASSIFIERS, BEST]), default=BEST, show_default=True,
              help="Which classifier infers; all are judged.")  # fmt: skip
@click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True, help="Splits to judge on.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--abstain", type=click.FloatRange(0, 0.5), default=0.1, show_default=True,
              help="Leave a label open that is wrong with more than this probability.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A CSV file that does not exist yet.")
@JSON
def label_reports_(table: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Learn labels from the reports that have one, infer the others', and write the table with both."""
    from xraybench.data.reports.labelling import Request, label_reports
    from xraybench.data.reports.show import show
    from xraybench.narration import narrator

    columns = {key: options.pop(f"{key}_column") for key in ("text", "label", "patient")}
    request = Request(**columns, **options)
    with narrator() as voice:
        found = label_reports(table, out, request, lambda done, total: voice.progress("judging", done, total))
    if as_json:
        _print_json(asdict(found))
    else:
        show(found, _console())


@cli.group(cls=Commands)
def leaderboard() -> None:
    """Boards and pages, made from records alone."""


RUNS = click.option(
    "--runs", type=click.Path(path_type=Path), default="runs", show_default=True, help="Folder that holds run folders."
)


@leaderboard.command("show")
@click.option("--task", required=True, help="Which task.")
@click.option("--run", "run_name", help="Which run, where there are several of the task.")
@RUNS
@JSON
def show_(task: str, run_name: str | None, runs: Path, as_json: bool) -> None:
    """Print a board."""
    _show_board(_one_run(runs, task, run_name), as_json)


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


@cli.command("check-plugin")
@click.argument("name")
@JSON
def check_plugin(name: str, as_json: bool) -> int:
    """Hold an explainer, metric, model, source or task against its contract."""
    from xraybench.checks.plugin import check_named

    findings = check_named(name)
    if as_json:
        _print_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            detail = f": {finding.detail}" if finding.detail else ""
            click.echo(f"{'ok  ' if finding.passed else 'FAIL'}  {finding.name}{detail}")
    return 0 if all(finding.passed for finding in findings) else 4
