"""docs/reference.md: the tables of what there is, made from the registry.

Remake it with `python -m xraybench.reference_page > docs/reference.md`; a test holds the page against this.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

from xraybench import registry

MODEL_SIZE = 224  # pixels: for which parameters of models are counted
INTRODUCTION = """# What there is

Made from the registry by `python -m xraybench.reference_page`. Costs are image-forwards per image at 64 pixels with
default parameters; a backward counts 2. Presets set other parameters: see the task files.
"""


def page() -> str:
    """The whole page, built-ins only."""
    return "\n".join([INTRODUCTION, *_explainers(), *_references(), *_metrics(), *_models(), *_sources()])


def _built_in(kind: str) -> list[tuple[str, Any]]:
    found = registry.entries(kind).values()
    return [(entry.name, registry.load(entry)) for entry in found if entry.origin == "built-in"]


def _explainers() -> list[str]:
    rows = []
    for name, made in _built_in("explainers"):
        built = made()
        signed = "signed" if built.signed else "unsigned"
        rows.append([f"`{name}`", made.family, signed, str(built.cost(64)), _parameters(built), _summary(made)])
    return _table("Explainers", ["name", "family", "maps", "cost", "parameters", "what"], rows)


def _references() -> list[str]:
    rows = [[f"`{name}`", made.role, _parameters(made()), _summary(made)] for name, made in _built_in("references")]
    return _table("Reference maps", ["name", "role", "parameters", "what"], rows)


def _metrics() -> list[str]:
    rows = []
    for name, made in _built_in("metrics"):
        metric = made()
        better = {True: "higher", False: "lower", None: "descriptive"}[metric.higher_is_better]
        rows.append([f"`{name}`", metric.family, better, _parameters(metric), _summary(made), metric.reference])
    return _table("Metrics", ["name", "family", "better", "parameters", "what", "source"], rows)


def _models() -> list[str]:
    """Built without memory for weights, grey, with one output."""
    import torch

    rows = []
    for name, build in _built_in("models"):
        with torch.device("meta"):
            model = build(1, 1, MODEL_SIZE)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        cam = f"`{model.cam_layer}`" if model.cam_layer else "-"
        rows.append(
            [f"`{name}`", f"{parameters:,}", str(len(model.layers)), cam, f"`{model.layers[-1]}`", _summary(build)]
        )
    header = ["name", f"parameters at {MODEL_SIZE} pixels, grey", "layers", "CAM layer", "output layer", "what"]
    return _table("Models", header, rows)


def _sources() -> list[str]:
    rows = []
    for name, made in _built_in("sources"):
        official = made.about.official
        counts = [f"{official[what]:,}" if what in official else "-" for what in ("images", "patients")]
        kind = "phantom" if made.phantom else "yes" if made.redistributable else "no"
        rows.append([f"`{name}`", made.about.title, *counts, made.about.licence, kind, _summary(made)])
    header = ["name", "title", "images", "patients", "licence", "pixels may be published", "what"]
    return _table("Sources", header, rows)


def _parameters(built: Any) -> str:
    return ", ".join(f"{key}={value}" for key, value in registry.parameters_of(built).items()) or "-"


def _summary(made: Any) -> str:
    """The first paragraph of the docstring, on one line."""
    return " ".join((inspect.getdoc(made) or "").split("\n\n")[0].split()).replace("|", "\\|")


def _table(title: str, header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]
    return [f"## {title}", "", *lines, ""]


if __name__ == "__main__":
    sys.stdout.write(page())
