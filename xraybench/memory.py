"""What a process does with memory that it frees, and the most that a piece of work made it hold."""

from __future__ import annotations

import ctypes
import resource
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
def peak_memory(cuda: bool) -> Iterator[Callable[[], int]]:
    """Gives how many bytes the block holds at most, asked when it ends: of the GPU, or of this process, libraries and
    data included, which first gives back all that it has freed.

    Of the process since it started where the system cannot count anew (only Linux can).
    """
    if cuda:
        import torch

        torch.cuda.reset_peak_memory_stats()
        yield torch.cuda.max_memory_allocated
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    yield _high_water if _counted_anew() else lambda: 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _counted_anew() -> bool:
    """Whether the process's high water mark of resident memory is now what it holds (proc(5), clear_refs)."""
    try:
        (_PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _high_water() -> int:
    lines = (_PROCESS / "status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
