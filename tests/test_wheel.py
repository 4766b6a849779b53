"""The wheel works outside the checkout: it holds the task files, the pages' templates and the command."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_tasks_are_found_without_the_checkout(unpacked, tmp_path):
    code = "import xraybench, sys; from xraybench.cli import main; sys.stderr.write(xraybench.__file__); main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "list", "tasks", "--json"],
        cwd=tmp_path, env={"PYTHONPATH": str(unpacked)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert str(unpacked) in done.stderr
    assert {"wrist", "mnist"} <= {row["name"] for row in json.loads(done.stdout)}


def test_the_wheel_holds_what_the_package_reads_and_no_tests(unpacked):
    for package_data in (ROOT / "xraybench").rglob("*"):
        if package_data.is_file() and package_data.suffix not in (".pyc",):
            assert (unpacked / package_data.relative_to(ROOT)).exists(), package_data.name
    assert {path.name for path in (unpacked / "xraybench" / "_tasks").iterdir()} >= {"wrist.toml", "mnist.toml"}
    assert not (unpacked / "tests").exists()
