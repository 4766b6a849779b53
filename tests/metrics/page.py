"""docs/metrics.md: what every metric is, what it is held against, and where a peer differs.

Remake it with `python -m tests.metrics.page > docs/metrics.md`; a test holds the page against this.
"""

from __future__ import annotations

import copy
import inspect
import sys
import textwrap
from collections.abc import Callable, Sequence
from functools import cache
from math import isinf

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tests.metrics.cases import evidence, small_cnn
from tests.metrics.definitions import DEFINITIONS
from tests.metrics.differences import DIFFERENCES
from tests.metrics.peers import PEERS, WITHIN
from xraybench import registry
from xraybench.leaderboard.verdicts import BOUND
from xraybench.metrics.quantus_peer import NOT_OFFERED
from xraybench.metrics.srg import TAU
from xraybench.spec import Evidence

Model = Callable[[], nn.Module]
INTRODUCTION = """# Metrics

Made by `python -m tests.metrics.page`. Names, parameters and prices are in [reference.md](reference.md).

## What they are

Of maps a [H,W] of images x with the target logit f. NaN, and out of every mean, where a metric is undefined: all but
`cost` are, of a map that is not finite. Localisation has two rules of its own: a blank map (all values equal) points
nowhere and scores 0, whatever ties would give it otherwise (`energy-on`, which is descriptive, keeps out of this), and
so does `twin-localisation` of maps whose difference is blank; where the region is empty or the whole image, there is
nothing to find: NaN.
"""
READING = f"""## How some are read

**The floor of insertion, deletion and srg** is the row `random` of every board. Its maps are uniform noise from each
image's seed, so its curves are those of the pixels in an order drawn at random: of the same images, by the same imputer
and steps, measured once a model and marked beside every explainer.

**srg, normalised**, stands on an explainer's page: mean srg / mean |f(x) - f(imputed)|, for comparing models whose
logits have different spreads. It is a ratio of means over the same images, never a mean of ratios; images whose logit
changes by less than {TAU:g} in its own units are in neither mean, and their share is given, the same for all maps.

**mprt has a verdict** on an explainer's page, from its last stage, at which all layers are drawn anew: where the 95 %
interval over patients of the mean similarity lies above {BOUND:g} the method fails, where it lies below it passes, else
nothing is decided, as under 30 patients. The test's papers name no bound; this one is a correlation that Cohen (1988)
calls medium. It is given for signed maps and for absolute ones (`mprt(absolute=true)`): a map that only turns its sign
fails the second. To pass is no merit, since noise passes, so nobody is ranked by it.
"""
AGREEMENT = """## What they are held against

Every metric against its definition, computed image by image by something else than the metric's own code, on a small
network with random weights and on the same one trained, both in double precision; and, in single precision, against
other libraries where their definition is ours. The figure bounds the largest difference over images, relative to scores
above 1: 1e-12 is what double precision leaves, 1e-5 what single precision leaves, or the solver of `road`.
"""
PEER = f"""`quantus:NAME` runs its own metric as it is; refused, with the reason, are {", ".join(NOT_OFFERED)}.
Scores depend on which images are scored together, where it draws (one random stream for the set) or where a map's scale
counts (normalised over the set). It also seeds numpy and torch globally (RandomLogit, MPRT; their state is put back
here), holds on to every model it has seen, and aborts on blank maps (NaN here). Figures are of the two networks above,
six images each, or thirty."""
DIFFERENT = f"## Where Quantus 0.6.0 differs\n\n{textwrap.fill(PEER, 120, break_on_hyphens=False)}\n"


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            INTRODUCTION,
            *described(),
            "",
            READING,
            AGREEMENT,
            *agreement(),
            "",
            *peers(),
            "",
            DIFFERENT,
            *differing(),
            "",
        ]
    )


def described() -> list[str]:
    """A row a metric: family, formula, range, direction, source."""
    rows = []
    for name, made in ((name, registry.load(registry.find("metrics", name))) for name in registry.METRICS):
        metric = made()
        better = {True: "higher", False: "lower", None: "descriptive"}[metric.higher_is_better]
        low, high = metric.range
        span = f"{number(low)} to {number(high)}"
        rows.append([f"`{name}`", metric.family, summary(made), span, better, metric.reference])
    return table(["metric", "family", "formula", "range", "better", "source"], rows)


def agreement() -> list[str]:
    """A row a metric: what it was held against, and how far they are apart."""
    rows = []
    for name, definition in DEFINITIONS.items():
        found = [bound(apart(name, here), definition.within) for here in (untrained, trained)]
        rows.append([f"`{name}`", definition.against, *found])
    return table(["metric", "against", "random weights", "trained"], rows)


def peers() -> list[str]:
    """A row a peer's metric."""
    rows = []
    for peer in PEERS:
        found = [bound(difference(*peer.both(evidence(model=model()))), WITHIN) for model in (untrained, trained)]
        rows.append([f"`{peer.metric}`", peer.against, *found])
    return table(["metric", "peer", "random weights", "trained"], rows)


def differing() -> list[str]:
    """A row a difference."""
    rows = []
    for each in DIFFERENCES:
        found = [beside(*each.figures(model())) for model in (untrained, trained)]
        rows.append([each.metric, each.theirs, each.does, each.paper, each.measured, *found])
    return table(
        ["metric", "Quantus", "what it does", "the paper, and here", "measured", "random weights", "trained"], rows
    )


def apart(name: str, model: Model) -> float:
    """The largest difference of a metric and its definition, under a model."""
    definition = DEFINITIONS[name]
    metric = registry.build("metrics", registry.parse_call(name + definition.settings))
    return difference(metric(held(model)).numpy(), definition.scores(held(model)))


def held(model: Model) -> Evidence:
    """Six images under a model in double precision, with nothing computed yet."""
    return evidence(model=copy.deepcopy(model()), dtype=torch.float64)


def untrained() -> nn.Module:
    """Random weights."""
    return small_cnn()


@cache
def trained() -> nn.Module:
    """The same network, after it has learned in which third of the image it is bright."""
    model, draw = small_cnn().double(), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(80):
        images, labels = torch.randn(48, 1, 12, 12, generator=draw).double(), torch.arange(48) % 3
        for image, label in zip(images, labels.tolist(), strict=True):
            image[:, :, 4 * label : 4 * label + 4] += 1.0
        optimiser.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimiser.step()
    return model.float().requires_grad_(True)


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest, relative to values above 1."""
    return float((np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1)).max())


def bound(value: float, most: float) -> str:
    """That a difference stays under what its arithmetic leaves (the digits below are a machine's own), or where not."""
    return f"< {short(most)}" if value < most else f"{value:.0e}"


def short(value: float) -> str:
    """A power of ten."""
    return np.format_float_scientific(value, trim="-", exp_digits=1)


def beside(there: float, here: float) -> str:
    """Two figures to two digits, and thousandths at the finest."""
    one, other = (f"{float(f'{round(value, 3):.2g}'):g}" for value in (there, here))
    return f"{one} there, {other} here"


def number(value: float) -> str:
    """An end of a range."""
    return ("-" if value < 0 else "") + "infinity" if isinf(value) else f"{value:g}"


def summary(made: type) -> str:
    """The first paragraph of the docstring, on one line."""
    return " ".join((inspect.getdoc(made) or "").split("\n\n")[0].split())


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of Markdown."""
    escaped = ([cell.replace("|", "\\|") for cell in cells] for cells in (header, ["---"] * len(header), *rows))
    return [f"| {' | '.join(cells)} |" for cells in escaped]


if __name__ == "__main__":
    sys.stdout.write(page())
