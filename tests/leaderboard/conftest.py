"""A run folder that looks like a real one, written through the writers of records."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from xraybench.identity import digest, seed_of
from xraybench.results import (
    CellRecord,
    Interval,
    MetricInfo,
    ModelRecord,
    RunRecord,
    ScoreInfo,
    Spent,
    read_record,
    replacing,
    write_record,
)
from xraybench.score_files import ImageScores, read_scores, write_scores

QUALITY = {  # how good each row's maps are meant to be, 0 to 1
    "gradient": 0.30,
    "gradient-x-input": 0.32,
    "integrated-gradients": 0.45,
    "smoothgrad": 0.20,
    "guided-backprop": 0.40,
    "deeplift": 0.45,
    "grad-cam": 0.55,
    "layer-cam": 0.60,
    "lrp-epsilon-plus-flat": 0.65,
    "deep-taylor": 0.50,
    "occlusion": 0.62,
    "rise(masks=500)": 0.48,
}
CONTROLS = {"random": 0.05, "centre-gaussian": 0.12, "sobel": 0.1, "image": 0.08, "mean-mask": 0.15, "blank": 0.0}
CEILINGS = {"oracle": 0.98}
METRICS = (
    ("pointing-game", "localisation", True, (0.0, 1.0)),
    ("relevance-mass", "localisation", True, (0.0, 1.0)),
    ("relevance-rank", "localisation", True, (0.0, 1.0)),
    ("pixel-auprc", "localisation", True, (0.0, 1.0)),
    ("insertion-auc", "faithfulness", True, (None, None)),
    ("deletion-auc", "faithfulness", False, (None, None)),
    ("srg", "faithfulness", True, (None, None)),
    ("max-sensitivity", "robustness", False, (0.0, None)),
    ("mprt", "randomisation", None, (-1.0, 1.0)),
    ("sparseness", "complexity", None, (0.0, 1.0)),
    ("twin-localisation", "counterfactual", True, (0.0, 1.0)),
    ("cost", "cost", None, (0.0, None)),
)
REEXPLAINING = ("max-sensitivity", "mprt", "twin-localisation")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a synthetic run holds."""

    models: tuple[str, ...] = ("densenet-tiny", "small-cnn")
    seeds: tuple[int, ...] = (0,)
    images: int = 64
    patients: int = 48
    methods: tuple[str, ...] = tuple(QUALITY)
    references: bool = True
    metrics: tuple[str, ...] = tuple(name for name, *_ in METRICS)
    size: int = 48
    key: str = "3f2c9a1be07d4455"
    name: str = "wrist-quick"
    void: tuple[str, ...] = ()
    redistributable: bool = True
    undecided: tuple[str, ...] = ()  # metrics on which every row scores noise


def metric_info(label: str) -> MetricInfo:
    name, family, higher, bounds = next(metric for metric in METRICS if metric[0] == label)
    return MetricInfo(
        label=label,
        name=name,
        parameters={},
        family=family,
        higher_is_better=higher,
        range=bounds,
        reference=f"The paper of {name}, 2020",
        version=1,
    )


def image_ids(recipe: Recipe) -> list[str]:
    return [f"image-{n:04d}" for n in range(recipe.images)]


def patient_ids(recipe: Recipe) -> list[str]:
    return [f"patient-{n % recipe.patients:04d}" for n in range(recipe.images)]


def draw_scores(recipe: Recipe, label: str, explainer: str, model: str, seed: int) -> ImageScores:
    """Scores around the row's quality: harder images are harder for all rows; a few are undefined for all."""
    quality = {**QUALITY, **CONTROLS, **CEILINGS}.get(explainer, 0.4)
    hardness = np.random.default_rng(seed_of(label, model)).normal(scale=0.15, size=recipe.images)
    noise = np.random.default_rng(seed_of(label, explainer, model, seed)).normal(scale=0.1, size=recipe.images)
    level = 0.5 if label in recipe.undecided else quality
    values = level + hardness + noise
    info = metric_info(label)
    if info.higher_is_better is False:
        values = 1 - values
    if label == "pointing-game":
        values = (values > 0.5).astype(float)
    elif info.range == (0.0, 1.0):
        values = values.clip(0, 1)
    if explainer == "blank" and info.family == "localisation":
        values = np.zeros(recipe.images)
    if label == "cost":
        values = np.full(recipe.images, 12.5)
    if label == "relevance-rank":
        values[:3] = np.nan
    few = 32 if label in REEXPLAINING else None
    return ImageScores(np.array(image_ids(recipe))[:few], np.array(patient_ids(recipe))[:few], values[:few])


def write_gallery(path: Path, recipe: Recipe, explainer: str) -> None:
    """Six pictures: a bright bar with a dark line across it, and a map around the line."""
    rng = np.random.default_rng(seed_of(explainer))
    size, kinds = recipe.size, ["best", "best", "worst", "worst", "random", "random"]
    rows, columns = np.mgrid[:size, :size] / size
    images, masks, maps = [], [], []
    for _ in kinds:
        x, y = rng.uniform(0.35, 0.65, 2)
        bone = np.exp(-(((columns - x) / 0.09) ** 4)) + 0.5 * np.exp(-(((columns - x) / 0.28) ** 4))
        mask = (np.abs(rows - y + 0.2 * (columns - x)) < 0.04) & (np.abs(columns - x) < 0.11)
        images.append((255 * (0.08 + 0.6 * bone - 0.25 * mask).clip(0, 1)).astype(np.uint8))
        masks.append(mask)
        blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 0.01)
        maps.append((blob + rng.normal(scale=0.25, size=(size, size))).astype(np.float32))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            image=np.stack(images),
            mask=np.stack(masks),
            map=np.stack(maps),
            kind=np.array(kinds),
            image_id=np.array(image_ids(recipe)[: len(kinds)]),
            score=np.linspace(0.9, 0.1, len(kinds)),
        )


