"""`xraybench compare`: how alike are the layers of two trained models?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from xraybench.cli._common import DATA, DEVICE, JSON, OUT, WORKERS, check_gpu
from xraybench.errors import UsageError


@click.command()
@click.option("--task", required=True, help="A task by name (`xraybench list tasks`), or a task file.")
@click.option("--models", required=True, help="Two models of the task: A,B. They are trained if they are not.")
@click.option("--images", type=click.IntRange(min=10), default=2000, show_default=True,
              help="At most so many validation images.")  # fmt: skip
@click.option("--grid", type=click.IntRange(min=1), default=4, show_default=True,
              help="Positions a side that count as samples.")  # fmt: skip
@click.option("--preset", default="quick", show_default=True, help="How the models are trained.")
@click.option("--source", help="The data set; without --data, the task's computed or bundled one.")
@DATA
@click.option("--seed", type=int, default=0, show_default=True, help="Of the models.")
@DEVICE
@WORKERS
@OUT
@JSON
def compare(
    models: str, images: int, grid: int, seed: int, device: str, workers: int | None, out: Path, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """CCA, SVCCA, PWCCA and CKA between the layers of two models, each with its null: a record, a CSV, heat maps."""
    from xraybench.leaderboard.similarity import samples_text, to_csv, write_heat_maps
    from xraybench.lineage import Pair
    from xraybench.narration import narrator
    from xraybench.planning import Request, make_plan
    from xraybench.results import replacing
    from xraybench.runner import compare as compare_models
    from xraybench.runner import open_source
    from xraybench.starting import open_starts
    from xraybench.tasks import load_task
    from xraybench.workshop import Engine

    check_gpu(device)
    named = tuple(name.strip() for name in models.split(",") if name.strip())
    if len(set(named)) != 2:
        raise UsageError(f"cannot compare {models!r}", "give two models of the task: --models A,B")
    task = load_task(options.pop("task"))
    request = Request(explainers=(), models=named, seeds=(seed,), **options)
    plan = make_plan(task, open_source(task, request), request, open_starts(task, request))
    pair = Pair(plan.models[0], plan.models[1], images, grid)
    command = f"xraybench run --task {task.name} --preset {request.preset} --source {plan.source.name}"
    with narrator() as voice:
        folder, record = compare_models(plan, out, Engine(device, workers), pair, command, voice)
    with replacing(folder / "similarity.csv") as temporary:
        temporary.write_text(to_csv(record), encoding="utf-8")
    write_heat_maps(record, folder / "similarity.png")
    if as_json:
        click.echo(record.model_dump_json(indent=1))
        return
    if told := samples_text(record):
        click.echo(told)
    for similarity in record.similarities:
        click.echo(f"{similarity.measure:14}{_summary(similarity.values)}   null {_summary(similarity.null)}")
        for reason, count in similarity.refused.items():
            click.echo(f"  {count} pair{'s' * (count > 1)} refused: {reason}", err=True)
    click.echo(f"{folder}: comparison.json, similarity.csv, similarity.png")


def _summary(values: list[list[float | None]]) -> str:
    """Mean over the pairs that were measured."""
    known = [value for row in values for value in row if value is not None]
    return f"mean {sum(known) / len(known):.3f} over {len(known)} pairs" if known else "no pair measured"
