"""docs/explainers-and-models.md: which explainer runs on which architecture, and how far relevance is conserved.

Remake it with `python -m xraybench.checks.matrix > docs/explainers-and-models.md`; a test holds the page against this.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence

from xraybench import registry
from xraybench.checks.conservation import BLACK, CONDITIONS, METHODS, SUBJECTS, conserved, one_signed, share
from xraybench.checks.explainer import trial
from xraybench.checks.families import FAMILIES, network
from xraybench.errors import NotApplicableError

RUNS = ""
FEW: Mapping[str, str] = {  # settings under which whatever applies is quick; they have no say in whether it does
    "integrated-gradients": "(steps=8)",
    "expected-gradients": "(samples=4)",
    "smoothgrad": "(samples=4)",
    "smoothgrad-squared": "(samples=4)",
    "vargrad": "(samples=4)",
    "deepliftshap": "(baselines=2)",
    "score-cam": "(channels=16)",
    "ablation-cam": "(channels=16)",
    "rise": "(masks=40)",
    "lime": "(samples=40, segments=10)",
    "kernel-shap": "(samples=40, segments=10)",
    "feature-ablation": "(segments=10)",
}
INTRODUCTION = """# Explainers and architectures

Made by `python -m xraybench.checks.matrix`, which explains an image with every explainer on a small network of every
architectural family. Where a cell runs, the slow tests hold it against the whole contract (tests/contract).

## Which runs where

`yes`, or the number of the reason for which the explainer is skipped, on boards as here.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_applicability(), "", *_conservation(), ""])


def reason(explainer: str, family: str) -> str:
    """Why an explainer does not apply to a family's network; empty where it runs."""
    built = registry.build("explainers", registry.parse_call(explainer + FEW.get(explainer, "")))
    try:
        trial(built, network(family), FAMILIES[family].side).maps(slice(0, 1))
    except NotApplicableError as error:
        return re.sub(r"by \d+%", "by more than 1%", error.message)  # how much depends on the random weights
    return RUNS


def _applicability() -> list[str]:
    found = {name: [reason(name, family) for family in FAMILIES] for name in registry.EXPLAINERS}
    reasons = list(dict.fromkeys(one for row in found.values() for one in row if one != RUNS))
    numbers = {RUNS: "yes", **{text: str(number) for number, text in enumerate(reasons, start=1)}}
    rows = [[f"`{name}`", *(numbers[one] for one in row)] for name, row in found.items()]
    stands = [f"`{name}` stands for {family.models}" for name, family in FAMILIES.items() if family.models != name]
    listed = [f"{number}. {text}" for number, text in enumerate(reasons, start=1)]
    return [*_table(["explainer", *FAMILIES], rows), "", *listed, "", "; ".join(stands) + "."]


def _conservation() -> list[str]:
    exact = [[f"`{name}`", *(conserved(name, method) for method in METHODS), _one_signed(name)] for name in SUBJECTS]
    black = [[f"`{name}`", *(share(name, method) for method in METHODS)] for name in SUBJECTS]
    header = ["network", *METHODS]
    return [
        "## Conservation of relevance",
        "",
        CONDITIONS,
        "",
        *_table([*header, "one-signed neurons"], exact),
        "",
        BLACK,
        "",
        *_table(header, black),
    ]


def _one_signed(subject: str) -> str:
    try:
        return "yes" if one_signed(subject) else "none"
    except NotApplicableError:
        return "n/a"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]


if __name__ == "__main__":
    sys.stdout.write(page())
