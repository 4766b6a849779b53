"""Made ahead is the same in the same order; errors arrive, and whoever stops early leaves no thread behind."""

import threading
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xraybench.recipe.ahead import ahead


@given(values=st.lists(st.integers(), max_size=20), room=st.integers(1, 4))
def test_the_same_in_the_same_order(values, room):
    assert list(ahead(iter(values), room)) == values


def test_it_is_made_beforehand_and_not_further_than_said():
    made = []
    taken = ahead((made.append(number) or number for number in range(100)), 2)
    assert next(taken) == 0
    while len(made) < 4:  # one taken, two waiting, one on its way
        pass
    taken.close()
    assert len(made) <= 5


def test_an_error_arrives_after_what_was_made_before_it():
    def broken():
        yield 1
        raise OSError("no such file")

    taken = ahead(broken())
    assert next(taken) == 1
    with pytest.raises(OSError, match="no such file"):
        next(taken)


def test_who_stops_early_leaves_no_thread():
    before = threading.active_count()
    assert list(islice(ahead(count()), 5)) == [0, 1, 2, 3, 4]
    taken = ahead(count())
    next(taken)
    taken.close()
    assert threading.active_count() == before
