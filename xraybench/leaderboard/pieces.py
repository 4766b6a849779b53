"""What all pages are made with: names as addresses, drawings as markup."""

from __future__ import annotations

import re
from collections.abc import Callable

from markupsafe import Markup


def slug(name: str) -> str:
    """A name as part of an address: `rise(masks=500)` becomes `rise-masks-500`."""
    return re.sub(r"[^a-z0-9.+]+", "-", name.lower()).strip("-")


def drawn(function: Callable[..., str]) -> Callable[..., Markup]:
    """A function that gives SVG, marked as such for the template."""
    return lambda *arguments: Markup(function(*arguments))
