"""Checkpoints of a training that goes on: one safetensors file beside one JSON file, which names it with its digest.

<folder>/checkpoint.json            everything that is not a tensor; written last, it is the commit mark
<folder>/<digest>.safetensors       the tensors; read only where the digest is the file's own
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from xraybench.errors import RecordError
from xraybench.identity import digest_file
from xraybench.results import replacing

FORMAT = 1  # of the folder
EVERY = 60.0  # seconds between checkpoints
CURE = "delete the folder that holds it: training then starts anew"


@dataclass
class Checkpoints:
    """Where a training keeps its state, and how often, in seconds."""

    folder: Path
    every: float = EVERY
    _last: float = field(default_factory=time.monotonic)
    _begun: float = field(default_factory=time.monotonic)
    _before: float = 0.0

    @property
    def seconds(self) -> float:
        """Since it was made, and up to the checkpoint that was read."""
        return self._before + time.monotonic() - self._begun

    @property
    def due(self) -> bool:
        """Whether the last one is old enough."""
        return time.monotonic() - self._last >= self.every

    def write(self, state: Any) -> None:
        """Keep nested dicts, lists and tuples of plain values and tensors, in place of what was kept before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors: dict[str, Tensor] = {}
        facts = _without_tensors(state, "", tensors)
        kept = self.folder / "new.safetensors"
        save_file(tensors, kept)
        name = digest_file(kept)
        kept = kept.rename(self.folder / f"{name}.safetensors")
        with replacing(self.folder / "checkpoint.json") as path:
            kept_with = {"format": FORMAT, "digest": name, "seconds": self.seconds, "state": facts}
            path.write_text(json.dumps(kept_with), encoding="utf-8")
        for old in set(self.folder.glob("*.safetensors")) - {kept}:
            old.unlink()
        self._last = time.monotonic()

    def read(self) -> Any | None:
        """What was kept, None where nothing was; RecordError where a file is damaged or of another version."""
        path = self.folder / "checkpoint.json"
        if not path.exists():
            return None
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            known, name, facts = stored["format"] == FORMAT, str(stored["digest"]), stored["state"]
            self._before = float(stored["seconds"])
        except (ValueError, KeyError, TypeError) as error:
            raise RecordError(f"{path}: not a checkpoint", CURE) from error
        if not known:
            raise RecordError(f"{path}: of another version of xraybench", CURE)
        return _with_tensors(facts, read_tensors(self.folder / f"{name}.safetensors", name, CURE))

    def clear(self) -> None:
        """Delete what was kept."""
        for path in [self.folder / "checkpoint.json", *self.folder.glob("*.safetensors")]:
            path.unlink(missing_ok=True)
        if self.folder.is_dir():
            self.folder.rmdir()


def read_tensors(path: Path, digest: str, cure: str) -> dict[str, Tensor]:
    """A safetensors file, if it is the one with that digest; RecordError with the cure otherwise."""
    if not path.exists():
        raise RecordError(f"{path}: missing", cure)
    if digest_file(path) != digest:
        raise RecordError(f"{path}: damaged, its digest is not the one on record", cure)
    return load_file(path)


def _without_tensors(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The value as JSON holds it: what JSON does not know is a dict of one key, "dict", "tuple" or "tensor"."""
    if isinstance(value, Tensor):
        tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(value, dict):
        pairs = [[key, _without_tensors(one, f"{name}/{key}", tensors)] for key, one in value.items()]
        return {"dict": pairs}
    if isinstance(value, list | tuple):
        ones = [_without_tensors(one, f"{name}/{number}", tensors) for number, one in enumerate(value)]
        return {"tuple": ones} if isinstance(value, tuple) else ones
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{name}: a checkpoint cannot hold {type(value).__name__}")


def _with_tensors(facts: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse."""
    if isinstance(facts, list):
        return [_with_tensors(one, tensors) for one in facts]
    if not isinstance(facts, dict):
        return facts
    ((kind, held),) = facts.items()
    if kind == "tensor":
        return tensors[held]
    if kind == "dict":
        return {key: _with_tensors(one, tensors) for key, one in held}
    return tuple(_with_tensors(one, tensors) for one in held)
