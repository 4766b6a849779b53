"""CheXpert: 224,316 chest radiographs of 65,240 patients, 14 observations mined from reports (Irvin et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from xraybench.data.masks import Shape
from xraybench.data.radiograph import read_shape
from xraybench.data.sources._chexlocalize import Chexlocalize, Point
from xraybench.data.sources._files import check_rows, need, read_table
from xraybench.data.sources._folder import FolderSource, Settings
from xraybench.data.splits import cut_by_patient
from xraybench.errors import DataError, UsageError
from xraybench.spec import About, MetricNeeds

NOTHING = "No Finding"
LABELS = (
    NOTHING, "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
    "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip
SAID_OF_IMAGES = ("Sex", "Age", "AP/PA")  # not in test_labels.csv
UNCERTAIN = -1
POLICIES = {"zeros": 0.0, "ones": 1.0, "ignore": np.nan}
BLANKS = {"zero": 0.0, "missing": np.nan}
TABLES = {"train": "train.csv", "valid": "valid.csv", "test": "test_labels.csv"}
BASES = ("", "CheXpert-v1.0", "CheXpert-v1.0-small", "CheXpert")
FILE = (
    r"^(?:CheXpert[^/]*/)?(?P<path>(?P<part>train|valid|test)/(?P<patient>patient\d+)/(?P<study>study\d+)/"
    r"(?P<file>view\d+_(?P<plane>frontal|lateral))\.jpg)$"
)
NINE_TO_ONE = {"train": 0.9, "validation": 0.1}
CURE = "take the official file, unchanged"
HUMAN_VERSION = 1  # of the regions that the human benchmark gives


@dataclass(frozen=True)
class ChexpertSettings(Settings):
    """Which values the labels get where a report leaves them open, and what the official validation set is for.

    uncertain: "zeros", "ones" or "ignore" (NaN: out of the loss), for all labels or as a table by label ("default" for
    those that it does not name, else "zeros"). blank, what a report does not mention: "zero" or "missing" (NaN).
    valid: what the official validation set is used as, "test" or "validation"; see Chexpert. chexlocalize: the folder
    with CheXlocalize's JSON files, where it does not lie beside the data.
    """

    uncertain: tuple[tuple[str, str], ...] = (("default", "zeros"),)
    blank: str = "zero"
    valid: str = "test"
    chexlocalize: str | None = None

    @classmethod
    def parse(cls, source: str, settings: Mapping[str, Any]) -> Self:
        """A policy for all labels becomes a table; UsageError names a setting or label that does not exist."""
        uncertain = settings.get("uncertain", {})
        table = {"default": "zeros", **(uncertain if isinstance(uncertain, Mapping) else {"default": uncertain})}
        parsed = super().parse(source, {**settings, "uncertain": tuple(sorted(table.items()))})
        for label in table:
            _one_of(source, "label", label, ("default", *LABELS))
        for policy in table.values():
            _one_of(source, "uncertain", policy, tuple(POLICIES))
        _one_of(source, "blank", parsed.blank, tuple(BLANKS))
        _one_of(source, "valid", parsed.valid, ("test", "validation"))
        return parsed

    def policy(self, label: str) -> float:
        """The value of an uncertain label."""
        table = dict(self.uncertain)
        return POLICIES[table.get(label, table["default"])]


class Chexpert(FolderSource):
    """Chest radiographs, full size or small: 14 labels, with CheXlocalize's segmentations where they lie beside them.

    The official validation set is the test set: radiologists labelled it, every download has it, and papers before
    the test set's publication report on it; validation is then cut from train by patient. With `valid = "validation"`
    it is what its name says and the test set is test_labels.csv, as for CheXlocalize and its human benchmark.
    """

    name: ClassVar[str] = "chexpert"
    redistributable: ClassVar[bool] = False
    offers: ClassVar[frozenset[MetricNeeds]] = frozenset({"finding"})
    Settings: ClassVar[type[Settings]] = ChexpertSettings
    settings: ChexpertSettings
    about: ClassVar[About] = About(
        title="CheXpert",
        licence="Stanford research use agreement: no redistribution",
        citation="Irvin et al., CheXpert: A Large Chest Radiograph Dataset with Uncertainty Labels, AAAI (2019); "
        "segmentations: Saporta et al., Benchmarking saliency methods, Nature Machine Intelligence 4:867 (2022)",
        obtain="Stanford AIMI, stanfordmlgroup.github.io/competitions/chexpert, after signing its agreement",
        official={
            "train images": 223414, "train patients": 64540, "valid images": 234, "valid patients": 200,
            "test images": 668, "test patients": 500,
        },
    )  # fmt: skip

    def __init__(self, root: Path | None, settings: Mapping[str, Any]) -> None:
        """As every folder; the human benchmark is offered where it lies beside the test set that it is of."""
        super().__init__(root, settings)
        beside = self._chexlocalize()
        if self.settings.valid == "validation" and beside is not None and beside.has_human():
            self.offers = self.offers | {"human"}  # type: ignore[misc]

    def identity(self) -> Mapping[str, Any]:
        """As of every folder; with the human benchmark, the version of what is made of it."""
        human = {"human": HUMAN_VERSION} if "human" in self.offers else {}
        return {**super().identity(), **human}

    def tables(self) -> list[Path]:
        """The tables that are used, and the JSON files of CheXlocalize."""
        beside = self._chexlocalize()
        return [*self._tables().values(), *(beside.files() if beside else ())]

    def annotated(self) -> bool:
        """Whether CheXlocalize is there."""
        beside = self._chexlocalize()
        return beside is not None and bool(beside.files())

    def listed(self) -> pd.DataFrame:
        """One row an image; `<label> uncertain` is 1 where the table says -1, whatever the policy made of it."""
        index = pd.concat([self._part(part, path) for part, path in self._tables().items()], ignore_index=True)
        index["split"] = index["official"].map({"train": "train", "valid": self.settings.valid, "test": "test"})
        if self.settings.valid == "test":
            train = index[index["split"] == "train"]
            cut = cut_by_patient(train["patient_id"], train[NOTHING], self.settings.split_seed, NINE_TO_ONE)
            index.loc[train.index, "split"] = cut
        return index

    def regions(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        """CheXlocalize's masks by label (`finding:<label>`) and all together (`finding`), at the image's own size.

        A label that is positive but was not segmented is left out, and so is `finding`: nothing is known of where it
        is, which is not the same as nothing being there. What the human benchmark's radiologists drew is named alike
        (`human`, `human:<label>`), and so are squares about their most representative points (`human-point`); of an
        image that they read there is also `human-read`, all of it.
        """
        beside = self._chexlocalize()
        if beside is None or row["official"] == "train":
            return {}
        masks = beside.truth(str(row["official"]), str(row["image_id"]), read_shape(self.path(row)))
        known = {f"finding:{label}": mask for label, mask in masks.items() if mask.any() or row[label] != 1}
        whole = {"finding": np.logical_or.reduce(list(masks.values()))} if masks and len(known) == len(masks) else {}
        return {**whole, **known, **self._human(row)}

    def _human(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        masks = self.human_benchmark(row) if "human" in self.offers else None
        if masks is None:
            return {}
        shape = masks["finding"].shape
        points = {name: _squares(marked, shape) for name, marked in (self.human_points(row) or {}).items() if marked}
        whole = {"finding": np.logical_or.reduce(list(points.values()))} if points else {}
        drawn = {"human": masks, "human-point": whole | points}
        named = {name.replace("finding", kind): mask for kind, by in drawn.items() for name, mask in by.items()}
        return {**named, "human-read": np.ones(shape, bool)}

    def human_benchmark(self, row: Mapping[str, Any]) -> Mapping[str, np.ndarray] | None:
        """The masks of the human benchmark's radiologists, named like `regions`; None where they drew none."""
        beside = self._chexlocalize()
        if beside is None or row["official"] != "test":
            return None
        masks = beside.human(str(row["image_id"]), read_shape(self.path(row)))
        if masks is None:
            return None
        by_label = {f"finding:{label}": mask for label, mask in masks.items()}
        return {"finding": np.logical_or.reduce(list(masks.values())), **by_label}

    def human_points(self, row: Mapping[str, Any]) -> Mapping[str, list[Point]] | None:
        """The human benchmark's most representative points (x, y) in pixels, named like `regions`; None as above."""
        beside = self._chexlocalize()
        if beside is None or row["official"] != "test":
            return None
        points = beside.points(str(row["image_id"]), read_shape(self.path(row)))
        return None if points is None else {f"finding:{label}": marked for label, marked in points.items()}

    def _base(self) -> Path:
        """The folder with train.csv: the one that was passed, or in it."""
        places = [self.root / base for base in BASES]
        return next((place for place in places if (place / TABLES["train"]).is_file()), self.root)

    def _tables(self) -> dict[str, Path]:
        """Part -> its table."""
        base = self._base()
        parts = ("train", "valid") if self.settings.valid == "test" else ("train", "valid", "test")
        found = {part: base / TABLES[part] for part in parts}
        if "test" in found and not found["test"].is_file():
            hint = f'with valid = "test" the official validation set is the test set; to obtain it: {self.about.obtain}'
            raise DataError(f"{found['test']}: missing", hint)
        return {part: need(path, obtain=self.about.obtain) for part, path in found.items()}

    def _part(self, part: str, path: Path) -> pd.DataFrame:
        """The rows of one table."""
        said = () if part == "test" else SAID_OF_IMAGES
        table = read_table(path, ("Path", *said, *LABELS), dtype={"Path": str}, low_memory=False)
        named = _names(table["Path"])
        check_rows(path, named["part"] != part, table["Path"], f"is no image of {part}/patientN/studyN/", CURE)
        study, frontal = named["patient"] + "_" + named["study"], named["plane"] == "frontal"
        base = self._base().relative_to(self.root).as_posix()
        projection = table["AP/PA"].fillna("") if said else ""
        return pd.DataFrame(
            {
                "image_id": study + "_" + named["file"],
                "patient_id": named["patient"],
                "study_id": study,
                "path": named["path"] if base == "." else base + "/" + named["path"],
                "split": "",
                "view": pd.Series(projection, index=table.index).where(frontal, "lateral").replace("", "frontal"),
                "site": "Stanford",
                **self._labels(path, table),
                "age": table["Age"] if said else np.nan,
                "sex": table["Sex"].map({"Female": "F", "Male": "M"}).fillna("") if said else "",
                "official": part,
            }
        )

    def _labels(self, path: Path, table: pd.DataFrame) -> dict[str, pd.Series]:
        """Each label after the policies, float32; and where the table itself says uncertain."""
        labels, uncertain = {}, {}
        for label in LABELS:
            stated = table[label]
            check_rows(
                path, ~(stated.isin((1, 0, UNCERTAIN)) | stated.isna()), stated, f"{label} is not 1, 0, -1", CURE
            )
            unsure = stated == UNCERTAIN
            value = stated.fillna(BLANKS[self.settings.blank]).mask(unsure, self.settings.policy(label))
            labels[label] = value.astype(np.float32)
            uncertain[f"{label} uncertain"] = unsure.astype(np.int8)
        return {**labels, **uncertain}

    def _chexlocalize(self) -> Chexlocalize | None:
        """CheXlocalize's folder: as set, else beside the data or in it; DataError where the set one is not there."""
        if self.settings.chexlocalize is not None:
            named = self.root / self.settings.chexlocalize
            if not named.is_dir():
                raise DataError(
                    f"{named}: missing", "set chexlocalize to the folder that holds gt_segmentations_*.json"
                )
            return Chexlocalize(named)
        base = self._base()
        beside = (folder / "CheXlocalize" for folder in (base, self.root, base.parent, self.root.parent))
        return next((Chexlocalize(folder) for folder in beside if folder.is_dir()), None)


def _squares(points: Sequence[Point], shape: Shape) -> np.ndarray:
    """Bool [H,W]: a square about each point (x, y) with a 32nd of the shorter side: 2 pixels of an image of 64, which
    is what a point needs to outlast the image's resizing.
    """
    mask, half = np.zeros(shape, bool), max(1, round(min(shape) / 64))
    for x, y in points:
        row, column = round(y), round(x)
        mask[max(0, row - half) : row + half, max(0, column - half) : column + half] = True
    return mask


def _names(paths: pd.Series) -> pd.DataFrame:
    """What a path says, by FILE's names; missing values where it is not of that form."""
    import pyarrow as pa
    from pyarrow import compute

    said = compute.extract_regex(pa.array(paths, pa.string(), from_pandas=True), FILE)
    names: pd.DataFrame = pa.Table.from_arrays(said.flatten(), [field.name for field in said.type]).to_pandas()
    return names


def _one_of(source: str, what: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"source {source!r}: {what} = {value!r} does not exist", f"there are: {', '.join(known)}")
