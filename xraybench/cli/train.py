"""`xraybench train`: the models of a task, without explaining them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from xraybench.cli._common import DATA, DEVICE, JSON, OUT, WORKERS, check_gpu, show_built_models
from xraybench.cli.run import FINISHED_WITH_FAILURES, command_line, plan_of


@click.command()
@click.option("--task", required=True, help="A task by name (`xraybench list tasks`), or a task file.")
@click.option("--model", "models", multiple=True, help="Only these models of the task.")
@click.option("--preset", default="quick", show_default=True, help="How the models are trained.")
@click.option("--source", help="The data set; without --data, the task's computed or bundled one.")
@DATA
@click.option("--seeds", default="0", show_default=True, help="Seeds of the models, separated by commas.")
@click.option("--weights", type=click.Path(path_type=Path), help="First weights of the models: a state dict.")
@DEVICE
@WORKERS
@OUT
@JSON
def train(device: str, workers: int | None, out: Path, as_json: bool, **options: Any) -> int:
    """Train the models of a task, and score them on its test set; `xraybench run` goes on from there.

    What was interrupted goes on from its last checkpoint. Several GPUs train one model together under torchrun:
    torchrun --nproc-per-node 2 -m xraybench train --task wrist --model small-cnn
    """
    from xraybench.executors.team import leads
    from xraybench.narration import SilentNarrator, narrator
    from xraybench.runner import train as train_models
    from xraybench.workshop import Engine

    options |= {"explainers": ("all",), "metrics": ("all",), "limit": None}
    plan = plan_of(options)
    check_gpu(device)
    with narrator() if leads() else SilentNarrator() as voice:
        folder, failures = train_models(plan, out, Engine(device, workers), command_line(plan, options), voice)
    if leads():
        show_built_models(folder, as_json)
        for failure in failures:
            click.echo(f"failed: {failure}", err=True)
    return FINISHED_WITH_FAILURES if failures else 0
