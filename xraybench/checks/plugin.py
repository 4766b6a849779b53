"""`xraybench check-plugin NAME`: load what a name stands for and hold it against its kind's contract."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

from xraybench import registry
from xraybench.checks.explainer import Finding, check_explainer, small_models
from xraybench.checks.metric import check_metric
from xraybench.checks.model import check_model
from xraybench.errors import UsageError, XraybenchError, reason_of
from xraybench.registry import Entry
from xraybench.spec import Explainer, Metric
from xraybench.tasks import read_task, task_files

MODEL_SIZE = 96  # pixels: what a model is built for when it is checked


def check_named(name: str) -> list[Finding]:
    """The findings for every kind that knows the name (plug-in or built-in); UsageError where none does."""
    call = registry.parse_call(name)
    known = [kind for kind in registry.PLUGIN_KINDS if call.name in registry.entries(kind)]
    library, colon, _ = call.name.partition(":")
    if colon and library in {library for _, library in registry.PEERS}:
        raise UsageError(
            f"{call.name!r} is {library}'s own", "plug-ins and built-ins are checked, by their names alone"
        )
    if not known:
        names = {name for kind in registry.PLUGIN_KINDS for name in registry.plugins(kind)}
        raise UsageError(f"nothing is called {name!r}", f"installed plug-ins: {', '.join(sorted(names)) or 'none'}")
    return [finding for kind in known for finding in _check(kind, call)]


def _check(kind: str, call: registry.Call) -> list[Finding]:
    entry = registry.find(kind, call.name)
    try:
        if kind == "tasks":
            return [_task(task_files()[call.name])]
        built = registry.load(entry) if kind in ("models", "sources") else registry.build(kind, call)
    except XraybenchError as error:
        return [Finding("loads", False, reason_of(error))]
    return [Finding("loads", True, entry.target), *_contract(kind, built, entry)]


def _contract(kind: str, built: Any, entry: Entry) -> list[Finding]:
    if kind == "explainers":
        declared = Finding("declares what an explainer declares", isinstance(built, Explainer), "see spec.Explainer")
        return [declared, _parameters(built), *(check_explainer(built, small_models()) if declared.passed else [])]
    if kind == "metrics":
        declared = Finding("declares what a metric declares", isinstance(built, Metric), "see spec.Metric")
        return [declared, _parameters(built), *(check_metric(built) if declared.passed else [])]
    if kind == "models":
        return [_model(built, entry)]
    missing = [name for name in ("about", "phantom", "redistributable") if not hasattr(built, name)]
    says = Finding("says what it is before it is opened", not missing, ", ".join(missing) or built.about.licence)
    return [Finding("can be opened", callable(built), "see spec.OpenSource"), says]


def _parameters(built: Any) -> Finding:
    """Only a dataclass's fields can be given in a call, and are part of what a row is known by."""
    taken = [] if dataclasses.is_dataclass(built) else [*inspect.signature(type(built)).parameters]
    return Finding("its parameters are the fields of a dataclass", not taken, ", ".join(taken) or "none others")


def _model(build: Any, entry: Entry) -> Finding:
    try:
        check_model(build(2, 1, MODEL_SIZE), 1, MODEL_SIZE)
    except XraybenchError as error:
        return Finding("hooks and relevance rules see all of it", False, reason_of(error))
    return Finding("hooks and relevance rules see all of it", True, entry.name)


def _task(path: Path) -> Finding:
    read_task(path)
    return Finding("is a task file", True, path.name)
