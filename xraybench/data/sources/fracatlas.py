"""FracAtlas: 4,083 radiographs of hand, leg, hip and shoulder, 717 fractured, with polygons (Abedeen et al. 2023)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.masks import Mask, from_boxes, from_polygons
from xraybench.data.radiograph import read_shape
from xraybench.data.sources._files import check_rows, need, read_flags, read_table
from xraybench.data.sources._folder import FolderSource
from xraybench.data.splits import cut_by_patient
from xraybench.errors import DataError
from xraybench.spec import About, MetricNeeds

TABLE, COCO = "dataset.csv", "Annotations/COCO JSON/COCO_fracture_masks.json"
FOLDERS = {1: "images/Fractured", 0: "images/Non_fractured"}
PARTS, VIEWS = ("hand", "leg", "hip", "shoulder"), ("frontal", "lateral", "oblique")
NOTES = ("mixed", "hardware", "multiscan")
ERRATUM = "IMG0003298.jpg"  # fractured, though the tables of before November 2023 say 0
CURE = "take the official file, unchanged"


class FracAtlas(FolderSource):
    """Label `fracture`; body parts, hardware, several views in one picture (mixed, multiscan); outlines of fractures.

    No patient ids are published, so every image counts as its own patient: one patient's images may stand in two
    splits, and intervals are too narrow where they do. The split is 80/10/10, stratified by fracture; the official
    lists hold fractured images only, so that no test set can be made from them.
    """

    name: ClassVar[str] = "fracatlas"
    redistributable: ClassVar[bool] = True
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    about: ClassVar[About] = About(
        title="FracAtlas",
        licence="CC BY 4.0",
        citation="Abedeen et al., FracAtlas: A Dataset for Fracture Classification, Localization and Segmentation of "
        "Musculoskeletal Radiographs, Scientific Data 10:521 (2023)",
        obtain="figshare, doi 10.6084/m9.figshare.22363012",
        official={"images": 4083, "fracture=1": 717},
    )

    def tables(self) -> list[Path]:
        """dataset.csv, and the COCO file where it is there."""
        return [self._table(), *([self.root / COCO] if self.annotated() else [])]

    def annotated(self) -> bool:
        """Whether the COCO file is there."""
        return (self.root / COCO).is_file()

    def listed(self) -> pd.DataFrame:
        """One row an image of dataset.csv."""
        path = self._table()
        table = read_table(path, ("image_id", "fractured", *PARTS, *VIEWS, *NOTES), dtype=str)
        image = table["image_id"].fillna("")
        check_rows(path, ~image.str.fullmatch(r"IMG\d{7}\.jpg"), image, "is not the name of an image", CURE)
        flags = {name: _flag(path, table[name]) for name in ("fractured", *PARTS, *VIEWS, *NOTES)}
        fracture = flags["fractured"].mask(image == ERRATUM, 1)
        places = image.map(_places(self.root))
        lies_in = places.map({folder: label for label, folder in FOLDERS.items()})
        check_rows(path, lies_in.notna() & (lies_in != fracture), image, "lies in the other folder than it says", CURE)
        stem = image.str.removesuffix(".jpg")
        return pd.DataFrame(
            {
                "image_id": stem,
                "patient_id": stem,
                "study_id": stem,
                "path": places.fillna(fracture.map(FOLDERS)) + "/" + image,
                "split": cut_by_patient(stem, fracture, self.settings.split_seed),
                "view": _joined(flags, VIEWS),
                "site": "",
                "fracture": fracture,
                "body_part": _joined(flags, PARTS),
                **{name: flags[name] for name in (*PARTS, *NOTES)},
            }
        )

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """The fracture (finding): the union of its outlines, or of its boxes where it has no outline.

        Nowhere True on an image without fracture; an image with a fracture that nobody outlined has no region.
        """
        if not self.annotated():
            return {}
        path, name = self.root / COCO, f"{row['image_id']}.jpg"
        outlined = _outlined(path).get(name)
        if outlined is None:
            return {} if row["fracture"] else {"finding": np.zeros(read_shape(self.path(row)), bool)}
        shape = read_shape(self.path(row))
        if outlined.shape != shape:
            raise DataError(f"{path}: {name} is {outlined.shape} there, and {shape} as it lies here", CURE)
        return {"finding": outlined.mask()}

    def _table(self) -> Path:
        return need(self.root, TABLE, obtain=self.about.obtain)


def _flag(path: Path, column: pd.Series) -> pd.Series:
    """1 or 0; blank is neither in this set."""
    numbers = read_flags(path, column, CURE)
    check_rows(path, numbers.isna(), column, f"{column.name!r} is blank", CURE)
    return numbers.astype(int)


def _joined(flags: Mapping[str, pd.Series], names: Iterable[str]) -> pd.Series:
    """The names whose flags are 1, joined by +."""
    parts = [flags[name].map({1: f"+{name}", 0: ""}) for name in names]
    joined: pd.Series = sum(parts[1:], parts[0]).str.removeprefix("+")
    return joined


@cache
def _places(root: Path) -> dict[str, str]:
    """File name -> the folder it lies in, of the images that are there."""
    return {path.name: folder for folder in FOLDERS.values() for path in (root / folder).glob("*.jpg")}


@dataclass(frozen=True)
class _Outlined:
    """Fractures of one image as COCO gives them: polygons [x, y, x, y, ...]; boxes (x, y, w, h) of those without."""

    shape: tuple[int, int]
    polygons: tuple[tuple[float, ...], ...]
    boxes: tuple[tuple[float, ...], ...]

    def mask(self) -> Mask:
        return from_polygons(self.polygons, self.shape) | from_boxes(self.boxes, self.shape)


@lru_cache(maxsize=2)
def _outlined(path: Path) -> dict[str, _Outlined]:
    """File name -> its fractures, of the images that have any."""
    try:
        content = json.loads(path.read_text("utf-8"))
        images = {image["id"]: image for image in content["images"]}
        marked: dict[Any, list[dict[str, Any]]] = {}
        for annotation in content["annotations"]:
            marked.setdefault(annotation["image_id"], []).append(annotation)
        return {images[number]["file_name"]: _outline(images[number], found) for number, found in marked.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: is not the COCO file it should be: {error!r}", CURE) from error


def _outline(image: Mapping[str, Any], annotations: Iterable[Mapping[str, Any]]) -> _Outlined:
    polygons: list[tuple[float, ...]] = []
    boxes: list[tuple[float, ...]] = []
    for annotation in annotations:
        drawn = [tuple(map(float, polygon)) for polygon in annotation.get("segmentation") or ()]
        polygons += drawn
        boxes += [] if drawn else [tuple(map(float, annotation["bbox"]))]
    return _Outlined((int(image["height"]), int(image["width"])), tuple(polygons), tuple(boxes))
