"""docs/explainers-and-models.md: which explainer runs on which architecture, where it gives what is known on paper, how
far relevance is conserved.

Remake it with `python -m xraybench.checks.matrix > docs/explainers-and-models.md`; a test holds the page against this.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from string import ascii_lowercase

from xraybench import registry
from xraybench.checks.closed_forms import FAILS, FORMS, REASONS, TOLERANCE, found, why
from xraybench.checks.conservation import (
    BLACK,
    CONDITIONS,
    METHODS,
    ROUNDED,
    ROUNDING,
    SUBJECTS,
    conserved,
    one_signed,
    rounding,
    share,
)
from xraybench.checks.explainer import Finding, check_explainer
from xraybench.checks.families import FAMILIES, network
from xraybench.errors import NotApplicableError

KEPT = "yes"
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

Made by `python -m xraybench.checks.matrix`, which holds every explainer against the whole contract on a small network
of every architectural family. The slow tests (tests/contract) do the same, and hold each cell against what they found.

## Which runs where

`yes`: the contract is kept; or the number of the reason for which the explainer is skipped, on boards as here.
"""
CLOSED_FORMS = f"""## Closed forms

Cases whose answer is known on paper, in float64, to {TOLERANCE:g} of a map's largest value: a linear model without
bias, else two convolutions with ReLUs, global averages and a linear layer. `holds`; `n/a`: the explainer does not apply
to that network; or the letter of the reason for which it gives another map.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([*applicability(), "", *closed_forms(), "", *conservation(), "", *folding(), ""])


@cache
def contract(explainer: str, family: str) -> tuple[Finding, ...]:
    """What the contract's check finds of an explainer on a family's network: once, for the tests and for the page."""
    built = registry.build("explainers", registry.parse_call(explainer + FEW.get(explainer, "")))
    return tuple(check_explainer(built, {family: network(family)}, FAMILIES[family].side))


def outcome(explainer: str, family: str) -> str:
    """`yes` where the whole contract is kept, else what is not, or why the explainer is skipped."""
    found = contract(explainer, family)
    broken = [f"broken: {finding.name}" for finding in found if not finding.passed]
    skipped = [re.sub(r"by \d+%", "by more than 1%", finding.skipped) for finding in found]  # as the weights would have
    return "; ".join(broken or filter(None, skipped)) or KEPT


def applicability() -> list[str]:
    """The section: which explainer keeps its contract on which family."""
    found = {name: [outcome(name, family) for family in FAMILIES] for name in registry.EXPLAINERS}
    reasons = list(dict.fromkeys(one for row in found.values() for one in row if one != KEPT))
    numbers = {KEPT: KEPT, **{text: str(number) for number, text in enumerate(reasons, start=1)}}
    rows = [[f"`{name}`", *(numbers[one] for one in row)] for name, row in found.items()]
    stands = [f"`{name}` stands for {family.models}" for name, family in FAMILIES.items() if family.models != name]
    listed = [f"{number}. {text}" for number, text in enumerate(reasons, start=1)]
    return [INTRODUCTION, *_table(["explainer", *FAMILIES], rows), "", *listed, "", "; ".join(stands) + "."]


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


def conservation() -> list[str]:
    """The section: how much of the logit arrives, rule by rule."""
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


def folding() -> list[str]:
    """The section's end: what folding BatchNorms costs in float32."""
    rows = [[f"`{name}`", *(f"{error:.1e}" for error in rounding(name))] for name in ROUNDED]
    return [ROUNDING, "", *_table(["network", "as it is", "folded"], rows)]


def _one_signed(subject: str) -> str:
    try:
        return "yes" if one_signed(subject) else "none"
    except NotApplicableError:
        return "n/a"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]


if __name__ == "__main__":
    sys.stdout.write(page())
