"""`xraybench data`: phantoms as files, a set checked, a task's images prepared, labels from reports."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from xraybench.cli._common import DATA, JSON, OUT, READERS, Commands, console, print_json
from xraybench.data.reports import BEST, CLASSIFIERS
from xraybench.errors import ValidationError


@click.group(cls=Commands)
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


@data.command()
@click.option("--source", required=True, help="The data set (`xraybench list sources`).")
@DATA
@READERS
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
        print_json(asdict(found) | {"refusals": found.refusals})
    else:
        click.echo("\n".join(lines_of(found)))
    return ValidationError.exit_code if found.refusals else 0


@data.command("prepare")
@click.option("--task", required=True, help="A task by name (`xraybench list tasks`), or a task file.")
@click.option("--source", help="The data set; without --data, the task's computed or bundled one.")
@DATA
@click.option("--preset", default="quick", show_default=True, help="Whose sizes and preprocessing.")
@READERS
@OUT
@JSON
def prepare_(out: Path, workers: int | None, as_json: bool, **options: Any) -> None:
    """Decode a task's images once, as a run would; a run with the same --out finds them done."""
    from xraybench.executors.local import worker_count
    from xraybench.narration import narrator
    from xraybench.planning import Request, make_plan
    from xraybench.preparation import prepare_data
    from xraybench.runner import open_source
    from xraybench.tasks import load_task

    task = load_task(options.pop("task"))
    request = Request(**options)
    plan = make_plan(task, open_source(task, request), request)
    with narrator() as voice:
        made = prepare_data(plan, out, workers or worker_count("cpu"), voice)[0].prepared
    report = made.report()
    if as_json:
        print_json(report)
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
        print_json(asdict(found))
    else:
        show(found, console())
