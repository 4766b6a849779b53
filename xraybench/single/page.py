"""One self-contained page of all radiographs that were explained together; maps can be taken off and put on again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xraybench.leaderboard.overlays import Picture, colours, legend, outline, picture
from xraybench.leaderboard.pages import environment
from xraybench.results import replacing
from xraybench.single.findings import SCALING, Explained, Findings, MapOf, Target
from xraybench.single.picture import enlarged

SIDE = 256  # pixels a side of a map's layer; the browser enlarges it smoothly


@dataclass(frozen=True)
class Layer:
    """A map without the radiograph: its colours, transparent where it is zero."""

    found: MapOf
    colours: Picture


@dataclass(frozen=True)
class Section:
    """One radiograph of the page."""

    one: Explained
    grey: Picture
    outline: str
    blocks: Sequence[tuple[Target, Sequence[Layer]]]


def write_page(path: Path, findings: Findings) -> None:
    """The page; it loads nothing from elsewhere."""
    template = environment().get_template("explained.html")
    text = template.render(
        findings=findings,
        sections=[_section(one) for one in findings.images],
        scaling=SCALING,
        legends={signed: legend(signed) for signed in (True, False)},
    )
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _section(one: Explained) -> Section:
    blocks = [(target, [_layer(found) for found in target.maps]) for target in one.targets]
    return Section(one, picture(one.grey), outline(one.box), blocks)


def _layer(found: MapOf) -> Layer:
    level = np.clip(enlarged(found.values / found.scale, max(SIDE, len(found.values))), -1, 1)
    colour, opacity = colours(level, found.signed)
    pixels = np.rint(np.concatenate([colour, 255 * opacity[..., None]], axis=2)).astype(np.uint8)
    return Layer(found, picture(pixels))
