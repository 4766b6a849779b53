"""Tuberculosis phantoms on disk, in the layouts of the Montgomery and Shenzhen sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from xraybench.data.phantom.chest import Chest
from xraybench.data.phantom.tb_cases import TbCase, TbPopulation, draw_tb

MONTGOMERY, SHENZHEN = "MontgomerySet", "ChinaSet_AllFiles"
FOLDERS = (
    f"{MONTGOMERY}/CXR_png", f"{MONTGOMERY}/ClinicalReadings", f"{MONTGOMERY}/ManualMask/leftMask",
    f"{MONTGOMERY}/ManualMask/rightMask", f"{SHENZHEN}/CXR_png", f"{SHENZHEN}/ClinicalReadings",
    f"{SHENZHEN}/Annotations-2/masks", "phantom/masks", "phantom/twins",
)  # fmt: skip
NAMES = {"infiltrate": "Infiltrate", "cavity": "Cavity", "effusion": "Pleural_Effusion", "nodules": "Nodules"}
READINGS = {
    "none": "normal",
    "infiltrate": "patchy infiltrate, suggestive of active TB",
    "cavity": "cavitary lesion with surrounding infiltrate, active TB",
    "effusion": "pleural effusion, secondary to TB",
    "nodules": "multiple nodules, TB",
}
SHENZHEN_HEADS = (
    "{sex} {age}yrs",
    "{sex}{age}yrs",
    "{sex}, {age}yrs",
    "{short} {age}yrs",
)  # the set's own irregularity
TB_BESIDE = """\
  masks/<stem>_finding.png     what a reader would outline (0 or 255)
  masks/<stem>_difference.png  pixels that differ from the twin's
  twins/<stem>.png             the same radiograph without tuberculosis (where there is tuberculosis)
  cases.csv                    finding, grade, age, site, text and look-alikes of each image
"""


def write_tb(n: int, size: int, seed: int, out: Path, progress: Callable[[int, int], None]) -> None:
    """Chests as Montgomery (site A: 8-bit grey, lung masks) and Shenzhen (site B: 8-bit RGB, masks of findings)."""
    for folder in FOLDERS:
        (out / folder).mkdir(parents=True)
    population, written, strata = TbPopulation(seed), {"A": 0, "B": 0}, []
    for number in range(n):
        case = draw_tb(population, "train", number)
        written[case.site] += 1
        stem = f"{'MCUCXR' if case.site == 'A' else 'CHNCXR'}_{written[case.site]:04d}_{int(case.tb)}"
        _write(case, case.chest(size), stem, out)
        strata.append(_strata(case, stem))
        progress(number + 1, n)
    pd.DataFrame(strata).to_csv(out / "phantom/cases.csv", index=False)
    flags = pd.DataFrame([row for row in strata if row["site"] == "B"], columns=list(strata[0]))
    _statistics(flags).to_csv(out / SHENZHEN / "Annotations-2/Statistics_ShenzhenDataset_US.csv", index=False)


def _write(case: TbCase, chest: Chest, stem: str, out: Path) -> None:
    regions, twin = chest.regions(), chest.twin()
    if case.site == "A":
        _montgomery(case, chest, stem, out / MONTGOMERY)
    else:
        _shenzhen(case, chest, regions["finding"], stem, out / SHENZHEN)
    for name in ("finding", "difference"):
        save_mask(regions[name], out / f"phantom/masks/{stem}_{name}.png")
    if twin is not None:
        grey(twin).save(out / f"phantom/twins/{stem}.png")


def _montgomery(case: TbCase, chest: Chest, stem: str, out: Path) -> None:
    grey(chest.image()).save(out / f"CXR_png/{stem}.png")
    for side, mask in zip(("left", "right"), chest.lung(), strict=True):
        save_mask(mask, out / f"ManualMask/{side}Mask/{stem}.png")
    sex = "M" if case.male else "F"
    text = f"Patient's Sex: {sex}\nPatient's Age: {case.age:03d}Y\n{READINGS[case.finding]}\n"
    (out / f"ClinicalReadings/{stem}.txt").write_text(text, "ascii")


def _shenzhen(case: TbCase, chest: Chest, finding: np.ndarray, stem: str, out: Path) -> None:
    grey(chest.image()).convert("RGB").save(out / f"CXR_png/{stem}.png")
    if case.tb:
        save_mask(finding, out / f"Annotations-2/masks/{stem}_{NAMES[case.finding]}_1.png")
    sex = "male" if case.male else "female"
    short = "male" if case.male else "femal"
    head = SHENZHEN_HEADS[case.seed % len(SHENZHEN_HEADS)].format(sex=sex, short=short, age=case.age)
    (out / f"ClinicalReadings/{stem}.txt").write_text(f"{head}\n{READINGS[case.finding]}\n", "ascii")


def _statistics(cases: pd.DataFrame) -> pd.DataFrame:
    """Which of the findings each image of Shenzhen has, 1 or 0."""
    table = pd.DataFrame({"filename": cases["stem"] + ".png"})
    for finding, name in NAMES.items():
        table[name] = (cases["finding"] == finding).astype(int)
    return table


def _strata(case: TbCase, stem: str) -> dict[str, object]:
    return {
        "stem": stem, "tb": int(case.tb), "finding": case.finding, "grade": case.grade, "site": case.site,
        "age": case.age, "sex": "M" if case.male else "F", "text": case.text, "look_alike": case.look_alike,
    }  # fmt: skip


def grey(image: np.ndarray) -> Image.Image:
    """An image of k/255 as 8-bit grey k, which reads back bit for bit."""
    return Image.fromarray(np.round(image * 255).astype(np.uint8))


def save_mask(mask: np.ndarray, path: Path) -> None:
    """A mask as 8-bit grey, 0 or 255."""
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
