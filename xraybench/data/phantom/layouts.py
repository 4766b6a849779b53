"""Phantoms on disk, in the official layout of the real data set of their task."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from xraybench.data.phantom.anatomy_layout import ANATOMY_BESIDE, write_anatomy
from xraybench.data.phantom.cases import Case, Population, draw
from xraybench.data.phantom.chest import PHANTOM_VERSION as CHEST_VERSION
from xraybench.data.phantom.chexpert_layout import CHEXPERT_BESIDE, write_chexpert
from xraybench.data.phantom.limb import LIMB_VERSION
from xraybench.data.phantom.mura_layout import MURA_BESIDE, write_mura
from xraybench.data.phantom.tb_layout import TB_BESIDE, write_tb
from xraybench.data.phantom.wrist import PHANTOM_VERSION, Wrist
from xraybench.data.phantom.wrist_reports import report
from xraybench.data.phantom.wrist_views import ClinicalWrist, Dressing, Worn
from xraybench.errors import DataError, UsageError

Progress = Callable[[int, int], None]

MARK = "xraybench phantom"  # how the README of every folder written here begins
README = f"""{MARK}: computed radiographs, no patients

family {{family}}, {{n}} images of {{size}} x {{size}} pixels, seed {{seed}}, phantom version {{version}}

The layout is that of {{layout}}. Beside it, phantom/ holds what only phantoms know:
{{beside}}"""
WRIST_BESIDE = """\
  masks/<filestem>_finding.png     what a reader would outline (0 or 255)
  masks/<filestem>_difference.png  pixels that differ from the twin's
  twins/<filestem>.png             the same radiograph without its fracture (fractured wrists only)
  cases.csv                        grade, bone, age, legend and look-alikes of each image
"""
STUDIES_BESIDE = f"""{WRIST_BESIDE}\
  cases.csv has a report of each case, masks/ show hardware, cast and a parent's hand, too
"""
DRESSING = Dressing(cast=0.25, metal=0.15, parent=0.3)
YOLO_CLASSES = (
    "boneanomaly", "bonelesion", "foreignbody", "fracture", "metal", "periostealreaction", "pronatorsign",
    "softtissue", "text",
)  # fmt: skip
AO_CODES = {"radius": "23r-M", "ulna": "23u-M"}  # AO classification of long-bone fractures in children


def write(family: str, n: int, size: int, seed: int, out: Path, progress: Progress | None = None) -> None:
    """Write n phantoms of a family into the new folder `out`; progress(done, n) is called after each.

    The folder appears whole or not at all. UsageError for an unknown family, DataError for a folder that holds
    something else or cannot be written.
    """
    if family not in FAMILIES:
        raise UsageError(f"no phantom family is called {family!r}", f"there are: {', '.join(FAMILIES)}")
    if n < 1 or not 64 <= size <= 512:
        raise UsageError(f"cannot write {n} images of {size} pixels", "at least 1 image, of 64 to 512 pixels")
    with _whole(out) as folder:
        made = FAMILIES[family]
        about = {"layout": made.layout, "beside": made.beside, "version": made.version}
        (folder / "README.txt").write_text(README.format(family=family, n=n, size=size, seed=seed, **about), "utf-8")
        made.write(n, size, seed, folder, progress or (lambda done, of: None))


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place when the block ends well, and is removed when it does not."""
    if out.exists() and not _ours(out):
        raise DataError(f"{out} is in use", "name a new folder; only folders that hold phantoms are written over")
    temporary: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        temporary.chmod(0o755)
        yield temporary
        if out.exists():
            shutil.rmtree(out)
        os.replace(temporary, out)
    except OSError as error:
        raise DataError(f"cannot write {out}: {error}", "check the disk's space and the folder's rights") from error
    finally:
        if temporary and temporary.exists():
            shutil.rmtree(temporary)


def _ours(out: Path) -> bool:
    """Whether a folder is empty or was written here."""
    if not out.is_dir():
        return False
    readme = out / "README.txt"
    return not any(out.iterdir()) or (readme.is_file() and readme.read_text("utf-8").startswith(MARK))


def plain(seed: int, number: int, size: int) -> Wrist:
    """A PA wrist, an image a patient."""
    return Wrist(draw(Population(seed), "train", number), size)


