"""A run small enough to be made many times: few phantoms, one epoch, three images, cheap explainers."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.here import here

TASK = """
name = "tiny"
version = 1
title = "A tiny wrist task"
description = "Everything the wrist task has, in little."
kind = "binary"
labels = ["fracture"]
sources = ["phantom-wrist"]
strata = ["grade"]

[explained]
images = "positive"

[presets.quick]
image_size = 64
explained = 6
max_image_forwards = 100_000

[presets.quick.sources.phantom-wrist]
train = 40
validation = 20
test = 40

[presets.quick.metrics]
max-sensitivity = { draws = 2, patients = 3, price_limit = 100 }

[[models]]
name = "small-cnn"
architecture = "small-cnn"
presets = ["quick"]

[[models.stages]]
epochs = 1
batch_size = 20
learning_rate = 1e-3
"""
METRICS = "relevance-mass,srg,max-sensitivity"
ARGUMENTS = ("--explainer", "gradient,grad-cam", "--metric", METRICS, "--device", "cpu")


@pytest.fixture(scope="session")
def task_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("task") / "tiny.toml"
    path.write_text(TASK)
    return path


def command(task_file: Path, out: Path, *arguments: str) -> list[str]:
    """A run in a process of its own, which starts a worker."""
    line = ["run", "--task", str(task_file), "--out", str(out), *arguments, "--workers", "1"]
    return [sys.executable, "-m", "xraybench", *line]


def run_here(task_file: Path, out: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The same in this process."""
    return here("run", "--task", str(task_file), "--out", str(out), *arguments, "--workers", "0")


def xraybench(*arguments: str, **options) -> subprocess.CompletedProcess:
    line = [sys.executable, "-m", "xraybench", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=550, **options)


@pytest.fixture(scope="session")
def finished(task_file, tmp_path_factory) -> Path:
    """The output folder of an uninterrupted run."""
    out = tmp_path_factory.mktemp("finished")
    done = run_here(task_file, out, *ARGUMENTS)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    """A copy of the finished run, to be spoilt."""
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


def run_folder(out: Path) -> Path:
    (path,) = out.glob("*/run.json")
    return path.parent


def scores_of(out: Path) -> dict[str, list[float]]:
    """Every score of a run, by cell and metric."""
    from xraybench.score_files import read_scores

    folder = run_folder(out)
    return {
        f"{path.parent.name} {label}": scores.values.tolist()
        for path in sorted(folder.glob("cells/*/scores.parquet"))
        for label, scores in read_scores(path.parent).items()
    }
