"""TBX11K: 11,200 chest radiographs, healthy, sick and with tuberculosis, with boxes (Liu et al. 2020)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xraybench.data.masks import Shape, from_boxes
from xraybench.data.radiograph import read_shape
from xraybench.data.sources._files import need
from xraybench.data.sources._folder import FolderSource
from xraybench.data.splits import cut_by_patient
from xraybench.errors import DataError
from xraybench.spec import About, MetricNeeds

PARTS = {"train": "TBX11K_train.json", "val": "TBX11K_val.json"}
GROUPS = ("health", "sick", "tb")  # folders of imgs/
CATEGORIES = {1: "ActiveTuberculosis", 2: "ObsoletePulmonaryTuberculosis", 3: "PulmonaryTuberculosis"}
NINE_TO_ONE = {"train": 0.9, "validation": 0.1}
CURE = "take the official TBX11K_*.json, unchanged (not all_*.json, which list other data sets' images, too)"
Box = tuple[float, ...]  # x, y, width, height


@dataclass(frozen=True)
class Listed:
    """One image of a COCO file: its size there, and its boxes by category."""

    shape: Shape
    boxes: Mapping[str, list[Box]]


class Tbx11k(FolderSource):
    """Chest radiographs: label `tb` (with `sick`, and the kinds of tuberculosis); boxes of tuberculosis.

    The official val is the test set, as the labels of the official test images are held back; validation is cut from
    train. `imgs/extra`, which holds Montgomery's and Shenzhen's images among others, is left out.
    """

    name: ClassVar[str] = "tbx11k"
    redistributable: ClassVar[bool] = False
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    about: ClassVar[About] = About(
        title="TBX11K",
        licence="stated contradictorily by its publishers: treated as not to be passed on",
        citation="Liu et al., Rethinking Computer-aided Tuberculosis Diagnosis, CVPR (2020)",
        obtain="github.com/yun-liu/Tuberculosis",
        official={"train images": 6600, "val images": 1800},
    )

    def tables(self) -> list[Path]:
        """The annotations of train and val."""
        return [self._annotations(part) for part in PARTS]

    def listed(self) -> pd.DataFrame:
        """One row an image of train and val. The set names no patients: each image counts as one."""
        index = pd.concat([self._part(part) for part in PARTS], ignore_index=True)
        train = index[index["official"] == "train"]
        stratum = train["tb"] + 2 * train["sick"]
        cut = cut_by_patient(train["patient_id"], stratum, self.settings.split_seed, NINE_TO_ONE)
        index["split"] = cut.reindex(index.index, fill_value="test")
        return index

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """`finding` and `finding:<category>`; nothing where there is no box (some kinds of tuberculosis have none)."""
        listed = _listed(self._annotations(str(row["official"])))[f"{row['group']}/{row['image_id']}.png"]
        if not listed.boxes:
            return {}
        shape = read_shape(self.path(row))
        found = {f"finding:{name}": from_boxes(boxes, shape, listed.shape) for name, boxes in listed.boxes.items()}
        return {"finding": np.logical_or.reduce(list(found.values())), **found}

    def _base(self) -> str:
        return "TBX11K/" if (self.root / "TBX11K").is_dir() else ""

    def _annotations(self, part: str) -> Path:
        return need(self.root, f"{self._base()}annotations", "json", PARTS[part], obtain=self.about.obtain)

    def _part(self, part: str) -> pd.DataFrame:
        listed = _listed(self._annotations(part))
        group = pd.Series([name.partition("/")[0] for name in listed], dtype=str)
        stem = [Path(name).stem for name in listed]
        kinds = {name: [int(name in image.boxes) for image in listed.values()] for name in CATEGORIES.values()}
        return pd.DataFrame(
            {
                "image_id": stem,
                "patient_id": stem,
                "study_id": stem,
                "path": [f"{self._base()}imgs/{name}" for name in listed],
                "split": "",
                "view": "",
                "site": "",
                "tb": (group == "tb").astype(int),
                "sick": (group == "sick").astype(int),
                **kinds,
                "group": group,
                "official": part,
            }
        )


@lru_cache(maxsize=4)
def _listed(path: Path) -> dict[str, Listed]:
    """File name below imgs/ -> what a COCO file says of it."""
    try:
        content = json.loads(path.read_text("utf-8"))
        names = {image["id"]: str(image["file_name"]) for image in content["images"]}
        shapes = {image["id"]: (int(image["height"]), int(image["width"])) for image in content["images"]}
        boxes: dict[str, dict[str, list[Box]]] = {name: {} for name in names.values()}
        for one in content["annotations"]:
            x, y, width, height = map(float, one["bbox"])
            boxes[names[one["image_id"]]].setdefault(CATEGORIES[one["category_id"]], []).append((x, y, width, height))
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: is not the COCO file it should be: {error!r}", CURE) from error
    for name in boxes:
        if name.partition("/")[0] not in GROUPS or name.count("/") != 1 or not name.endswith(".png"):
            raise DataError(f"{path}: lists {name!r}, which is not in {', '.join(GROUPS)}", CURE)
    return {name: Listed(shapes[number], boxes[name]) for number, name in names.items()}
