"""The anatomy family on disk, as ImageCLEF 2009 published the IRMA radiographs: PNG and a table of codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from xraybench.data.phantom.whole_body import CLASSES, Exam, drawn, exam

FOLDER = "ImageCLEFmed2009_train.02"
TABLE = "ImageCLEFmed2009_train_codes.02.csv"
NONE = "\\N"
TECHNIQUE, SYSTEM = "1121", "700"  # plain radiography, overview; musculoskeletal
DIRECTIONS: Mapping[str, str] = {"PA": "110", "AP": "120", "internal": "120", "lateral": "210", "oblique": "400"}
ANATOMY: Mapping[str, str] = {  # IRMA's anatomy axis
    "skull": "200", "cervical_spine": "310", "lumbar_spine": "330", "finger": "411", "hand": "410", "wrist": "420",
    "forearm": "430", "elbow": "440", "humerus": "450", "shoulder": "460", "chest": "500", "abdomen": "700",
    "pelvis": "800", "foot": "910", "ankle": "920", "knee": "940",
}  # fmt: skip
ANATOMY_BESIDE = """\
  masks/<image_id>_landmark.png   the bones (and air) that define the region (0 or 255)
  cases.csv                       image_id of phantom-anatomy and class of each image
"""


def irma_code(case: Exam) -> str:
    """TTTT-DDD-AAA-BBB: technique, direction, anatomy, system."""
    return f"{TECHNIQUE}-{DIRECTIONS[case.projection]}-{ANATOMY[case.region]}-{SYSTEM}"


def write_anatomy(n: int, size: int, seed: int, out: Path, progress: Callable[[int, int], None]) -> None:
    """Regions as ImageCLEF/IRMA: 8-bit grey PNG and a table of codes; landmark masks in phantom/."""
    for folder in (FOLDER, "phantom/masks"):
        (out / folder).mkdir(parents=True)
    rows, cases = [], []
    for number in range(n):
        case = exam(CLASSES, seed, "train", number)
        made = drawn(case, size)
        pixels = np.round(made.radiograph.image() * 255).astype(np.uint8)
        Image.fromarray(pixels).save(out / FOLDER / f"{number + 1}.png")
        mask = made.regions()["landmark"].astype(np.uint8) * 255
        Image.fromarray(mask).save(out / f"phantom/masks/{number + 1}_landmark.png")
        rows.append({"image_id": number + 1, "irma_code": irma_code(case), "05_class": NONE, "06_class": NONE})
        cases.append({"stem": number + 1, "image_id": f"anatomy-train-{number:06d}", "body_part": case.region,
                      "view": case.projection, "legend": case.legend})  # fmt: skip
        progress(number + 1, n)
    pd.DataFrame(rows).to_csv(out / TABLE, index=False, sep=";")
    pd.DataFrame(cases).to_csv(out / "phantom/cases.csv", index=False)
