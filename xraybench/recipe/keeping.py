"""Which epoch's weights a stage keeps, by what was measured after each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from xraybench.tasks import Stage


def merit(stage: Stage, entry: Mapping[str, float]) -> float:
    """What the kept epoch is chosen by, where it is not the last: less is better."""
    if stage.keep == "best-loss":
        return entry["validation_loss"]
    if stage.keep == "best-auc":
        return -entry["validation_auc"]
    return abs(entry["train_accuracy"] - entry["validation_accuracy"])


def kept_epoch(stage: Stage, history: Sequence[Mapping[str, float | None]]) -> int | None:
    """The epoch, counted from 1, whose weights were kept; of equally good ones the later; None without a history.

    Where nothing that it is chosen by was ever finite, the last epoch's weights stay.
    """
    kept, least = len(history) or None, math.inf
    if stage.keep == "last":
        return kept
    for epoch, entry in enumerate(history, start=1):
        value = merit(stage, {name: math.nan if found is None else found for name, found in entry.items()})
        if value <= least:
            kept, least = epoch, value
    return kept
