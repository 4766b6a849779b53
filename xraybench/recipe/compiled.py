"""The network as a training calls it: compiled where the recipe says so, with the weights of the plain one."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import nn

from xraybench.errors import UsageError
from xraybench.recipe.team import Team
from xraybench.tasks import Stage


@contextmanager
def compiled(model: nn.Module, stage: Stage, team: Team) -> Iterator[nn.Module]:
    """What to call instead of the model while a stage trains it; UsageError where it cannot be compiled here.

    Every size of batch has code of its own: a full batch, an epoch's last one, and their micro-batches. What was
    compiled goes when the stage ends, since torch keeps it by architecture, and no more than eight kinds of it.
    """
    if not stage.compile:
        yield model
        return
    device = next(model.parameters()).device.type
    _check_compiler(device)
    try:
        yield cast(nn.Module, torch.compile(model, dynamic=False, mode=mode(stage, team, device)))
    finally:
        torch.compiler.reset()


def mode(stage: Stage, team: Team, device: str) -> str:
    """With CUDA graphs, on a GPU, where nothing but the next forward pass writes over a step's gradients.

    A graph's gradients lie in memory that is its own: added up over micro-batches, or over processes, they would be
    overwritten before they are used (https://github.com/pytorch/pytorch/issues/169545).
    """
    graphs = device == "cuda" and team.size == 1 and stage.micro_batch is None
    return "reduce-overhead" if graphs else "default"


def _check_compiler(device: str) -> None:
    """torch compiles for a CPU with a C++ compiler, and what starts its kernels on a GPU with one of C."""
    if device == "cuda":
        what, known = "C compiler", [os.environ.get("CC"), "gcc", "clang", "cc"]
    else:
        what, known = "C++ compiler", [os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")]
    if not any(name and shutil.which(name) for name in known):
        named = " or ".join(name for name in known if name)
        raise UsageError(
            f"compile is set in a model's stage, and there is no {what} ({named})",
            f"install one, name yours in {'CC' if device == 'cuda' else 'CXX'}, or leave the key out",
        )
