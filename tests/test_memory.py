"""Memory that is freed and used again brings no new pages; a peak is that of the work alone."""

import subprocess
import sys

import pytest

from xraybench import memory

FAULTS = """
import resource
from xraybench.memory import keep_freed_memory
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


@pytest.mark.parametrize("files", [{}, {"clear_refs": ""}, {"clear_refs": "", "status": "VmRSS: 5 kB"}])
def test_a_system_that_does_not_say_gives_no_peak(files, tmp_path, monkeypatch):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "_PROCESS", tmp_path / "process" if not files else tmp_path)
    with memory.peak_memory(cuda=False) as peak:
        assert peak() is None


PEAKS = """
from xraybench.memory import keep_freed_memory, peak_memory
keep_freed_memory()
def most(mebibytes):
    with peak_memory(cuda=False) as peak:
        bytes(bytearray(b"x") * (mebibytes << 20))
        return peak()
print(*(taken if taken is None else taken >> 20 for taken in map(most, (8, 256, 8, 128))))
"""


def test_a_peak_is_of_the_work_it_is_asked_of_whatever_came_before():
    """Beyond what the process held before it. Each block is there twice for a moment."""
    ended = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    if "None" in ended.stdout:
        pytest.skip("this system cannot count a process's peak anew")
    assert [int(taken) for taken in ended.stdout.split()] == pytest.approx([16, 512, 16, 256], abs=4)
