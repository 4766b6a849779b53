"""docs/metrics.md has a row for every metric, and its figures are found again."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.metrics.cases import evidence
from tests.metrics.definitions import DEFINITIONS
from tests.metrics.differences import DIFFERENCES
from tests.metrics.page import apart, bound, described, difference, differing, trained, untrained
from tests.metrics.peers import PEERS
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


def test_what_the_peer_does_otherwise_is_shown_as_the_page_says():
    assert "\n".join(differing()) in PAGE, REMAKE
    assert sum(each.shown is not None for each in DIFFERENCES) >= 4


each_model = pytest.mark.parametrize("column", MODELS)


@each_model
@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_metric_is_its_definition(name, column):
    assert bound(apart(name, MODELS[column])) == figures("against")[name, DEFINITIONS[name].against][column], REMAKE


@each_model
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.against)
def test_a_peer_agrees(peer, column):
    found = difference(*peer.both(evidence(model=MODELS[column]())))
    assert bound(found) == figures("peer")[peer.metric, peer.against][column], REMAKE
