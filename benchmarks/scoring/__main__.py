"""What scoring takes beside what it cannot do without, and beside its peers: `python -m benchmarks.scoring [--quick]`.

Every figure is the median ratio of interleaved pairs, with a 95 % interval of that median; each stands beside the
figure to reach. One thread on a CPU, as cells are computed. Run it alone on the machine: half an hour;
`--fewest 5` takes 5 pairs, not 20, of what takes seconds each: a quarter of an hour; `--quick` a minute, with fewer
pairs and images. How many pairs there were stands beside each figure in `--json`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch

from benchmarks.scoring import beside_forwards, beside_full_cca, beside_quantus
from benchmarks.scoring.case import case_of
from benchmarks.scoring.growth import Taken, growth
from benchmarks.scoring.pairs import Ratio
from xraybench.memory import keep_freed_memory
from xraybench.metrics.avg_sensitivity import AvgSensitivity
from xraybench.metrics.insertion_auc import InsertionAuc
from xraybench.metrics.max_sensitivity import MaxSensitivity
from xraybench.metrics.road import Road
from xraybench.metrics.srg import Srg

EXPLAINERS = ("gradient", "integrated-gradients(steps=4)")


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    pairs: int
    few: int  # pairs of what takes seconds each
    fewest: int  # and of what takes five and more
    images: int
    samples: int
    device: str


@dataclass(frozen=True)
class Figure:
    """One ratio under a section and a name; `reach` is the figure to reach, at least or at most."""

    section: str
    name: str
    ratio: Ratio
    reach: float
    at_least: bool = False

    @property
    def reached(self) -> bool:
        """Whether the median is there."""
        return self.ratio.ratio >= self.reach if self.at_least else self.ratio.ratio <= self.reach


def figures(scale: Scale) -> Iterator[Figure]:
    """One after another."""
    yield from over_forwards(scale)
    yield from over_explanations(scale)
    yield from over_quantus(scale)


def over_forwards(scale: Scale) -> Iterator[Figure]:
    """Removal curves and probes."""
    small = case_of("small-cnn", 64, 2 * scale.images, scale.device)
    section = "scoring_over_forward"
    yield Figure(section, "srg, small-cnn at 64", beside_forwards.curves(Srg(), small, scale.pairs), 1.10)
    fused = beside_forwards.curves(Srg(), small, scale.pairs, fused=True)
    yield Figure(section, "srg, small-cnn at 64, fused", fused, 1.0)
    dense = case_of("densenet121", 224, 4, scale.device, size=16)  # 16 between points of a curve: one full batch
    one = InsertionAuc(steps=5)
    yield Figure(section, "insertion-auc, densenet121 at 224", beside_forwards.curves(one, dense, scale.few), 1.10)
    fused = beside_forwards.curves(one, dense, scale.fewest, fused=True)
    yield Figure(section, "insertion-auc, densenet121 at 224, fused", fused, 1.0)
    yield Figure(section, "road, densenet121 at 224", beside_forwards.curves(Road(), dense, scale.few), 1.5)
    smooth = beside_forwards.curves(Road(), dense, scale.fewest, smooth=True)
    yield Figure(section, "road, densenet121 at 224, smooth maps", smooth, 1.5)
    probed = case_of("small-cnn", 64, scale.images, scale.device)
    yield Figure(section, "probes of ten explainers", beside_forwards.probes(probed, scale.pairs), 1.15)


def over_explanations(scale: Scale) -> Iterator[Figure]:
    """Metrics that explain again."""
    case, section = case_of("small-cnn", 64, 2 * scale.images, scale.device), "scoring_over_explaining"
    for name, kind in (("max-sensitivity", MaxSensitivity), ("avg-sensitivity", AvgSensitivity)):
        ratio = beside_forwards.sensitivity([kind], EXPLAINERS[0], case, scale.few)
        yield Figure(section, f"{name}, {EXPLAINERS[0]}", ratio, 1.1)
    for explainer in EXPLAINERS:
        ratio = beside_forwards.randomisation(explainer, case, scale.few)
        yield Figure(section, f"mprt, {explainer}", ratio, 1.1)
    dense = case_of("densenet121", 224, 8, scale.device, size=8)
    ratio = beside_forwards.randomisation(EXPLAINERS[0], dense, scale.fewest)
    yield Figure(section, f"mprt, {EXPLAINERS[0]}, densenet121 at 224", ratio, 1.1)


def over_quantus(scale: Scale) -> Iterator[Figure]:
    """Metric by metric on one explainer's maps, and those with forwards together on ten explainers'."""
    section = "speedup_over_quantus"
    large = case_of("small-cnn", 224, scale.images // 2, scale.device)
    for name, pair in beside_quantus.map_only(224).items():
        yield Figure(section, name, beside_quantus.one_map(pair, large, scale.pairs), 20, at_least=True)
    small = case_of("small-cnn", 64, 4, scale.device)
    metrics = beside_quantus.forwards_only(64)
    for name, pair in metrics.items():
        yield Figure(section, name, beside_quantus.one_map(pair, small, scale.few), 1.0, at_least=True)
    together = beside_quantus.ten_maps(metrics, small, scale.fewest)
    yield Figure(section, "together", together, 5 if scale.device == "cpu" else 20, at_least=True)


def similarity(scale: Scale) -> dict[str, Any]:
    """Layers of two models: how many times as fast, and how far off."""
    one, other = (beside_full_cca.layers(seed, scale.samples) for seed in (0, 1))
    measures = {"mean-cca": beside_full_cca.mean_cca, "svcca": beside_full_cca.svcca}
    found = {name: measure(one, other, scale.fewest) for name, measure in measures.items()}
    return {
        name: asdict(cca.speedup) | {"reach": reach, "reached": cca.speedup.ratio >= reach, "off_by": cca.difference}
        for (name, cca), reach in zip(found.items(), (8, 12), strict=True)
    }


def more_images(scale: Scale) -> dict[str, Any]:
    """Time and memory of 1, 2 and 4 times as many images: the last beside the first."""
    taken = growth(4 * scale.images, 64)
    first, last = taken[0], taken[-1]
    each = (last.bytes - first.bytes) / (last.images - first.images)
    linear = (last.seconds / last.images) / (first.seconds / first.images)
    return {"taken": [asdict(one) for one in taken], "bytes_an_image": each, "seconds_an_image_beside_fewest": linear}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--fewest", type=int, default=20, help="pairs of what takes seconds each")
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as every process that scores
    scale = (
        Scale(3, 1, 1, 8, 1000, asked.device) if asked.quick else Scale(20, 20, asked.fewest, 16, 2000, asked.device)
    )
    found: dict[str, dict[str, Any]] = {}
    for figure in figures(scale):
        said = asdict(figure.ratio) | {"reach": figure.reach, "reached": figure.reached}
        found.setdefault(figure.section, {})[figure.name] = said
        narrate(figure.section, figure.name, said)
    found["cca_speedup"] = similarity(scale)
    for name, said in found["cca_speedup"].items():
        narrate("cca_speedup", name, said)
    found["more_images"] = more_images(scale)
    print("more images:", *(line(Taken(**one)) for one in found["more_images"]["taken"]), file=sys.stderr)
    if asked.json:
        print(json.dumps({"device": asked.device, "pairs": scale.pairs, **found}, indent=1))


def narrate(section: str, name: str, said: dict[str, Any]) -> None:
    """One line as soon as it is known."""
    interval = f"[{said['low']:.2f}, {said['high']:.2f}]"
    print(
        f"{section:24} {name:48} {said['ratio']:7.2f} {interval:16} to reach {said['reach']:5.2f}"
        + ("" if said["reached"] else "  missed"),
        file=sys.stderr,
    )


def line(taken: Taken) -> str:
    """Of so many images."""
    return f"{taken.images}: {taken.seconds:.2f} s, {taken.bytes / 1e6:.0f} MB;"


if __name__ == "__main__":
    main()
