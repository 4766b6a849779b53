"""What a person sees while a run goes on: live bars on a terminal, a plain line every 30 s elsewhere. All on stderr."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

INTERVAL = 30.0  # seconds between plain lines


def _key(what: str) -> str:
    """What a thing in progress is known by: what it is at, after a dot, changes while it goes on."""
    return what.partition(" · ")[0]


@dataclass(frozen=True)
class Ongoing:
    """A thing in progress: since when it is counted, how far it was then, and how far it is."""

    what: str
    since: float
    first: int
    done: int
    total: int

    def line(self, now: float) -> str:
        """`training small-cnn: 50 %, 40 s left`."""
        seen = self.done - self.first
        left = f", {(now - self.since) * (self.total - self.done) / seen:.0f} s left" if seen else ""
        return f"{self.what}: {100 * self.done // max(self.total, 1)} %{left}"


class PlainNarrator:
    """For logs and pipes: all that is in progress, on one line every 30 seconds, and every line that stays."""

    def __init__(self, interval: float = INTERVAL) -> None:
        self._interval, self._start, self._last = interval, time.monotonic(), time.monotonic()
        self._ongoing: dict[str, Ongoing] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> PlainNarrator:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def progress(self, what: str, done: int, total: int) -> None:
        """Count `what`; all counts are printed when the last line is old enough."""
        with self._lock:
            now, key = time.monotonic(), _key(what)
            before = self._ongoing.get(key, Ongoing(what, now, done, done, total))
            self._ongoing[key] = Ongoing(what, before.since, before.first, done, total)
            if now - self._last >= self._interval:
                self._last = now
                self.say("; ".join(ongoing.line(now) for ongoing in self._ongoing.values()))
            if done >= total:
                del self._ongoing[key]

    def say(self, line: str) -> None:
        """Print a line with the time since the start."""
        sys.stderr.write(f"[{time.monotonic() - self._start:6.0f} s] {line}\n")
        sys.stderr.flush()


class LiveNarrator:
    """For terminals: one bar a thing in progress, gone when it is done."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._bars: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> LiveNarrator:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Move the bar of `what`."""
        key = _key(what)
        with self._lock:
            if key not in self._bars:
                self._bars[key] = self._progress.add_task(what, total=total)
            self._progress.update(self._bars[key], description=what, completed=done, total=total)
            if done >= total:
                self._progress.remove_task(self._bars.pop(key))

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(line, highlight=False)


class SilentNarrator:
    """For all but the first of several processes that do the same."""

    def __enter__(self) -> SilentNarrator:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def progress(self, what: str, done: int, total: int) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """Nothing."""


def narrator() -> PlainNarrator | LiveNarrator:
    """The one that fits where stderr goes."""
    console = Console(stderr=True)
    return LiveNarrator(console) if console.is_terminal else PlainNarrator()
