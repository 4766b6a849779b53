"""A process that keeps what it frees: the second of two equal blocks brings no new pages."""

import subprocess
import sys

import pytest

FAULTS = """
import resource
from xraybench.executors.freed_memory import keep_freed_memory
kept = {kept} and keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def block():
    before = faults()
    bytes(bytearray(b"x") * (64 << 20))
    return faults() - before
block()
print(kept, block())
"""


def faults_of_the_second_block(kept: bool) -> int:
    """A block is 64 MiB, and its copy as much again: 32,768 pages of 4 KiB, fewer where pages are huge."""
    ended = subprocess.run([sys.executable, "-c", FAULTS.format(kept=kept)], capture_output=True, text=True, check=True)
    told, faults = ended.stdout.split()
    if kept and told == "False":
        pytest.skip("this C library has no mallopt")
    return int(faults)


def test_freed_memory_is_used_again():
    given_back = faults_of_the_second_block(kept=False)
    if given_back < 32:
        pytest.skip("this C library keeps freed memory anyway")
    assert faults_of_the_second_block(kept=True) < given_back / 4
