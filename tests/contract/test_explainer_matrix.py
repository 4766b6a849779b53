"""Every explainer on a network of every architectural family; the page that says which runs where."""

import re
from functools import cache
from pathlib import Path

import pytest

from xraybench import registry
from xraybench.checks.conservation import (
    METHODS,
    ROUNDED,
    SUBJECTS,
    TOLERANCE,
    conserved,
    one_signed,
    rounding,
    share,
)
from xraybench.checks.explainer import same_among_many
from xraybench.checks.families import FAMILIES, network
from xraybench.checks.matrix import FEW, applicability, conservation, contract, outcome
from xraybench.errors import NotApplicableError

PAGE = Path(__file__).parents[2] / "docs/explainers-and-models.md"
REMAKE = "remake it: python -m xraybench.checks.matrix > docs/explainers-and-models.md"
SAMPLE = ("cam", "deeplift", "grad-cam", "lrp-epsilon-plus-flat", "attention-rollout")
SEEN = ("small-cnn", "densenet", "mlp", "cxr-cnn5")  # contracts of models like them are tested whole, or take long
OTHERS = [name for name in FAMILIES if name not in SEEN]


@cache
def tables() -> dict[str, dict[str, dict[str, str]]]:
    """Heading of a table's first column, then row, then column -> cell. The second of a name is `name 2`."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for block in re.findall(r"(?:^\|.*\n)+", PAGE.read_text(), re.MULTILINE):
        rows = [[cell.strip(" `") for cell in line.strip("| \n").split("|")] for line in block.splitlines()]
        before = sum(name.split(" ")[0] == rows[0][0] for name in found)
        name = f"{rows[0][0]} {before + 1}" if before else rows[0][0]
        found[name] = {row[0]: dict(zip(rows[0][1:], row[1:], strict=True)) for row in rows[2:]}
    return found


def reasons() -> dict[str, str]:
    return {"yes": "yes"} | dict(re.findall(r"^(\d+)\. (.*)$", PAGE.read_text(), re.MULTILINE))


def test_the_page_has_every_explainer_family_and_method():
    assert list(tables()["explainer"]) == list(registry.EXPLAINERS)
    assert list(tables()["explainer"]["gradient"]) == list(FAMILIES)
    assert list(tables()["network"]) == list(tables()["network 2"]) == list(SUBJECTS)
    models = set(re.findall(r"[\w-]+", " ".join(family.models for family in FAMILIES.values())))
    assert models == set(registry.MODELS)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_relevance_is_conserved_as_the_page_says(subject):
    for method in METHODS:
        assert conserved(subject, method) == tables()["network"][subject][method], method


def test_relevance_is_conserved_wherever_a_method_applies():
    """Apart from an epsilon that absorbs, shares that cancel, and those that neurons of one sign do not give."""
    no_rules = {name: set(METHODS) for name in ("efficientnet", "convnext", "vit")}
    skipped = no_rules | {"mlp": {"lrp-epsilon-plus-flat"}}
    for name, row in tables()["network"].items():
        for method in METHODS:
            if method in skipped.get(name, ()):
                assert row[method] == "n/a"
            elif method == "lrp-alpha2-beta1" and row["one-signed neurons"] == "yes":
                assert float(row[method]) > TOLERANCE
            elif method == "lrp-alpha1-beta0" and row["one-signed neurons"] == "yes":
                assert row[method] == "exact" or float(row[method]) > TOLERANCE
            elif method == "lrp-epsilon":
                assert float(row[method]) > 0.1, name
            elif method in ("lrp-z", "lrp-epsilon-gamma-box"):
                assert row[method] in ("exact", "cancels"), (name, method)
            else:
                assert row[method] == "exact", (name, method)


@pytest.mark.parametrize("subject", ["small-cnn", "vgg", "squeezenet"])
def test_one_signed_neurons_are_where_the_page_says(subject):
    assert ("yes" if one_signed(subject) else "none") == tables()["network"][subject]["one-signed neurons"]


@pytest.mark.parametrize("family", ["small-cnn", "vgg"])
def test_black_absorbs_as_the_page_says(family):
    for method in METHODS:
        stated, found = tables()["network 2"][family][method], share(family, method)
        if "cancels" in (stated, found):
            assert stated == found, method
        else:
            assert float(found) == pytest.approx(float(stated), rel=0.1, abs=0.2), method


@pytest.mark.parametrize("subject", ROUNDED)
def test_folding_costs_in_float32_what_the_page_says(subject):
    """A digit depends on the machine's kernels."""
    own, folded = rounding(subject)
    stated = tables()["network 3"][subject]
    assert own == pytest.approx(float(stated["as it is"]), rel=0.5)
    assert folded == pytest.approx(float(stated["folded"]), rel=0.5)


@pytest.mark.parametrize("family", OTHERS)
@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_keeps_every_promise_or_is_skipped_as_the_page_says(name, family):
    assert_contract(name, family)


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.EXPLAINERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_keeps_every_promise_or_is_skipped_as_the_page_says(name, family):
    assert_contract(name, family)


@pytest.mark.slow
def test_the_page_is_what_the_checks_find():
    """After the tests above, of the very findings that they looked at."""
    for section in (applicability(), conservation()):
        assert "\n".join(section) in PAGE.read_text(), REMAKE


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.EXPLAINERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_among_sixteen_is_as_if_alone(name, family):
    built = registry.build("explainers", registry.parse_call(name + FEW.get(name, "")))
    try:
        fault = same_among_many(built, network(family).double(), FAMILIES[family].side)
    except NotApplicableError as error:
        pytest.skip(error.message)
    assert not fault


def assert_contract(name: str, family: str) -> None:
    found = contract(name, family)
    assert found
    assert not [f"{finding.name}: {finding.detail}" for finding in found if not finding.passed]
    assert outcome(name, family) == reasons()[tables()["explainer"][name][family]], REMAKE
