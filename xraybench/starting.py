"""What models start from, opened before a plan is made: the tasks of earlier stages, and weights files."""

from __future__ import annotations

import os
from pathlib import Path

from xraybench import registry
from xraybench.errors import DataError
from xraybench.identity import digest_file
from xraybench.lineage import Earlier, Starts
from xraybench.planning import Request, chosen_models
from xraybench.runner import default_source
from xraybench.spec import Source
from xraybench.tasks import Stage, Task, load_task


def open_starts(task: Task, request: Request) -> Starts:
    """What the chosen models start from: the tasks of their earlier stages, opened, and the digests of weights files.

    An earlier task's data come from --data where its source is the one that is asked for, else from the first of its
    sources whose folder an environment variable XRAYBENCH_DATA_<SOURCE> names; phantoms and bundled data need none.
    """
    entries = [one for entry in chosen_models(task, request) for one in task.chain(entry)]
    target = request.source or default_source(task, request)
    stages = {name: stage for entry in entries for stage in entry.stages if (name := stage.apart(target)) is not None}
    files = dict.fromkeys(entry.weights for entry in entries if entry.weights is not None)
    for file in files:
        if not Path(file).is_file():
            raise DataError(f"{file}: no such weights file", "give a state dict (.pth) or a .safetensors file")
    tasks = {
        name: _open_earlier(_task_of(stage), task, request) if stage.task else _reopened(stage, task, request, target)
        for name, stage in stages.items()
    }
    return Starts(tasks, {file: digest_file(Path(file)) for file in files})


def _task_of(stage: Stage) -> Task:
    """The task of an earlier stage, with the classes that the stage learns instead of that task's labels."""
    task = load_task(stage.task or "")
    return task.model_copy(update={"kind": "multi-class", "labels": stage.labels}) if stage.labels else task


def _reopened(stage: Stage, task: Task, request: Request, target: str) -> Earlier:
    """The run's own source, with the settings of a stage over the preset's."""
    settings = {**task.preset(request.preset).sources.get(target, {}), **stage.sources[target]}
    source: Source = registry.load(registry.find("sources", target))(request.data, settings)
    return Earlier(task, source, stage.sources[target])


def _open_earlier(earlier: Task, task: Task, request: Request) -> Earlier:
    target = request.source or default_source(task, request)
    named = next((source for source in earlier.sources if _variable(source) in os.environ), earlier.sources[0])
    name = target if target in earlier.sources else named
    variable = _variable(name)
    folder = os.environ.get(variable)
    root = request.data if name == target else Path(folder) if folder else None
    if root is not None and not root.is_dir():
        raise DataError(f"{root}: no such folder", f"{variable} names the folder that {name} was unpacked to")
    preset = earlier.presets.get(request.preset) or next(iter(earlier.presets.values()))
    source: Source = registry.load(registry.find("sources", name))(root, preset.sources.get(name, {}))
    return Earlier(earlier, source)


def _variable(source: str) -> str:
    """The environment variable that names a source's folder."""
    return f"XRAYBENCH_DATA_{source.upper().replace('-', '_')}"
