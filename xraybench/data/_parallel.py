"""Work on many chunks in the processes of this machine: results in order, few chunks in memory at a time."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")
AHEAD = 3  # chunks a worker that are handed out before the first of them is asked for


def stream(work: Callable[[Job], Result], jobs: Iterator[Job], workers: int) -> Generator[Result, None, None]:
    """`work(job)` for each job, in the jobs' order; jobs are drawn as they are needed."""
    if workers == 1:
        yield from map(work, jobs)
        return
    with _pool(workers) as pool:
        waiting: deque[Future[Result]] = deque(pool.submit(work, job) for job in islice(jobs, AHEAD * workers))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(work, job) for job in islice(jobs, 1))
            yield result


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end when the block ends badly, and when the main process dies."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start)
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()  # what they were working on is not marked as done, and is done again
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
