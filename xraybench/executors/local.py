"""Processes of this machine: one a GPU, or one a core with one thread each where there is no GPU.

One-thread workers make scores independent of the number of cores, and two of them are faster than one with two
threads. A worker that outlives the main process ends itself; whatever it was computing is not committed.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from xraybench.memory import keep_freed_memory

Job = TypeVar("Job")
Result = TypeVar("Result")
Report = Callable[[str, int, int], None]  # what, done, total
Work = Callable[[Job, Report], Result]


def gpu_count() -> int:
    """GPUs that CUDA would see, found without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([device for device in visible.split(",") if device.strip() not in ("", "-1")])
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))


def worker_count(device: str) -> int:
    """How many workers fit: one a GPU, else one a core this process may use."""
    if device != "cpu" and gpu_count():
        return gpu_count()
    return len(os.sched_getaffinity(0))


class LocalExecutor:
    """Runs jobs in worker processes; `on_event` hears what they report, from a thread of the main process."""

    def __init__(self, workers: int, gpus: bool, on_event: Report) -> None:
        self._context = get_context("spawn")
        self._events: SimpleQueue[Any] = self._context.SimpleQueue()
        devices: SimpleQueue[int] | None = self._context.SimpleQueue() if gpus else None
        for index in range(workers if devices else 0):
            devices.put(index)  # type: ignore[union-attr]
        self._pool = ProcessPoolExecutor(
            workers, mp_context=self._context, initializer=_start_worker, initargs=(self._events, devices)
        )
        self._listener = threading.Thread(target=self._listen, args=(on_event,), daemon=True)

    def __enter__(self) -> LocalExecutor:
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for process in list((self._pool._processes or {}).values()):
                process.terminate()  # what they were computing is not committed, and is done again
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._events.put(None)
        self._listener.join(timeout=5)

    def map(self, work: Work[Job, Result], jobs: Sequence[Job]) -> Iterator[tuple[Job, Result | Exception]]:
        """Each job with its result, or with the error that ended it, in the order in which they finish."""
        futures = {self._pool.submit(_call, work, job): job for job in jobs}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                yield futures[future], MemoryError("a worker process died (out of memory, or killed)")
            except Exception as error:
                yield futures[future], error

    def _listen(self, on_event: Report) -> None:
        while (event := self._events.get()) is not None:
            on_event(*event)


_worker_events: SimpleQueue[Any] | None = None  # a worker's channel to the main process, set once when it starts


def _start_worker(events: SimpleQueue[Any], devices: SimpleQueue[int] | None) -> None:
    global _worker_events
    _worker_events = events
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    os.environ["OMP_NUM_THREADS"] = "1"
    keep_freed_memory()
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(devices.get())
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(work: Work[Job, Result], job: Job) -> Result:
    return work(job, _report)


def _report(what: str, done: int, total: int) -> None:
    if _worker_events is not None:
        _worker_events.put((what, done, total))
