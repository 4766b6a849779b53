"""Jobs in this very process: in order, an error as its job's result, whatever it is; nothing goes on after Ctrl-C."""

import os

import pytest

from xraybench.executors.inline import InlineExecutor
from xraybench.workshop import Engine


def work(job, report):
    report("halves", job, 4)
    if job == 2:
        raise KeyError("no two")
    if job == 3:
        raise KeyboardInterrupt
    return os.getpid(), job / 2


def test_jobs_are_done_here_one_after_another_and_one_that_fails_stops_no_other():
    heard = []
    with InlineExecutor(lambda *event: heard.append(event)) as executor:
        (one, first), (two, second), (four, third) = executor.map(work, [1, 2, 4])
    assert (one, two, four) == (1, 2, 4)
    assert (first, third) == ((os.getpid(), 0.5), (os.getpid(), 2.0))
    assert isinstance(second, KeyError)
    assert heard == [("halves", 1, 4), ("halves", 2, 4), ("halves", 4, 4)]


def test_ctrl_c_ends_it():
    with pytest.raises(KeyboardInterrupt):
        list(InlineExecutor(lambda *event: None).map(work, [3, 1]))


def test_no_worker_is_this_process_alone():
    assert isinstance(Engine("cpu", 0).executor(lambda *event: None), InlineExecutor)
    assert (Engine("cpu", 0).count, Engine("cpu", 3).count) == (1, 3)
    assert Engine("cpu").count == len(os.sched_getaffinity(0))
