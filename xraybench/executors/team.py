"""This process as one of several that torchrun started: all of them do every job together, one after another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TypeVar

from xraybench.memory import keep_freed_memory

Job = TypeVar("Job")
Result = TypeVar("Result")
Report = Callable[[str, int, int], None]  # what, done, total


def started_by_torchrun() -> bool:
    """Whether this process has others beside it."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def leads() -> bool:
    """Whether this process is the first, which prepares, measures and writes."""
    return os.environ.get("RANK", "0") == "0"


class TeamExecutor:
    """Does jobs in this process, in step with the others; a job that fails in one of them ends all of them."""

    def __init__(self, on_event: Report, device: str) -> None:
        self._on_event, self._device = on_event, device

    def __enter__(self) -> TeamExecutor:
        import torch

        keep_freed_memory()
        gpus = torch.cuda.device_count() if self._device != "cpu" else 0
        if gpus:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        torch.distributed.init_process_group("nccl" if gpus else "gloo")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from torch import distributed

        if kind is None:
            distributed.barrier()
        distributed.destroy_process_group()

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """The block is the first process's; the others follow when it has ended."""
        from torch import distributed

        if not leads():
            distributed.barrier()
        yield
        if leads():
            distributed.barrier()

    def map(self, work: Callable[[Job, Report], Result], jobs: Sequence[Job]) -> Iterator[tuple[Job, Result]]:
        """Each job with its result, in order."""
        for job in jobs:
            yield job, work(job, self._on_event)
