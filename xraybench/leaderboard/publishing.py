"""The published site: records of finished runs beside the pages made from them, and the proof that they agree.

<leaderboards>/<task>/records/<run>/...     what load_run reads: no weights, no whole sets of maps, no logs
<leaderboards>/<task>/index.html, ...       what build_pages makes of them
"""

from __future__ import annotations

import shutil
from itertools import zip_longest
from pathlib import Path

from xraybench.errors import DataError, ValidationError
from xraybench.leaderboard.overlays import false_digests, without_payloads
from xraybench.leaderboard.pages import build_pages, existing_pages, render
from xraybench.leaderboard.records import RunData, load_run, stage_paths
from xraybench.results import FINDINGS
from xraybench.score_files import SCORES

GALLERY = "gallery.npz"


def publish(run_folder: Path, leaderboards: Path) -> Path:
    """Copy a run's records to <leaderboards>/<task>/records/<run name> and rebuild the task's pages.

    Galleries of a source that is not redistributable stay behind. A former publication of the same name is replaced.
    The task's folder is given back.
    """
    run = load_run(run_folder)
    site = leaderboards / run.run.task
    target = site / "records" / run.run.name
    fresh = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        for path in _records_of(run):
            copy = fresh / _published_as(path, run_folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        if target.exists():
            shutil.rmtree(target)
        fresh.replace(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    build_pages(_published(site), site)
    return site


def _records_of(run: RunData) -> list[Path]:
    """The files of a run that are published."""
    paths = [
        run.folder / "run.json",
        *sorted(run.folder.glob("data.json")),
        *sorted(run.folder.glob("models/*/model.json")),
        *sorted(run.folder.glob(f"models/*/{FINDINGS}")),
        *sorted(run.folder.glob("comparisons/*/comparison.json")),
        *stage_paths(run.folder, run.models).values(),
    ]
    for cell in run.cells:
        paths.append(cell.folder / "cell.json")
        paths += [cell.folder / SCORES] if cell.scores else []
        if run.run.redistributable and (cell.folder / GALLERY).is_file():
            paths.append(cell.folder / GALLERY)
    return paths


def _published_as(path: Path, run_folder: Path) -> Path:
    """Where a record lies in a published run: stages, which runs share, are copied into each."""
    return path.relative_to(run_folder if path.is_relative_to(run_folder) else run_folder.parent)


def _published(site: Path) -> list[Path]:
    return sorted(path.parent for path in site.glob("records/*/run.json") if not path.parent.name.startswith("."))


def check(folder: Path) -> list[Path]:
    """Hold the pages of a published task (or of all tasks below `folder`) against their records.

    ValidationError names the first file that differs, and how; DataError where nothing is published. The checked
    tasks' folders are given back.
    """
    sites = [site for site in (folder, *sorted(folder.glob("*/"))) if _published(site)]
    if not sites:
        raise DataError(f"{folder}: no published records", "`xraybench leaderboard build` publishes a run")
    for site in sites:
        _check_site(site)
    return sites


def _check_site(site: Path) -> None:
    runs = [load_run(folder) for folder in _published(site)]
    for run in runs:
        _check_pixels(run)
    expected = render(runs)
    there = {path.relative_to(site).as_posix() for path in existing_pages(site)}
    for name in sorted(there - set(expected)):
        raise _differs(site / name, "no record gives this page")
    for name, text in expected.items():
        _check_page(site / name, text)


def _check_pixels(run: RunData) -> None:
    for cell in run.cells:
        if not run.run.redistributable and (cell.folder / GALLERY).exists():
            raise ValidationError(
                f"{cell.folder / GALLERY}: pictures of {run.run.source} may not be published", "remove the file"
            )


def _check_page(path: Path, expected: str) -> None:
    """Pictures are compared by the digest of their pixels: PNG bytes depend on the encoder's version."""
    if not path.is_file():
        raise _differs(path, "is missing")
    found = path.read_text(encoding="utf-8")
    lines = zip_longest(without_payloads(found).splitlines(), without_payloads(expected).splitlines())
    for place, (have, want) in enumerate(lines, start=1):
        if have != want:
            raise _differs(path, f"line {place}: has {_excerpt(have, want)}, records give {_excerpt(want, have)}")
    if false_digests(found):
        raise _differs(path, f"a picture is not the one of digest {false_digests(found)[0]}")


def _excerpt(line: str | None, other: str | None) -> str:
    """A line from shortly before it parts from the other."""
    if line is None:
        return "no such line"
    same = next((n for n, (a, b) in enumerate(zip(line, other or "", strict=False)) if a != b), len(other or ""))
    start = max(0, same - 20)
    return repr(line[start : start + 60])


def _differs(path: Path, how: str) -> ValidationError:
    return ValidationError(
        f"{path}: is not what its records give: {how}", "`xraybench leaderboard build` makes the pages again"
    )
