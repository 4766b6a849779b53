"""Numbers as boards hold and print them: rounded, so that a page is the same whichever machine summed the scores."""

from __future__ import annotations

import math

SIGNIFICANT = 6


def rounded(value: float | None) -> float | None:
    """Six significant digits; None for None, NaN and infinities (JSON has none of them)."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{SIGNIFICANT}g}")


def number(value: float | None, *beside: float | None) -> str:
    """A score as tables print it: as many decimals as the largest of it and the numbers printed beside it needs."""
    if value is None:
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = max(abs(known) for known in (value, *beside) if known is not None and math.isfinite(known))
    if size and (size < 0.001 or size >= 1e6):
        return f"{value:.1e}"
    decimals = next((places for limit, places in ((100, 0), (0.02, 2), (0.002, 3)) if size >= limit), 4 if size else 2)
    return f"{round(value, decimals) + 0.0:,.{decimals}f}"


def span(mean: float | None, low: float | None, high: float | None) -> str:
    """`0.38, 0.47`; empty without an interval, or where it has no width."""
    if low is None or high is None or low == high == mean:
        return ""
    return f"{number(low, mean, high)}, {number(high, mean, low)}"


def amount(value: float) -> str:
    """A price as tables print it: three digits, and no decimals from a hundred on."""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """`61 s`, `21 min` from two minutes on, `3.4 h` from two hours on."""
    limits = ((7200, 3600, "h"), (120, 60, "min"), (0, 1, "s"))
    size, name = next((size, name) for limit, size, name in limits if seconds >= limit)
    return f"{seconds / size:.{0 if seconds >= 10 * size else 1}f} {name}"


def letters(group: int | None) -> str:
    """Tie group 1 is a, 2 is b, ... 27 is aa; empty for None."""
    text = ""
    while group:
        group, place = divmod(group - 1, 26)
        text = chr(ord("a") + place) + text
    return text
