"""Memory that a computing process frees: kept for the next batch, which needs as much, not given back to the system.

glibc gives large blocks back the moment they are freed, and the next ones are blank pages again, each of them a fault.
What keeping them brings, and that peaks stay as they are, is measured by benchmarks/freed_memory.py.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # mallopt(3)'s M_TRIM_THRESHOLD and M_MMAP_MAX


def keep_freed_memory() -> bool:
    """For the rest of this process; False where its C library has no such settings."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_TRIM_THRESHOLD, -1)) and bool(mallopt(_MMAP_MAX, 0))
