"""docs/explainers-and-models.md: which explainer runs on which architecture, where it gives what is known on paper, how
far relevance is conserved.

Remake it with `python -m xraybench.checks.matrix > docs/explainers-and-models.md`; a test holds the page against this.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from string import ascii_lowercase

from xraybench import registry
from xraybench.checks.closed_forms import FAILS, FORMS, REASONS, TOLERANCE, found, why
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
    "occlusion": "(stride=0.125)",
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
CLOSED_FORMS = f"""## Closed forms

Cases whose answer is known on paper, in float64, to {TOLERANCE:g} of a map's largest value: a linear model without
bias, else two convolutions with ReLUs, global averages and a linear layer. `holds`; `n/a`: the explainer does not apply
to that network; or the letter of the reason for which it gives another map.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_applicability(), "", *closed_forms(), "", *_conservation(), ""])


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


def closed_forms() -> list[str]:
    """The section: what is known on paper, explainer by explainer."""
    letters = {reason.text: letter for letter, reason in zip(ascii_lowercase, REASONS, strict=False)}

    def cell(form: str, name: str) -> str:
        result = found(form, name + FEW.get(name, ""))
        return letters[why(form, name)] if result == FAILS else result

    rows = [[f"`{name}`", *(cell(form, name) for form in FORMS)] for name in registry.EXPLAINERS]
    forms = [f"- `{form}`: {(check.__doc__ or '').strip()}" for form, check in FORMS.items()]
    listed = [f"- {letter}: {text}" for text, letter in letters.items()]
    return [CLOSED_FORMS, *forms, "", *_table(["closed form", *FORMS], rows), "", *listed]


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
