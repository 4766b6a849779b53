"""Plain lines say all that is in progress, how far it is and how long it will take."""

import pytest

from xraybench.narration import Ongoing, PlainNarrator


def test_time_left_is_what_the_rest_takes_at_the_same_pace():
    assert Ongoing("training", since=10, first=0, done=1, total=4).line(now=12) == "training: 25 %, 6 s left"
    assert Ongoing("training", since=10, first=0, done=0, total=4).line(now=12) == "training: 0 %"


def test_what_was_done_before_it_was_counted_says_nothing_of_the_pace():
    assert Ongoing("training", since=10, first=2, done=3, total=4).line(now=12) == "training: 75 %, 2 s left"


def test_a_line_names_everything_in_progress_and_nothing_that_is_done(capsys):
    voice = PlainNarrator(interval=0)
    voice.progress("training a", 1, 2)
    voice.progress("cells · 1 of 3", 1, 3)
    voice.progress("training a", 2, 2)
    voice.progress("cells · 2 of 3", 2, 3)
    lines = capsys.readouterr().err.splitlines()
    assert ["training a" in line for line in lines] == [True, True, True, False]
    assert "cells · 2 of 3: 66 %" in lines[-1]
    assert "cells · 1 of 3" not in lines[-1]


@pytest.mark.parametrize("done", range(4))
def test_within_the_interval_nothing_is_printed(capsys, done):
    PlainNarrator(interval=30).progress("training", done, 3)
    assert capsys.readouterr().err == ""
