"""Do the orders that two papers report hold on phantoms? `python -m benchmarks.orders [--json] [--seeds 0,1,2,3,4]`.

- transfer (paper B): random -> wrist against random -> which body part -> wrist, the ROC AUC of fractures;
- depth (paper C): shallow, deeper, deeper with augmentation, the accuracy over regions of the body.

At each of several training sizes every seed draws phantoms and first weights of its own; models of one seed are paired.
What is said of a pair is the mean difference with its 95 % t interval over seeds: an order holds where the interval is
above zero, is turned round where it is below, and is open otherwise. Small networks stand for paper B's DenseNets.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from xraybench.lineage import ModelJob
from xraybench.narration import narrator
from xraybench.planning import Plan, Request, make_plan
from xraybench.results import ModelRecord, read_record
from xraybench.runner import open_source, train
from xraybench.starting import open_starts
from xraybench.tasks import ModelEntry, Preset, Stage, Task, load_task
from xraybench.workshop import Engine

PRESET = "orders"
RECIPE = {"batch_size": 32, "optimizer": "adamw", "weight_decay": 1e-2, "schedule": "one-cycle"}
PARTS = ["elbow", "finger", "forearm", "hand", "humerus", "shoulder", "wrist"]


@dataclass(frozen=True)
class Experiment:
    """Models of a task in the order that a paper reports, the worst first, and training sizes."""

    name: str
    task: str
    score: str
    source: str
    models: Sequence[ModelEntry]
    sizes: Sequence[int]
    validation: int = 100
    test: int = 600


@dataclass(frozen=True)
class Point:
    """A model at a training size: its score by seed."""

    model: str
    images: int
    scores: list[float]


@dataclass(frozen=True)
class Pair:
    """Two neighbours in the paper's order at a training size: how much better the better one is."""

    worse: str
    better: str
    images: int
    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """What may be said of the order."""
        return "holds" if self.low > 0 else "turned round" if self.high < 0 else "open"


def _entry(name: str, architecture: str, *stages: Stage) -> ModelEntry:
    return ModelEntry(name=name, architecture=architecture, presets=[PRESET], stages=list(stages))


def _stage(epochs: int, rate: float, **fields: object) -> Stage:
    return Stage.model_validate(RECIPE | {"epochs": epochs, "learning_rate": rate} | fields)


TRANSFER = Experiment(
    "transfer",
    "wrist",
    "roc-auc",
    "phantom-wrist",
    [
        _entry("random-wrist", "small-cnn", _stage(40, 2e-3, flip=True)),
        _entry(
            "random-part-wrist",
            "small-cnn",
            _stage(6, 4e-3, task="mura", labels=PARTS, flip=True),
            _stage(40, 2e-3, flip=True),
        ),
    ],
    (100, 200, 400, 800),
)
AUGMENTED = {"flip": True, "rotation": 10, "shift": 0.05, "scale": 0.1}
DEPTH = Experiment(
    "depth",
    "anatomy",
    "accuracy",
    "phantom-anatomy",
    [
        _entry("shallow", "anatomy-shallow", _stage(30, 1e-3)),
        _entry("deeper", "anatomy-deep", _stage(30, 1e-3)),
        _entry("deeper-augmented", "anatomy-deep", _stage(30, 1e-3, **AUGMENTED)),
    ],
    (80, 160),
)


def planned(experiment: Experiment, images: int, seed: int) -> Plan:
    """One training size and seed: phantoms of that seed, and the models trained from it."""
    task: Task = load_task(experiment.task)
    settings = {"size": 64, "train": images, "validation": experiment.validation, "test": experiment.test, "seed": seed}
    preset = Preset(image_size=64, explained=8, sources={experiment.source: settings})
    task = task.model_copy(
        update={"models": list(experiment.models), "presets": {PRESET: preset}, "similarity": [], "reference": {}}
    )
    request = Request(explainers=(), seeds=(seed,), preset=PRESET)
    return make_plan(task, open_source(task, request), request, open_starts(task, request))


