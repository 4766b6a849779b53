"""The page of a task's models, and each run's models as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from xraybench.leaderboard import lines
from xraybench.leaderboard.curves import stage_curves, together
from xraybench.leaderboard.forest import forest
from xraybench.leaderboard.models import build_models
from xraybench.leaderboard.pieces import drawn, slug
from xraybench.leaderboard.records import RunData
from xraybench.leaderboard.rounding import duration


def model_pages(environment: Environment, runs: Sequence[RunData]) -> dict[str, str]:
    """By relative path: a pure function of the runs' records."""
    boards = [build_models(run) for run in runs]
    stems = ["models" if len(boards) == 1 else f"models-{slug(board.run)}" for board in boards]
    data = {f"{stem}.json": board.model_dump_json(indent=1) + "\n" for stem, board in zip(stems, boards, strict=True)}
    page = environment.get_template("models.html").render(boards=boards, data_files=list(data))
    return {"models.html": page, **data}


def model_functions() -> Mapping[str, Any]:
    """What the page's template may call."""
    return {
        "beside": lines.beside,
        "better": lines.better,
        "duration": duration,
        "forest": drawn(forest),
        "label_reasons": lines.label_reasons,
        "lines_of": lines.lines_of,
        "missing_strata": lines.missing_strata,
        "reported": lines.reported,
        "seed_lines": lines.seed_lines,
        "stage_curves": drawn(stage_curves),
        "together": lambda entries, kind: [Markup(picture) for picture in together(entries, kind)],
        "why_hidden": lines.why_hidden,
        "written": lines.written,
    }
