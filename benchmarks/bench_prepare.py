"""Preparation: `pytest benchmarks/bench_prepare.py -s`. Aims: 1k, 4k, 16k images at one cost an image and one peak.

Files are PNG of 160 x 128 pixels of noise, which hardly compresses, so that decoding costs what it does for a
radiograph of their size. Each preparation is timed in a process of its own: its peak memory is the preparation's.
"""

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xraybench.data.prepare import Recipe, prepare
from xraybench.data.sources._folder import FolderSource, Settings
from xraybench.spec import About

COUNTS = (1000, 4000, 16000)
RECIPE = Recipe(64, ["sick"], "positive", 32)
READ = 1024  # images that are read from the cache, and decoded


@dataclass(frozen=True)
class Many(Settings):
    """How many images of the folder are used."""

    count: int = 0


class Noise(FolderSource):
    """The first `count` images of a folder, a tenth of them for validation and for test."""

    name: ClassVar = "noise"
    redistributable: ClassVar = True
    Settings: ClassVar = Many
    about: ClassVar = About("Noise", "none", "nobody", "here")

    def tables(self):
        return []

    def listed(self):
        numbers = np.arange(self.settings.count)
        ids = [f"{number:06d}" for number in numbers]
        split = np.array(["train"] * 8 + ["validation", "test"])[numbers % 10]
        table = pd.DataFrame({"image_id": ids, "patient_id": ids, "study_id": ids, "split": split})
        return table.assign(path=table["image_id"] + ".png", view="PA", site="", sick=(numbers // 10) % 2)


def measured(folder: Path, count: int, out: Path) -> dict[str, float]:
    """Seconds and peak memory (MB) of preparing `count` images."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    source = Noise(folder, {"count": count})
    prepare(source, out, RECIPE, 1, lambda done, total: None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": time.perf_counter() - start, "before": before / 1024, "peak": peak / 1024}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(0)
    for number in range(max(COUNTS)):
        Image.fromarray(rng.integers(0, 256, (160, 128), np.uint8)).save(made / f"{number:06d}.png", compress_level=1)
    return made


@pytest.fixture(scope="module")
def found():
    """What each count took, filled by the benchmarks in their order."""
    return {}


@pytest.mark.parametrize("count", COUNTS)
def test_prepare(benchmark, folder, tmp_path, found, count):
    def in_a_process_of_its_own():
        line = [sys.executable, __file__, str(folder), str(count), str(tmp_path / "out")]
        found[count] = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)

    benchmark.pedantic(in_a_process_of_its_own, rounds=1)
    benchmark.extra_info.update(found[count])
    per_image, first = found[count]["seconds"] / count, found[COUNTS[0]]
    ratio, more = per_image * COUNTS[0] / first["seconds"], found[count]["peak"] - first["peak"]
    print(f"\n{count} images: {1000 * per_image:.2f} ms an image ({ratio:.2f} times that of {COUNTS[0]})")
    print(
        f"peak {found[count]['peak']:.0f} MB ({more:+.0f} MB), of it {found[count]['before']:.0f} MB before it starts"
    )


def test_cache_beside_decoding(benchmark, folder, tmp_path):
    """The same images, from the prepared arrays and from their files; the ratio is of two times taken in turn."""
    source = Noise(folder, {"count": READ})
    made = prepare(source, tmp_path / "out", RECIPE, 1, lambda done, total: None)
    rows = np.arange(READ)
    records = made.index.to_dict("records")
    times = {"cache": 0.0, "files": 0.0}
    for _ in range(3):
        for name, read in (("cache", lambda: made.grey(rows)), ("files", lambda: [*map(source.image, records)])):
            start = time.perf_counter()
            read()
            times[name] += time.perf_counter() - start
    benchmark(made.grey, rows)
    benchmark.extra_info.update(times)
    rate = 3 * READ / times["cache"]
    print(f"\ncache: {rate:,.0f} images a second, {times['files'] / times['cache']:.0f} times as fast as decoding")


if __name__ == "__main__":
    print(json.dumps(measured(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))))