def measured(experiment: Experiment, seeds: Sequence[int], out: Path, engine: Engine) -> list[Point]:
    """Every model at every size; what is trained already is read."""
    points = []
    for images in experiment.sizes:
        scores: dict[str, list[float]] = {}
        for seed in seeds:
            plan = planned(experiment, images, seed)
            with narrator() as voice:
                folder, failures = train(plan, out, engine, f"python -m benchmarks.orders ({PRESET})", voice)
            if failures:
                raise SystemExit("\n".join(failures))
            for job in plan.models:
                scores.setdefault(job.entry.name, []).append(_score(folder, job, experiment.score))
        points += [Point(model, images, values) for model, values in scores.items()]
    return points


def _score(folder: Path, job: ModelJob, name: str) -> float:
    value = read_record(folder / "models" / job.id / "model.json", ModelRecord).scores[name].mean
    if value is None:
        raise SystemExit(f"{job.label} has no {name}")
    return value


def pairs_of(experiment: Experiment, points: Sequence[Point]) -> list[Pair]:
    """Neighbours in the paper's order, by training size."""
    by_place = {(point.model, point.images): point.scores for point in points}
    names = [entry.name for entry in experiment.models]
    found = []
    for images in experiment.sizes:
        for worse, better in pairwise(names):
            gains = np.subtract(by_place[better, images], by_place[worse, images])
            interval = stats.ttest_1samp(gains, 0).confidence_interval()
            found.append(Pair(worse, better, images, float(gains.mean()), float(interval.low), float(interval.high)))
    return found


def as_text(experiment: Experiment, points: Sequence[Point], pairs: Sequence[Pair]) -> str:
    """Two Markdown tables: scores, and what they say of the order."""
    lines = [f"### {experiment.name}: {experiment.score} on {experiment.test} test phantoms", ""]
    lines += ["| training images | " + " | ".join(entry.name for entry in experiment.models) + " |"]
    lines += ["|---:|" + "---:|" * len(experiment.models)]
    for images in experiment.sizes:
        here = [point for point in points if point.images == images]
        cells = [f"{fmean(one.scores):.3f} ({min(one.scores):.3f} to {max(one.scores):.3f})" for one in here]
        lines.append(f"| {images} | " + " | ".join(cells) + " |")
    lines += ["", "| training images | is it better? | by (95 % interval) | the paper's order |", "|---:|---|---:|---|"]
    lines += [
        f"| {pair.images} | {pair.better} than {pair.worse} | {pair.mean:+.3f} [{pair.low:+.3f}, {pair.high:+.3f}] | "
        f"{pair.verdict} |"
        for pair in pairs
    ]
    return "\n".join(lines) + "\n"


def draw(drawn: Sequence[tuple[Experiment, Sequence[Point]]], path: Path) -> None:
    """Learning curves: means over seeds, and every seed."""
    figure, axes = plt.subplots(1, len(drawn), figsize=(5 * len(drawn), 3.6), squeeze=False, layout="constrained")
    for axis, (experiment, points) in zip(axes[0], drawn, strict=True):
        for entry in experiment.models:
            own = [point for point in points if point.model == entry.name]
            sizes = [point.images for point in own]
            (line,) = axis.plot(sizes, [fmean(point.scores) for point in own], marker="o", label=entry.name)
            for point in own:
                axis.plot([point.images] * len(point.scores), point.scores, ".", color=line.get_color(), alpha=0.4)
        axis.set(xscale="log", xlabel="training images", ylabel=experiment.score, title=f"{experiment.name} (phantoms)")
        axis.set_xticks(experiment.sizes, [str(size) for size in experiment.sizes])
        axis.minorticks_off()
        axis.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seeds", default="0,1,2,3,4", help="of phantoms and models")
    parser.add_argument("--out", type=Path, default=Path("runs/orders"), help="where models are kept")
    parser.add_argument("--workers", type=int, help="processes")
    parser.add_argument("--only", choices=["transfer", "depth"], help="one of the two")
    parser.add_argument("--picture", type=Path, help="draw learning curves into this file")
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    drawn = []
    for experiment in (TRANSFER, DEPTH):
        if options.only in (None, experiment.name):
            points = measured(experiment, seeds, options.out, Engine("auto", options.workers))
            pairs = pairs_of(experiment, points)
            drawn.append((experiment, points))
            if options.json:
                said = {"points": [asdict(point) for point in points]}
                said["pairs"] = [asdict(pair) | {"verdict": pair.verdict} for pair in pairs]
                print(json.dumps({experiment.name: said}))
            else:
                print(as_text(experiment, points, pairs))
    if options.picture:
        draw(drawn, options.picture)


if __name__ == "__main__":
    main()
