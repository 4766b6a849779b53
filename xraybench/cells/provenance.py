"""What a record says of where it was made: versions, code, hardware."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

import xraybench

LIBRARIES = ("torch", "torchvision", "captum", "zennit", "quantus", "numpy")


@cache
def versions() -> dict[str, str]:
    """Versions of Python, of the libraries that scores depend on, and of xraybench with its commit."""
    found = {"python": platform.python_version()} | {library: version(library) for library in LIBRARIES}
    return found | {"xraybench": xraybench.__version__, "commit": _commit()}


def _commit() -> str:
    """The checkout's commit, with "+dirty" where files differ from it; empty outside a checkout."""
    here = Path(xraybench.__file__).parents[1]
    if not (here / ".git").exists():
        return ""
    try:
        return _git(here, "rev-parse", "--short=12", "HEAD") + ("+dirty" if _git(here, "status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()


@cache
def hardware(device: torch.device) -> dict[str, str]:
    """The device that computed, and the machine's architecture."""
    if device.type == "cuda":
        return {"device": torch.cuda.get_device_name(device), "machine": platform.machine()}
    return {"device": "cpu", "machine": platform.machine(), "capability": torch.backends.cpu.get_cpu_capability()}