def clinical(seed: int, number: int, size: int) -> ClinicalWrist:
    """Every second image is the lateral view of the one before; some in a cast, with metal or a parent's hand."""
    case = draw(Population(seed), "train", number // 2)
    return ClinicalWrist(case, size, number % 2 == 1, DRESSING.of(case))


def write_wrists(
    n: int, size: int, seed: int, out: Path, progress: Progress, made: Callable[[int, int, int], Wrist] = plain
) -> None:
    """Wrists as GRAZPEDWRI-DX: 16-bit PNG, dataset.csv, YOLO boxes; masks and twins in phantom/."""
    for folder in ("images_part1", "folder_structure/yolov5/labels", "phantom/masks", "phantom/twins"):
        (out / folder).mkdir(parents=True)
    (out / "folder_structure/yolov5/meta.yaml").write_text(_yolo_meta(), "utf-8")
    rows, strata = [], []
    for number in range(n):
        wrist = made(seed, number, size)
        stem = _stem(wrist)
        _write_wrist(wrist, stem, out)
        rows.append(_row(wrist, stem))
        strata.append(_strata(wrist, stem))
        progress(number + 1, n)
    pd.DataFrame(rows).to_csv(out / "dataset.csv", index=False, encoding="utf-8-sig")
    pd.DataFrame(strata).to_csv(out / "phantom/cases.csv", index=False)


@dataclass(frozen=True)
class Family:
    """How a family is written: (n, size, seed, folder, progress); whose layout; what phantom/ holds; its version."""

    write: Callable[[int, int, int, Path, Progress], None]
    layout: str
    beside: str
    version: int


FAMILIES: Mapping[str, Family] = {
    "wrist": Family(write_wrists, "GRAZPEDWRI-DX", WRIST_BESIDE, PHANTOM_VERSION),
    "wrist-studies": Family(partial(write_wrists, made=clinical), "GRAZPEDWRI-DX", STUDIES_BESIDE, PHANTOM_VERSION),
    "mura": Family(write_mura, "MURA v1.1", MURA_BESIDE, LIMB_VERSION),
    "tb": Family(write_tb, "Montgomery and Shenzhen", TB_BESIDE, CHEST_VERSION),
    "chexpert": Family(write_chexpert, "CheXpert-small and CheXlocalize", CHEXPERT_BESIDE, CHEST_VERSION),
    "anatomy": Family(write_anatomy, "ImageCLEF 2009 / IRMA", ANATOMY_BESIDE, LIMB_VERSION),
}


def _write_wrist(wrist: Wrist, stem: str, out: Path) -> None:
    regions, twin = wrist.regions(), wrist.twin()
    _save16(wrist.image(), out / f"images_part1/{stem}.png")
    if twin is not None:
        _save16(twin, out / f"phantom/twins/{stem}.png")
    for name in sorted({"finding", "difference", "hardware", "cast", "parent"} & set(regions)):
        Image.fromarray(regions[name].astype(np.uint8) * 255).save(out / f"phantom/masks/{stem}_{name}.png")
    marked = (("fracture", "box"), ("metal", "hardware"), ("text", "text"))
    boxes = ((YOLO_CLASSES.index(label), regions[region]) for label, region in marked if region in regions)
    lines = [_yolo_line(number, mask) for number, mask in boxes if mask.any()]
    (out / f"folder_structure/yolov5/labels/{stem}.txt").write_text("".join(lines), "ascii")


def _save16(image: np.ndarray, path: Path) -> None:
    """An image of k/255 as 16-bit grey k * 257: stretched to 0..65535, and read back bit for bit."""
    Image.fromarray(np.round(image * 65535).astype(np.uint16)).save(path)


def _projection(wrist: Wrist) -> int:
    """1 is PA, 2 lateral."""
    return 2 if isinstance(wrist, ClinicalWrist) and wrist.lateral else 1


def _worn(wrist: Wrist) -> Worn:
    return wrist.worn if isinstance(wrist, ClinicalWrist) else Worn()


def _stem(wrist: Wrist) -> str:
    case = wrist.case
    side, sex = "L" if case.left else "R", "M" if case.male else "F"
    return f"{case.number + 1:04d}_{case.seed % 10**10:010d}_01_WRI-{side}{_projection(wrist)}_{sex}{int(case.age):03d}"


def _row(wrist: Wrist, stem: str) -> dict[str, object]:
    """A row of dataset.csv; blank where the set leaves 0 blank."""
    case = wrist.case
    return {
        "filestem": stem,
        "patient_id": case.number + 1,
        "study_number": 1,
        "timehash": case.seed % 10**10,
        "gender": "M" if case.male else "F",
        "age": f"{case.age:g}",
        "laterality": "L" if case.left else "R",
        "projection": _projection(wrist),
        "initial_exam": 1,
        "ao_classification": _ao_code(case),
        "cast": 1 if _worn(wrist).cast else "",
        "diagnosis_uncertain": "",
        "osteopenia": "",
        "fracture_visible": 1 if case.fracture else "",
        "metal": 1 if _worn(wrist).metal else "",
        "pixel_spacing": round(wrist.posed[0].pitch, 3),
        "device_manufacturer": f"Phantom {case.site}",
    }


def _ao_code(case: Case) -> str:
    """The AO code of the fracture: complete (3.1) or greenstick (2.1) in the forearm, shaft in a metacarpal."""
    if not case.fracture:
        return ""
    if case.bone.startswith("metacarpal"):
        return f"77.{case.bone.split()[1]}.2"
    return f"{AO_CODES[case.bone]}/{'2.1' if case.grade == 'hairline' else '3.1'}"


def _strata(wrist: Wrist, stem: str) -> dict[str, object]:
    case = wrist.case
    legend = "L" if case.left else "R"
    return {
        "filestem": stem, "fracture": int(case.fracture), "grade": case.grade, "bone": case.bone, "site": case.site,
        "legend": legend if case.legend else "", "look_alike": case.look_alike,
    } | ({"report": report(case, wrist.worn)} if isinstance(wrist, ClinicalWrist) else {})  # fmt: skip


def _yolo_line(number: int, mask: np.ndarray) -> str:
    """`class cx cy w h`, relative to the image, of a mask's bounding box."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    (top, bottom), (left, right) = ((at[0] / mask.shape[0], (at[-1] + 1) / mask.shape[0]) for at in (rows, columns))
    return f"{number} {(left + right) / 2:.6f} {(top + bottom) / 2:.6f} {right - left:.6f} {bottom - top:.6f}\n"


def _yolo_meta() -> str:
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(YOLO_CLASSES))
    return f"path: '.'\ntrain: 'images/train'\nval: 'images/valid'\ntest: 'images/test'\n\nnc: 9\nnames:\n{names}"