def skip_reason(label: str, explainer: str) -> str | None:
    if explainer in CONTROLS | CEILINGS and label in REEXPLAINING:
        return "the map does not come from the model"
    return "price" if explainer.startswith("rise") and label in REEXPLAINING else None


def write_cell(run: Path, recipe: Recipe, explainer: str, model: str, seed: int) -> None:
    cell_id = digest([explainer, model, seed])
    folder = run / "cells" / cell_id
    scores, drawn = {}, {}
    for label in recipe.metrics:
        reason = skip_reason(label, explainer)
        scores[label] = ScoreInfo(metric=metric_info(label), status="skipped" if reason else "ok", reason=reason)
        if not reason:
            drawn[label] = draw_scores(recipe, label, explainer, model, seed)
    write_scores(folder, drawn)
    write_gallery(folder / "gallery.npz", recipe, explainer)
    write_record(folder / "cell.json", cell_record(recipe, cell_id, explainer, model, seed, scores))


def cell_record(
    recipe: Recipe, cell_id: str, explainer: str, model: str, seed: int, scores: dict[str, ScoreInfo]
) -> CellRecord:
    role = "control" if explainer in CONTROLS else "ceiling" if explainer in CEILINGS else "method"
    forwards = 2.0 + 10 * (seed_of(explainer) % 50)
    return CellRecord(
        id=cell_id,
        task="wrist",
        model=model,
        model_id=digest([model, seed]),
        seed=seed,
        explainer=explainer,
        name=explainer.partition("(")[0],
        parameters={"steps": 16} if explainer == "integrated-gradients" else {},
        family="reference" if role != "method" else "gradient",
        role=role,
        signed=role == "method" and not explainer.endswith("cam"),
        baseline="training mean" if explainer == "integrated-gradients" else None,
        origin="built-in",
        status="ok",
        n_images=recipe.images,
        spent=Spent(forwards=forwards, backwards=1.0, milliseconds=forwards / 3, peak_bytes=10_000_000),
        scores=scores,
        notes={"conservation_error": 0.0004, "nothing": float("nan")} if explainer.startswith("lrp") else {},
        versions={"python": "3.11.7", "torch": "2.15.0"},
        reproduce=f"xraybench run --task wrist --explainer '{explainer}' --model {model} --seeds {seed}",
    )


def write_absent(run: Path, recipe: Recipe, explainer: str, status: str, reason: str) -> None:
    cell_id = digest([explainer, "absent"])
    record = cell_record(recipe, cell_id, explainer, recipe.models[0], recipe.seeds[0], {})
    record = record.model_copy(update={"status": status, "reason": reason})
    write_record(run / "cells" / cell_id / "cell.json", record)


def write_model(run: Path, recipe: Recipe, model: str, seed: int) -> None:
    auc = Interval(mean=0.942, low=0.921, high=0.961, n=600)
    record = ModelRecord(
        id=digest([model, seed]),
        model=model,
        architecture=model,
        seed=seed,
        recipe={"epochs": 12},
        weights_digest=digest([model, seed, "weights"]),
        split_digest="0123456789abcdef",
        parameters=313_000,
        seconds=41.0,
        history=[],
        scores={"roc-auc": auc, "accuracy": Interval(mean=0.88, low=0.85, high=0.9, n=600)},
        strata={"grade=displaced": {"roc-auc": Interval(mean=0.99, low=0.98, high=1.0, n=310)}},
        beats_chance=model not in recipe.void,
    )
    write_record(run / "models" / record.id / "model.json", record)


def write_run(folder: Path, recipe: Recipe | None = None) -> Path:
    """Write a whole run; the folder is given back."""
    recipe = recipe or Recipe()
    run = RunRecord(
        name=recipe.name,
        task="wrist",
        task_version=1,
        title="Wrist fracture",
        preset="quick",
        source="phantom-wrist",
        phantom=True,
        redistributable=recipe.redistributable,
        comparability_key=recipe.key,
        data_digest="aa55aa55aa55aa55",
        explained="64 test images with a fracture; the fracture logit is explained, also where the model misses it.",
        notes=["Radiographs are computed, so the finding is known pixel by pixel."],
        reference_values={"densenet-tiny": {"roc-auc": 0.9437, "accuracy": 0.87}},
        command="xraybench run --task wrist --explainer all",
    )
    references = [*CONTROLS, *CEILINGS] if recipe.references else []
    for model in recipe.models:
        for seed in recipe.seeds:
            write_model(folder, recipe, model, seed)
            for explainer in (*recipe.methods, *references):
                write_cell(folder, recipe, explainer, model, seed)
    write_absent(folder, recipe, "expected-gradients", "failed", "RuntimeError: out of memory")
    write_absent(folder, recipe, "cam", "skipped", "the model has no global average pooling")
    write_record(folder / "run.json", run)
    return folder


def set_scores(cell: Path, **scores: ImageScores) -> None:
    """Put these scores, by metric label, in place of a cell's own."""
    write_scores(cell, read_scores(cell) | scores)


def give_scores(folder: Path, label: str, model: str, source: str, target: str) -> dict[str, ImageScores]:
    """Let an explainer have another's scores of a metric; those that both had are given back."""
    cells = {
        record.explainer: path.parent
        for path in folder.glob("cells/*/cell.json")
        if (record := read_record(path, CellRecord)).model == model
    }
    scores = {name: read_scores(cells[name])[label] for name in (source, target)}
    set_scores(cells[target], **{label: scores[source]})
    return scores


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The standard synthetic run; tests read it and do not change it."""
    return write_run(tmp_path_factory.mktemp("runs") / "wrist-quick")
