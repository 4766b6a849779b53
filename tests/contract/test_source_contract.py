"""What the registry holds of every built-in source says what it is before anything is opened."""

import inspect

import pytest

from xraybench import registry
from xraybench.spec import About, opens

NAMES = [entry.name for entry in registry.entries("sources").values() if entry.origin == "built-in"]


@pytest.mark.parametrize("name", NAMES)
def test_a_source_says_what_it_is(name):
    made = registry.load(registry.find("sources", name))
    assert isinstance(made.about, About)
    assert all((made.about.title, made.about.licence, made.about.citation, made.about.obtain))
    assert all(isinstance(count, int) and count > 0 for count in made.about.official.values())
    assert isinstance(made.phantom, bool)
    assert isinstance(made.redistributable, bool)
    assert inspect.getdoc(made)


@pytest.mark.parametrize("name", NAMES)
def test_a_source_is_opened_with_a_folder_and_settings(name):
    made = registry.load(registry.find("sources", name))
    assert list(inspect.signature(made).parameters) == ["root", "settings"]


def test_a_function_becomes_one():
    class Made:
        """A source."""

        about, phantom, redistributable = About("t", "l", "c", "o"), True, False

    @opens(Made)
    def open_source(root, settings):
        return root, settings

    assert (open_source.about, open_source.phantom, open_source.redistributable) == (Made.about, True, False)
    assert inspect.getdoc(open_source) == "A source."
    assert open_source(None, {}) == (None, {})
