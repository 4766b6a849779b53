"""What a process does with memory that it frees, and the most that a piece of work takes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # mallopt(3)'s M_TRIM_THRESHOLD and M_MMAP_MAX
_PROCESS = Path("/proc/self")  # Linux's; other systems have none


def keep_freed_memory() -> bool:
    """Keep what is freed for the next batch, which needs as much, for the rest of this process.

    glibc gives large blocks back to the system the moment they are freed, and the next ones are blank pages again, each
    of them a fault. What keeping them brings, and that peaks stay as they are, is measured by
    benchmarks/freed_memory.py. False where the C library has no such settings.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_TRIM_THRESHOLD, -1)) and bool(mallopt(_MMAP_MAX, 0))


@contextmanager
def peak_memory(cuda: bool) -> Iterator[Callable[[], int | None]]:
    """Gives how many bytes the block takes at its peak, beyond what was held before it, asked when it ends.

    Of the GPU, or of this process, which first gives back all that it has freed. None where the system cannot count a
    process's peak anew (only Linux can).
    """
    if cuda:
        import torch

        torch.cuda.reset_peak_memory_stats()
        held = torch.cuda.memory_allocated()
        yield lambda: int(torch.cuda.max_memory_allocated()) - held
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    before = _high_water() if _counted_anew() else None
    yield lambda: None if before is None else max((_high_water() or 0) - before, 0)  # pages are added up in batches


def _counted_anew() -> bool:
    """Whether the process's high water mark of resident memory is now what it holds (proc(5), clear_refs)."""
    try:
        (_PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _high_water() -> int | None:
    """Bytes; None where the system does not say."""
    status = _PROCESS / "status"
    lines = status.read_text().splitlines() if status.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)
