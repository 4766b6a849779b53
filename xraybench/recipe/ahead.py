"""Batches made ahead of the step that takes them, so that a GPU does not wait for the disk."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")
BATCHES = 3


def ahead(made: Iterator[T], count: int = BATCHES) -> Iterator[T]:
    """The same in the same order, up to `count` of them made by another thread beforehand; its error is raised here."""
    waiting: Queue[tuple[T | None, BaseException | None]] = Queue(count)
    stopped = Event()

    def make() -> None:
        try:
            for one in made:
                waiting.put((one, None))
                if stopped.is_set():
                    return
            waiting.put((None, StopIteration()))
        except BaseException as error:
            waiting.put((None, error))

    thread = Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            one, error = waiting.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield one  # type: ignore[misc]
    finally:
        stopped.set()
        while thread.is_alive():  # it may wait for room
            while not waiting.empty():
                waiting.get()
            thread.join(timeout=0.01)
