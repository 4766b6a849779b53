"""An index of CheXpert's size, 223,414 rows of train.csv: `pytest benchmarks/bench_chexpert_index.py`.

Aims: under 3 s and, as the peak of a process that does nothing else, under 1 GiB (printed).
"""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from xraybench.data.sources._folder import _index
from xraybench.data.sources.chexpert import LABELS, Chexpert

ROWS = 223_414
PEAK = """
import resource, sys
from pathlib import Path
from xraybench.data.sources.chexpert import Chexpert
source = Chexpert(Path(sys.argv[1]), {})
source.index(), source.identity()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """train.csv and valid.csv like CheXpert's: some 3.5 images a patient, most observations blank, some uncertain."""
    folder, generator = tmp_path_factory.mktemp("CheXpert-v1.0-small"), np.random.default_rng(0)
    patients = np.sort(generator.integers(1, 64541, ROWS))
    table("train", patients, generator).to_csv(folder / "train.csv", index=False)
    table("valid", np.arange(64541, 64741), generator).to_csv(folder / "valid.csv", index=False)
    return folder


def table(part, patients, generator):
    views = pd.Series(patients).groupby(patients).cumcount() + 1
    rows = zip(patients, views, generator.choice(["frontal", "lateral"], len(patients), p=[0.85, 0.15]), strict=True)
    path = [f"CheXpert-v1.0-small/{part}/patient{who:05d}/study1/view{view}_{plane}.jpg" for who, view, plane in rows]
    said = {"Sex": "Female", "Age": generator.integers(18, 91, len(path)), "Frontal/Lateral": "Frontal", "AP/PA": "AP"}
    labels = {label: generator.choice([1, 0, -1, np.nan], len(path), p=[0.2, 0.08, 0.07, 0.65]) for label in LABELS}
    return pd.DataFrame({"Path": path, **said, **labels})


def test_index(benchmark, folder):
    index = benchmark.pedantic(Chexpert(folder, {}).index, setup=_index.cache_clear, rounds=3)
    assert len(index) == ROWS + 200


def test_identity_after_the_index(benchmark, folder):
    source = Chexpert(folder, {})
    source.index()
    benchmark.pedantic(source.identity, rounds=3)


def test_peak_memory(folder, capsys):
    done = subprocess.run([sys.executable, "-c", PEAK, str(folder)], capture_output=True, text=True, check=True)
    with capsys.disabled():
        print(f"\npeak memory of index and identity: {float(done.stdout):.2f} GiB")
