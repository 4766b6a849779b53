"""CheXlocalize: radiologists' segmentations beside CheXpert's validation and test sets (Saporta et al. 2022).

Read are the JSON files of segmentations and of the human benchmark's points. The heat maps of that repository are
pickles, which run code when they are read: no reader here opens them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from xraybench.data.masks import Mask, Shape, from_rle, resized
from xraybench.errors import DataError

TASKS = {  # task of the JSON files -> label of CheXpert's tables
    "Enlarged Cardiomediastinum": "Enlarged Cardiomediastinum",
    "Cardiomegaly": "Cardiomegaly",
    "Lung Lesion": "Lung Lesion",
    "Airspace Opacity": "Lung Opacity",
    "Edema": "Edema",
    "Consolidation": "Consolidation",
    "Atelectasis": "Atelectasis",
    "Pneumothorax": "Pneumothorax",
    "Pleural Effusion": "Pleural Effusion",
    "Support Devices": "Support Devices",
}
TRUTH = {"valid": "gt_segmentations_val.json", "test": "gt_segmentations_test.json"}
HUMAN, POINTS = "hb_segmentations_test.json", "hb_salient_pt_test.json"
NO_HUMAN = "patient65145"  # this patient was not read by the human benchmark
Point = tuple[float, float]  # x, y


@dataclass(frozen=True)
class Chexlocalize:
    """The folder with the JSON files; any of them may be missing."""

    folder: Path

    def files(self) -> list[Path]:
        """The files that are read, of those that are there."""
        return [path for name in (*TRUTH.values(), HUMAN, POINTS) if (path := self.folder / name).is_file()]

    def has_human(self) -> bool:
        """Whether the human benchmark's segmentations are there."""
        return (self.folder / HUMAN).is_file()

    def truth(self, subset: str, image_id: str, shape: Shape) -> dict[str, Mask]:
        """Label -> mask, for all ten labels; an image without a key has none of them. {} where there is no such file.

        subset: "valid", "test" or "train", of which only the first two were segmented.
        """
        path = self.folder / TRUTH.get(subset, "")
        return _masks(path, image_id, shape) if path.is_file() else {}

    def human(self, image_id: str, shape: Shape) -> dict[str, Mask] | None:
        """The same, as the radiologists of the human benchmark drew it on the test set; None where they did not."""
        path = self.folder / HUMAN
        if not path.is_file() or image_id.startswith(f"{NO_HUMAN}_"):
            return None
        return _masks(path, image_id, shape)

    def points(self, image_id: str, shape: Shape) -> dict[str, list[Point]] | None:
        """Label -> the human benchmark's most representative points (x, y), in pixels of an image of that shape."""
        path = self.folder / POINTS
        if not path.is_file() or image_id.startswith(f"{NO_HUMAN}_"):
            return None
        height, width = self._native(image_id) or shape
        by_x, by_y = shape[1] / width, shape[0] / height
        marked: Mapping[str, Any] = _read(path).get(image_id, {})
        return {TASKS[task]: [(x * by_x, y * by_y) for x, y in marked[task]] for task in TASKS if task in marked}

    def _native(self, image_id: str) -> Shape | None:
        """The size that an image was segmented at, from any of its segmentations."""
        for name in (HUMAN, TRUTH["test"]):
            path = self.folder / name
            for coded in _read(path).get(image_id, {}).values() if path.is_file() else ():
                return coded["size"][0], coded["size"][1]
        return None


def _masks(path: Path, image_id: str, shape: Shape) -> dict[str, Mask]:
    coded = _read(path).get(image_id, {})
    return {label: _mask(path, image_id, coded.get(task), shape) for task, label in TASKS.items()}


def _mask(path: Path, image_id: str, coded: Mapping[str, Any] | None, shape: Shape) -> Mask:
    """One segmentation, at the size of the image (which may be the small copy); no segmentation is an empty mask."""
    try:
        mask = from_rle(coded if coded is not None else {"size": list(shape), "counts": [shape[0] * shape[1]]})
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: {image_id}: is no segmentation: {error}", "take the official file") from error
    if abs(mask.shape[0] * shape[1] / (mask.shape[1] * shape[0]) - 1) > 0.01:
        raise DataError(
            f"{path}: {image_id}: the mask is {mask.shape}, its image {shape}: another picture",
            "images and segmentations of CheXpert belong together, unchanged or as the small copy",
        )
    return resized(mask, shape)


@lru_cache(maxsize=4)
def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: is not JSON: {error}", "take the official file, unchanged") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: is no table of images", "take the official file, unchanged")
    return content
