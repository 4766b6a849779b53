"""What there is and how things stand, as rows of plain values; torch and plug-ins are not imported for it."""

from __future__ import annotations

import os
import platform
import shutil
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from xraybench import registry

Row = dict[str, Any]
LISTED_SIZE = 64  # pixels: the image size at which listed costs hold
FACTS = {
    "explainers": ("family", "signed"),
    "references": ("role",),
    "metrics": ("family", "higher_is_better"),
    "models": (),
    "sources": (),  # what they are needs pandas: `data verify` and the reference page tell
}


def rows_of(kind: str) -> list[Row]:
    """One row a name; None stands where only importing a plug-in would tell."""
    if kind == "tasks":
        return _tasks()
    if kind == "plugins":
        kinds = registry.PLUGIN_KINDS
        return [_plugin(entry) for each in kinds for entry in registry.plugins(each).values()]
    return [_row(entry) for entry in registry.entries(kind).values()]


def _row(entry: registry.Entry) -> Row:
    row: Row = {"name": entry.name}
    facts = FACTS[entry.kind]
    known = registry.load(entry)() if facts and entry.origin == "built-in" else None
    row |= {fact: getattr(known, fact, None) for fact in facts}
    if entry.kind == "explainers":
        row["cost"] = known.cost(LISTED_SIZE) if known else None
    return row if entry.kind == "references" else row | {"origin": entry.origin}


def _plugin(entry: registry.Entry) -> Row:
    return {"name": entry.name, "kind": entry.kind, "origin": entry.origin, "target": entry.target}


def _tasks() -> list[Row]:
    from xraybench.tasks import task_files

    rows = []
    for name, path in task_files().items():
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        rows.append({"name": name, "title": table.get("title"), "sources": table.get("sources")})
    return rows


def standing_of_runs(out: Path) -> list[Row]:
    """One row a run folder under `out`: its models, its cells by status, the failures with their reasons.

    A cell counts as failed, too, where a metric of it did.
    """
    from xraybench.results import CellRecord, RunRecord, iterate_records

    rows = []
    for folder, run in iterate_records(out, "run.json", RunRecord):
        cells = [cell for _, cell in iterate_records(folder / "cells", "cell.json", CellRecord)]
        found = ["failed" if cell.failures() else cell.status for cell in cells]
        counts = {status: found.count(status) for status in ("ok", "skipped", "failed")}
        failures = [f"{cell.model} {cell.explainer}: {failure}" for cell in cells for failure in cell.failures()]
        models = len(list((folder / "models").glob("*/model.json")))
        rows.append({"run": run.name, "task": run.task, "models": models, **counts, "failures": failures})
    return rows


def health(out: Path) -> Row:
    """Versions, devices, room on the disk, plug-ins."""
    import torch

    from xraybench.executors.local import worker_count

    libraries = ("torch", "torchvision", "captum", "zennit", "quantus", "xraybench")
    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    place = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    return {
        "python": platform.python_version(),
        **{library: _version(library) for library in libraries},
        "devices": ", ".join(devices) or "cpu only",
        "workers": worker_count("auto"),
        "cores": len(os.sched_getaffinity(0)),
        "free disk": f"{shutil.disk_usage(place).free / 2**30:.0f} GiB",
        "plug-ins": ", ".join(row["name"] for row in rows_of("plugins")) or "none",
    }


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "missing"
