"""The command line: stdout is data, stderr is narration. Modules that take time to import are imported in commands."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import click

from xraybench import __version__
from xraybench.cli._common import JSON, OUT, Commands, print_json
from xraybench.cli.compare import compare
from xraybench.cli.data import data
from xraybench.cli.explain import explain
from xraybench.cli.leaderboard import leaderboard
from xraybench.cli.run import run
from xraybench.cli.train import train
from xraybench.errors import UsageError, XraybenchError

INTERRUPTED = 130


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "XRAYBENCH"})
@click.version_option(__version__, prog_name="xraybench")
def cli() -> None:
    """Which explanation method may a radiology group trust?

    Trains classifiers on radiographs, explains them, measures the explanations and writes leaderboards.
    Start with: xraybench run --task wrist --explainer all
    """


cli.add_command(run)
cli.add_command(train)


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


@cli.command("list")
@click.argument("kind", type=click.Choice(
    ["tasks", "models", "explainers", "references", "metrics", "sources", "plugins"]))  # fmt: skip
@JSON
def list_(kind: str, as_json: bool) -> None:
    """What there is, plug-ins included (they are not imported: what only they know is left open)."""
    from xraybench.listing import rows_of

    rows = rows_of(kind)
    if as_json:
        print_json(rows)
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
        print_json(runs)
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
        print_json(report)
        return
    for name, value in report.items():
        click.echo(f"{name:14}{value}")


cli.add_command(explain)
cli.add_command(compare)
cli.add_command(data)
cli.add_command(leaderboard)


@cli.command("check-plugin")
@click.argument("name")
@JSON
def check_plugin(name: str, as_json: bool) -> int:
    """Hold an explainer, metric, model, source or task against its contract."""
    from xraybench.checks.plugin import check_named

    findings = check_named(name)
    if as_json:
        print_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            detail = f": {finding.detail}" if finding.detail else ""
            click.echo(f"{'ok  ' if finding.passed else 'FAIL'}  {finding.name}{detail}")
    return 0 if all(finding.passed for finding in findings) else 4
