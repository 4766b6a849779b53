"""This process and no other: it leaves other cores and GPUs idle, but a debugger stops where it is told to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from xraybench.executors.local import Job, Report, Result, Work
from xraybench.memory import keep_freed_memory


class InlineExecutor(AbstractContextManager["InlineExecutor"]):
    """Does jobs one after another, here."""

    def __init__(self, on_event: Report) -> None:
        self._on_event = on_event

    def __enter__(self) -> InlineExecutor:
        keep_freed_memory()
        return self

    def __exit__(self, *ended: object) -> None:
        """There is nothing to end."""

    def map(self, work: Work[Job, Result], jobs: Sequence[Job]) -> Iterator[tuple[Job, Result | Exception]]:
        """Each job with its result, or with the error that ended it, in order."""
        for job in jobs:
            result: Result | Exception
            try:
                result = work(job, self._on_event)
            except Exception as error:
                result = error
            yield job, result
