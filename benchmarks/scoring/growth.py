"""What more images take: seconds and memory of scoring 1, 2 and 4 times as many, each in a process of its own.

`python -m benchmarks.scoring.growth IMAGES SIDE` is one of them. Memory is the peak beyond what the process held
before: images, maps and masks themselves.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass

import torch

from benchmarks.scoring.case import case_of
from benchmarks.scoring.pairs import seconds_of
from xraybench import registry
from xraybench.memory import keep_freed_memory, peak_memory
from xraybench.spec import Evidence

METRICS = ("srg(steps=4)", "faithfulness-correlation(draws=4)", "pixel-auprc", "pixel-auroc", "sparseness")
BATCH = 16


@dataclass(frozen=True)
class Taken:
    """What so many images took."""

    images: int
    seconds: float
    bytes: int


def growth(images: int, side: int) -> list[Taken]:
    """Of 1, 2 and 4 times as many images."""
    command = [sys.executable, "-m", "benchmarks.scoring.growth"]
    found = []
    for factor in (1, 2, 4):
        done = subprocess.run([*command, str(factor * images), str(side)], capture_output=True, text=True, check=True)
        found.append(Taken(**json.loads(done.stdout.splitlines()[-1])))
    return found


def measure(images: int, side: int) -> Taken:
    """In this process, which should have done nothing else."""
    torch.set_num_threads(1)
    keep_freed_memory()  # as every process that scores
    _score(case_of("small-cnn", side, BATCH, "cpu", BATCH).fresh())  # what libraries take once
    evidence = case_of("small-cnn", side, images, "cpu", BATCH).fresh()
    with peak_memory(cuda=False) as peak:
        seconds, most = seconds_of(lambda: _score(evidence)), peak()
    assert most is not None, "only Linux counts a process's peak anew"
    return Taken(images, seconds, most)


def _score(evidence: Evidence) -> None:
    for name in METRICS:
        registry.build("metrics", registry.parse_call(name))(evidence)


if __name__ == "__main__":
    print(json.dumps(asdict(measure(int(sys.argv[1]), int(sys.argv[2])))))
