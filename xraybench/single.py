"""Explain one radiograph with a trained model of a run: an overlay as a PNG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from xraybench import registry
from xraybench.cells.place import Place
from xraybench.errors import DataError, UsageError
from xraybench.identity import seed_of
from xraybench.lineage import ModelJob
from xraybench.results import ModelRecord, RunRecord, iterate_records, read_record, replacing
from xraybench.tasks import ModelEntry, Steps, Task

if TYPE_CHECKING:
    import numpy as np

PICTURE_SIDE = 512  # pixels, at least; smaller images are enlarged


@dataclass(frozen=True)
class Made:
    """The picture, which model made it for which logit, and what its colours mean."""

    path: Path
    model: str
    target: int
    logit: float
    legend: str


def explain_image(
    image: Path, run_folder: Path, model: str | None, explainer: str, target: int, png: Path | None
) -> Made:
    """Write the overlay of one explainer's map for one logit; the run's preparation and training images are used."""
    import torch

    from xraybench.cells.bench import Bench
    from xraybench.data.preprocessing import View, process
    from xraybench.data.radiograph import read_radiograph
    from xraybench.explaining import ExplainAgain

    place, job, steps = _trained(run_folder, model)
    if not 0 <= target < place.task.num_outputs:
        raise UsageError(f"there is no logit {target}", f"this task has 0 to {place.task.num_outputs - 1}")
    call = registry.parse_call(explainer)
    built = registry.build("explainers", call)
    desk = Bench(place)
    grey = process(View(read_radiograph(image)), steps, desk.image_size).image
    inputs = desk.normalised(torch.from_numpy(grey)[None].to(desk.device))
    network = desk.model(job)
    context = replace(desk.context, seeds=torch.tensor([seed_of("image", image.name)]))
    maps = ExplainAgain(built, network, torch.tensor([target], device=desk.device), context)(inputs)
    with torch.inference_mode():
        logit = float(network(inputs)[0, target])
    path = png or Path(f"{image.stem}-{call.name.replace(':', '-')}.png")
    legend = _write_overlay(path, grey, maps[0].double().cpu().numpy(), bool(built.signed))
    return Made(path, job.label, target, logit, legend)


def _trained(run_folder: Path, model: str | None) -> tuple[Place, ModelJob, Steps]:
    """The run's place, the model asked for (or its only one), and the run's preprocessing."""
    from xraybench.data.prepared import Statistics

    if not (run_folder / "run.json").exists():
        raise DataError(f"{run_folder}: is not a run folder", "`xraybench status` lists the runs; train one with run")
    run = read_record(run_folder / "run.json", RunRecord)
    records = {record.model: record for _, record in iterate_records(run_folder / "models", "model.json", ModelRecord)}
    if model is None and len(records) > 1:
        raise UsageError(f"{run_folder} has several models", f"choose one with --model: {', '.join(records)}")
    record = registry.near(model or next(iter(records), ""), records, "model of this run")
    data = run_folder.parent / "data" / run.data_digest
    if Statistics.read(data) is None:
        raise DataError(f"{data}: the run's prepared data are gone", "give the run's command again to make them")
    task = Task.model_validate(run.definition)
    steps = task.steps_of(task.preset(run.preset))
    if any(step.step == "side-by-side" for step in steps):
        raise UsageError("this run's models see two views of a case at once", "explain cases with `xraybench run`")
    return Place(run_folder, data, task, 1, "auto", ""), _job(record), steps


def _job(record: ModelRecord) -> ModelJob:
    recipe: Mapping[str, object] = record.recipe
    return ModelJob(record.id, ModelEntry.model_validate(recipe), record.seed)


def _write_overlay(path: Path, grey: np.ndarray, values: np.ndarray, signed: bool) -> str:
    """The map over the radiograph, enlarged; returns what the colours mean."""
    import numpy as np
    from PIL import Image

    from xraybench.leaderboard.overlays import PERCENTILE, colour_scale, lay_over

    scale = colour_scale(values)
    side = max(PICTURE_SIDE, grey.shape[0])
    enlarged = [
        np.asarray(Image.fromarray(part.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC))
        for part in (grey * 255, values)
    ]
    pixels = lay_over(np.clip(enlarged[0], 0, 255).astype(np.uint8), enlarged[1].astype(np.float64), scale, signed)
    with replacing(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")
    ends = f"blue -{scale:.3g}, grey 0, red +{scale:.3g}" if signed else f"none 0, yellow {scale:.3g}"
    return f"{ends} ({PERCENTILE}th percentile of |map|)"
