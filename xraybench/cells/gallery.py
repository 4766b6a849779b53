"""A cell's gallery: a few radiographs with their mask and map, so that pages need no data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from xraybench.cells.bench import Bench
from xraybench.results import replacing
from xraybench.score_files import ImageScores

CHOSEN_BY = ("pixel-auprc", "relevance-mass", "srg")  # the first of these that was measured says best and worst
EACH = 2


def write_gallery(desk: Bench, maps: Tensor, folder: Path, scores: Mapping[str, ImageScores]) -> None:
    """Write `gallery.npz`: the best and the worst by one metric, and randomly chosen ones (the same for all cells)."""
    chosen = next((scores[label].values for label in CHOSEN_BY if label in scores), None)
    values = np.full(len(maps), np.nan) if chosen is None else chosen
    picks = _picks(values)
    rows = np.array([row for _, row in picks])
    grey = desk.explained_grey.cpu().numpy()[rows]
    mask = desk.regions["finding"].cpu().numpy()[rows] if "finding" in desk.regions else np.zeros(grey.shape, bool)
    with replacing(folder / "gallery.npz") as path, path.open("wb") as file:
        np.savez_compressed(
            file,
            allow_pickle=False,
            image=np.round(grey * 255).astype(np.uint8),
            mask=mask,
            map=maps.cpu().numpy()[rows],
            kind=np.array([kind for kind, _ in picks]),
            image_id=desk.explained_table["image_id"].to_numpy().astype(str)[rows],
            score=values[rows],
        )


def _picks(values: NDArray[np.float64]) -> list[tuple[str, int]]:
    defined = np.flatnonzero(np.isfinite(values))
    order = defined[np.argsort(values[defined], kind="stable")]
    worst, best = order[:EACH], order[::-1][: min(EACH, max(len(order) - EACH, 0))]
    drawn = np.random.default_rng(0).choice(len(values), min(EACH, len(values)), replace=False)
    kinds = (("best", best), ("worst", worst), ("random", drawn))
    return [(kind, int(row)) for kind, rows in kinds for row in rows]
