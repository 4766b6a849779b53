"""Maps of validation images, made as a cell's own are: what its metrics may tune themselves on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from torch import nn

from xraybench.cells.bench import Bench
from xraybench.cells.drawing import drawn
from xraybench.explaining import ExplainAgain
from xraybench.spec import Annotated, Explainer, Reference


def annotated(desk: Bench, model: nn.Module, built: Explainer | Reference) -> Callable[[], Annotated] | None:
    """Makes them when they are first asked for; None where no validation image has a mask of its finding."""
    there = desk.validation
    return None if there is None else cache(lambda: _annotated(there, model, built))


def _annotated(there: Bench, model: nn.Module, built: Explainer | Reference) -> Annotated:
    """Of the images with a mask: the others have nothing that a metric could be tuned on."""
    rows = there.regions["finding"].flatten(1).any(1).nonzero()[:, 0].cpu()
    targets = there.targets(model)
    if isinstance(built, Explainer):
        again = ExplainAgain(built, model, targets, there.context_of(model, there.seeds)).take(rows)
        maps = again(there.explained_images[rows])
    else:
        maps = drawn(there, built)[rows]
    regions = {name: masks[rows] for name, masks in there.regions.items()}
    return Annotated(maps, targets[rows], regions, tuple(there.place.task.labels))
