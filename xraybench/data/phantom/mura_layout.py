"""The mura family on disk, in the layout of MURA v1.1: studies in folders, four tables without header, 8-bit PNG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from xraybench.data.phantom.limb import Radiograph
from xraybench.data.phantom.mura import legend_of, radiograph
from xraybench.data.phantom.studies import Clinic, Visit, images

ROOT = "MURA-v1.1"
SPLITS = {"train": "train", "valid": "test"}  # MURA's name -> the source's: the official valid is the test set here
VALID_SHARE = 0.2
MASKS = ("finding", "difference", "text", "frame", "hardware")
MURA_BESIDE = """\
  masks/<stem>_<region>.png   finding, difference, text, frame, hardware (0 or 255); stem: patient_study_image
  twins/<stem>.png            the same radiograph without its finding (abnormal studies only)
  cases.csv                   image_id of phantom-mura, part, kind and grade of each image
Images are cropped to what the collimator shows; every third one is stored as RGB.
"""


def write_mura(n: int, size: int, seed: int, out: Path, progress: Callable[[int, int], None]) -> None:
    """Studies as MURA v1.1, a fifth of the images in its valid split (one of two); masks and twins in phantom/."""
    for folder in ("masks", "twins"):
        (out / "phantom" / folder).mkdir(parents=True)
    valid = round(n * VALID_SHARE) or int(n > 1)
    counts = {"train": n - valid, "valid": valid}
    cases, done, first = [], 0, 1
    for name, split in SPLITS.items():
        shown = list(images(Clinic(seed=seed), split, counts[name]))
        for visit, view in shown:
            cases.append(_write(visit, view, size, out, name, first))
            done += 1
            progress(done, n)
        first += 1 + max((visit.patient for visit, _ in shown), default=-1)
        _tables(out / ROOT, name, [case["path"] for case in cases if case["path"].split("/")[1] == name])
    pd.DataFrame(cases).to_csv(out / "phantom/cases.csv", index=False)


def native(drawn: Radiograph) -> tuple[slice, slice]:
    """Rows and columns that a clinic would keep: those of the collimated field."""
    shown = drawn.frame.inside(*drawn.view.film) > 0
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _write(visit: Visit, view: int, size: int, out: Path, name: str, first: int) -> dict[str, str]:
    """Files of one image; its row of cases.csv."""
    patient, positive = f"patient{visit.patient + first:05d}", "positive" if visit.abnormal else "negative"
    study = f"{ROOT}/{name}/XR_{visit.part.upper()}/{patient}/study{visit.study}_{positive}"
    stem = f"{patient}_study{visit.study}_image{view + 1}"
    drawn = radiograph(visit, view, size)
    kept, path = native(drawn), f"{study}/image{view + 1}.png"
    (out / study).mkdir(parents=True, exist_ok=True)
    _save(drawn.image()[kept], out / path, colour=visit.seed % 3 == 0)
    twin = drawn.twin()
    if twin is not None:
        _save(twin[kept], out / f"phantom/twins/{stem}.png")
    for region, mask in drawn.regions().items():
        if region in MASKS:
            Image.fromarray(mask[kept].astype(np.uint8) * 255).save(out / f"phantom/masks/{stem}_{region}.png")
    return {
        "path": path, "stem": stem, "image_id": f"mura-{visit.split}-{visit.patient:06d}-{visit.study}-{view + 1}",
        "body_part": visit.part, "view": visit.projections[view], "finding_kind": visit.kind, "grade": visit.grade,
        "legend": legend_of(visit, view), "look_alike": ", ".join(visit.look_alikes) or "none",
    }  # fmt: skip


def _save(image: np.ndarray, path: Path, colour: bool = False) -> None:
    """An image of k/255 as 8-bit PNG, grey or RGB: read back bit for bit."""
    picture = Image.fromarray(np.round(image * 255).astype(np.uint8))
    (picture.convert("RGB") if colour else picture).save(path)


def _tables(root: Path, name: str, paths: list[str]) -> None:
    """<name>_image_paths.csv and <name>_labeled_studies.csv, without header, as MURA has them."""
    studies = list(dict.fromkeys(path.rsplit("/", 1)[0] + "/" for path in paths))
    root.mkdir(parents=True, exist_ok=True)
    (root / f"{name}_image_paths.csv").write_text("".join(f"{path}\n" for path in paths), "ascii")
    labels = "".join(f"{study},{int(study.endswith('_positive/'))}\n" for study in studies)
    (root / f"{name}_labeled_studies.csv").write_text(labels, "ascii")
