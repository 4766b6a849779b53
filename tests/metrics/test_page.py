"""docs/metrics.md has a row for every metric, and its figures are found again."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.metrics.cases import evidence
from tests.metrics.definitions import DEFINITIONS
from tests.metrics.differences import DIFFERENCES
from tests.metrics.page import (
    DIFFERENT,
    INTRODUCTION,
    READING,
    apart,
    bound,
    described,
    difference,
    differing,
    trained,
    untrained,
)
from tests.metrics.peers import PEERS, WITHIN
from xraybench import registry

PAGE = (Path(__file__).parents[2] / "docs/metrics.md").read_text()
REMAKE = "remake it: python -m tests.metrics.page > docs/metrics.md"
MODELS = {"random weights": untrained, "trained": trained}


@cache
def figures(heading: str) -> dict[tuple[str, str], dict[str, str]]:
    """(metric, held against) -> column -> the bound stated, of the table whose second column is headed so."""
    block = next(
        block for block in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE) if f"| metric | {heading} |" in block
    )
    rows = [[cell.strip(" `") for cell in line.strip("|\n").split("|")] for line in block.splitlines()[2:]]
    return {(row[0], row[1]): dict(zip(MODELS, row[2:], strict=True)) for row in rows}


def test_every_metric_has_a_row_as_the_registry_describes_it():
    assert "\n".join(described()) in PAGE, REMAKE
    assert [name for name, _ in figures("against")] == list(registry.METRICS) == list(DEFINITIONS)
    assert list(figures("peer")) == [(peer.metric, peer.against) for peer in PEERS]


def test_it_says_how_some_are_read_and_what_the_peer_does():
    assert all(text in PAGE for text in (INTRODUCTION, READING, DIFFERENT)), REMAKE


def test_every_source_says_where_in_it():
    for name in registry.METRICS:
        source = registry.load(registry.find("metrics", name)).reference
        assert "(" in source.replace("(in)fidelity", "") or source.startswith(("xraybench", "counted")), source


def test_what_the_peer_does_otherwise_is_as_the_page_says():
    assert "\n".join(differing()) in PAGE, REMAKE


each_model = pytest.mark.parametrize("column", MODELS)


@each_model
@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_metric_is_its_definition(name, column):
    definition = DEFINITIONS[name]
    assert apart(name, MODELS[column]) < definition.within
    assert figures("against")[name, definition.against][column] == bound(0, definition.within), REMAKE


@each_model
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.against)
def test_a_peer_agrees(peer, column):
    assert difference(*peer.both(evidence(model=MODELS[column]()))) < WITHIN
    assert figures("peer")[peer.metric, peer.against][column] == bound(0, WITHIN), REMAKE


@each_model
@pytest.mark.parametrize("each", DIFFERENCES, ids=lambda each: each.theirs)
def test_the_peer_differs(each, column):
    there, here = each.figures(MODELS[column]())
    assert abs(there - here) > 0.05 * max(abs(there), abs(here))
