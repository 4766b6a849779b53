"""Chest phantoms on disk, in the layout of CheXpert's small copy with CheXlocalize beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xraybench.data.phantom.chexpert_cases import LABELS, ChexpertCase, draw_chexpert, masks
from xraybench.data.phantom.tb_layout import grey, save_mask

BASE, BESIDE = "CheXpert-v1.0-small", "CheXlocalize"
TASKS = {  # label of the tables -> task of CheXlocalize's JSON files
    **{label: label for label in (
        "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Lesion", "Edema", "Consolidation", "Atelectasis",
        "Pneumothorax", "Pleural Effusion", "Support Devices")},
    "Lung Opacity": "Airspace Opacity",
}  # fmt: skip
VALID_SHARE = 5  # every fifth image belongs to the official validation set
JPEG_QUALITY = 95
CHEXPERT_BESIDE = """\
  images/<id>.png              the radiograph before it was stored as JPEG, 8-bit grey
  masks/<id>_<label>.png       what a reader would outline (0 or 255), for labels that are present
  masks/<id>_difference.png    pixels that differ from the twin's
  twins/<id>.png               the same radiograph without findings and devices (where there are any)
  cases.csv                    what is so (1 or 0 by label), grade, site, text and look-alikes of each image
"""


def write_chexpert(n: int, size: int, seed: int, out: Path, progress: Callable[[int, int], None]) -> None:
    """JPEG images, train.csv (labels as reports give them), valid.csv (as they are), segmentations of the latter."""
    for folder in ("phantom/images", "phantom/masks", "phantom/twins", BESIDE, BASE):
        (out / folder).mkdir(parents=True)
    rows: dict[str, list[dict[str, Any]]] = {"train": [], "valid": []}
    strata, segmented, annotated = [], {}, {}
    valid = n // VALID_SHARE
    for number in range(n):
        part = "train" if number < n - valid else "valid"
        case = draw_chexpert(seed, *(("train", number) if part == "train" else ("test", number - (n - valid))))
        path, image_id = _names(part, case)
        drawn = _write(case, size, path, image_id, out)
        rows[part].append(_row(path, case))
        strata.append(_strata(case, image_id))
        if part == "valid":
            segmented[image_id] = {TASKS[label]: _rle(mask) for label, mask in drawn.items() if label in TASKS}
            annotated[image_id] = _outlines(case, drawn, size)
        progress(number + 1, n)
    columns = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS]
    for part, listed in rows.items():
        pd.DataFrame(listed, columns=columns).to_csv(out / BASE / f"{part}.csv", index=False)
    (out / BESIDE / "gt_segmentations_val.json").write_text(json.dumps(segmented), "ascii")
    (out / BESIDE / "gt_annotations_val.json").write_text(json.dumps(annotated), "ascii")
    pd.DataFrame(strata).to_csv(out / "phantom/cases.csv", index=False)


def _names(part: str, case: ChexpertCase) -> tuple[str, str]:
    """The path below the base folder, and the image's name in CheXlocalize."""
    patient = f"patient{case.patient + 1 + (64540 if part == 'valid' else 0):05d}"
    return f"{part}/{patient}/study{case.study}/view1_frontal.jpg", f"{patient}_study{case.study}_view1_frontal"


def _write(case: ChexpertCase, size: int, path: str, image_id: str, out: Path) -> dict[str, np.ndarray]:
    """The files of one image; its masks by label."""
    chest = case.chest(size)
    picture, drawn, twin = grey(chest.image()), masks(case, chest), chest.twin()
    place = out / BASE / path
    place.parent.mkdir(parents=True, exist_ok=True)
    picture.save(place, quality=JPEG_QUALITY)
    picture.save(out / f"phantom/images/{image_id}.png")
    for label, mask in drawn.items():
        if mask.any():
            save_mask(mask, out / f"phantom/masks/{image_id}_{label.replace(' ', '_')}.png")
    if twin is not None:
        grey(twin).save(out / f"phantom/twins/{image_id}.png")
        save_mask(chest.regions()["difference"], out / f"phantom/masks/{image_id}_difference.png")
    return drawn


def _row(path: str, case: ChexpertCase) -> dict[str, Any]:
    """A row of train.csv or valid.csv; blank where the report says nothing."""
    subject = case.subject
    return {
        "Path": f"{BASE}/{path}",
        "Sex": "Male" if subject.male else "Female",
        "Age": int(subject.age),
        "Frontal/Lateral": "Frontal",
        "AP/PA": "AP" if subject.portable else "PA",
        **case.said,
    }


def _rle(mask: np.ndarray) -> dict[str, Any]:
    """COCO's compressed run lengths, column by column."""
    from pycocotools import mask as coco

    coded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": coded["counts"].decode("ascii")}


def _outlines(case: ChexpertCase, drawn: dict[str, np.ndarray], size: int) -> dict[str, Any]:
    """The outlines of the masks of what is present as polygons [[x, y], ...]."""
    from skimage.measure import find_contours

    outlined: dict[str, Any] = {"img_size": [size, size]}
    for label, mask in drawn.items():
        if label in TASKS and mask.any():
            lines = find_contours(np.pad(mask, 1).astype(float), 0.5)
            outlined[TASKS[label]] = [(line[:, ::-1] - 0.5).round(1).tolist() for line in lines]
    return outlined


def _strata(case: ChexpertCase, image_id: str) -> dict[str, Any]:
    subject = case.subject
    grade = case.grade if case.findings else "none"
    return {
        "image_id": image_id, **{label: int(value) for label, value in case.truth.items()}, "grade": grade,
        "site": subject.site, "text": subject.text, "look_alike": case.look_alike,
    }  # fmt: skip
