"""A run's data as tensors, and its models: what a worker has on its bench."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from xraybench import registry
from xraybench.cells.items import Items
from xraybench.cells.place import Place
from xraybench.cells.stored import stored_images
from xraybench.cells.sweet_spot import sweet_spot
from xraybench.data.prepared import Explained, Prepared
from xraybench.data.rows import among
from xraybench.data.splits import INFERRED
from xraybench.errors import DataError, NotApplicableError
from xraybench.identity import seed_of
from xraybench.lineage import ModelJob
from xraybench.recipe.checkpoint import read_tensors
from xraybench.results import ModelRecord, read_record
from xraybench.scoring import REASONS
from xraybench.spec import Context, Twins
from xraybench.training import Examples, predict

WEIGHTS = "weights.safetensors"
NO_SEEDS = torch.empty(0, dtype=torch.int64)
BACKGROUND = 32  # training images an explainer may use as a background
BATCH = 64  # images at once, at most
PIXELS = {"cpu": 3 * 320**2, "cuda": 16 * 224**2}  # and of so many pixels: three images hold a densenet169 under 2 GiB


@dataclass(frozen=True)
class Bench:
    """A place's data as tensors, shared by all the jobs of a worker.

    split: of which the explained images are. Of validation images there are maps only to tune a metric on.
    """

    place: Place
    split: Literal["test", "validation"] = "test"

    @cached_property
    def device(self) -> torch.device:
        """The device named, or with "auto" the first GPU, else the CPU."""
        if self.place.device != "auto":
            return torch.device(self.place.device)
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @cached_property
    def prepared(self) -> Prepared:
        """The prepared source."""
        return Prepared(self.place.data)

    def normalised(self, grey: Tensor) -> Tensor:
        """Grey [...,S,S] in [0,1] -> [...,1,S,S], by the training images' mean and standard deviation."""
        statistics = self.prepared.statistics
        return ((grey - statistics.mean) / statistics.std).unsqueeze(-3)

    def images(self, rows: NDArray[np.int64]) -> Tensor:
        """float32 [N,1,S,S], normalised."""
        return self.normalised(torch.from_numpy(self.prepared.grey(rows)).to(self.device))

    @cached_property
    def _among(self) -> NDArray[np.bool_]:
        """bool, an entry an image: whether it is of the rows that this place is restricted to."""
        return among(self.prepared.index, self.place.rows)

    def rows(self, split: str, inferred_labels: bool = True) -> NDArray[np.int64]:
        """Positions of a split's images; with `inferred_labels` False, without those whose label was inferred."""
        index = self.prepared.index
        chosen = (index["split"] == split) & self._among
        if not inferred_labels and INFERRED in index:
            chosen &= ~index[INFERRED]
        return np.flatnonzero(chosen)

    def labels(self, rows: NDArray[np.int64]) -> Tensor:
        """int64 [N] of class numbers, or (binary, multi-label) float32 [N,K] of 0, 1 or NaN."""
        labels = self.prepared.index.iloc[rows][self.place.task.labels].to_numpy(dtype=np.float32)
        values = torch.tensor(labels, device=self.device)
        return values.argmax(1) if self.place.task.kind == "multi-class" else values

    def examples(self, split: str, inferred_labels: bool = True) -> Examples:
        """A split's images of which a label is known; DataError where all of them are inferred, and not wanted."""
        rows = self.rows(split, inferred_labels)
        rows = rows[self.prepared.index.iloc[rows][self.place.task.labels].notna().any(axis=1).to_numpy()]
        if not len(rows):
            raise DataError(
                f"no {split} image has a label that was not inferred",
                "set inferred_labels = true in the model's stage, or label some images by hand",
            )
        return Examples(stored_images(self.prepared, rows, self.device), self.labels(rows))

    @cached_property
    def explained(self) -> Explained:
        """The images that are explained; NotApplicable where no validation images were prepared."""
        known = self.prepared.explained if self.split == "test" else self.prepared.validation
        if known is None:
            raise NotApplicableError(REASONS["validation"])
        return known

    @cached_property
    def validation(self) -> Bench | None:
        """The same for validation images; None where none of these rows has a finding mask."""
        there = replace(self, split="validation")
        try:
            finding = there.regions.get("finding")
        except NotApplicableError:
            return None
        return there if finding is not None and bool(finding.any()) else None

    @cached_property
    def items(self) -> Items:
        """What is explained of this place's rows: images, or pairs of an image and one of its true labels.

        NotApplicableError where none of the explained images is of these rows.
        """
        rows, most = self.explained.rows, self.place.n_explained
        places = np.flatnonzero(self._among[rows])
        if not len(places):
            raise NotApplicableError(f"none of the explained images has {dict(self.place.rows)}")
        if self.place.task.explained.target != "each-label":
            return Items(places[:most])
        pairs = Items.of_labels(self.labels(rows[places]).cpu().numpy() == 1, self.place.task.labels, most)
        if not len(pairs.positions):
            raise NotApplicableError("none of the explained images has a label")
        return replace(pairs, positions=places[pairs.positions])

    @cached_property
    def explained_rows(self) -> NDArray[np.int64]:
        """Positions of the images that are explained, one for each item."""
        return self.explained.rows[self.items.positions]

    @cached_property
    def image_size(self) -> int:
        """The side of the images, in pixels."""
        return self.prepared.statistics.image_size

    @cached_property
    def explained_table(self) -> pd.DataFrame:
        """The index rows of the explained items; `image_id` also names the label where each has its own map."""
        table = self.prepared.index.iloc[self.explained_rows]
        return table.assign(image_id=self.items.named(table["image_id"]))

    def rows_of_patients(self, patients: int | None) -> Tensor:
        """Positions among the explained images of the first so many patients (None: of all)."""
        ids = self.explained_table["patient_id"]
        first = ids.drop_duplicates().head(patients) if patients else ids
        return torch.from_numpy(np.flatnonzero(ids.isin(first)))

    @cached_property
    def explained_grey(self) -> Tensor:
        """float32 [M,S,S] in [0,1]."""
        return torch.from_numpy(self.prepared.grey(self.explained_rows)).to(self.device)

    @cached_property
    def mean_training_mask(self) -> Tensor:
        """float32 [S,S]: the mean of the training images' finding masks."""
        return torch.from_numpy(self.prepared.mean_training_mask).to(self.device)

    @cached_property
    def explained_images(self) -> Tensor:
        """float32 [M,1,S,S]."""
        return self.images(self.explained_rows)

    @cached_property
    def seeds(self) -> Tensor:
        """int64 [M], from the image ids."""
        ids = self.prepared.index["image_id"].iloc[self.explained_rows]
        return torch.tensor([seed_of("image", image_id) for image_id in ids])

    @cached_property
    def regions(self) -> dict[str, Tensor]:
        """Named masks of the explained items, bool [M,S,S]; a label's own map is held against its own finding."""
        masks = self.items.regions(self.explained.regions)
        return {name: torch.from_numpy(mask).to(self.device) for name, mask in masks.items()}

    @cached_property
    def twins(self) -> Twins | None:
        """The explained images without their finding, where the source has them.

        None where each label has its own map: a twin lacks all findings, not that label's alone.
        """
        twins = self.explained.twins
        if twins is None or self.items.labels is not None or "difference" not in self.regions:
            return None
        grey = torch.from_numpy(twins[self.items.positions]).to(self.device)
        return Twins(self.normalised(grey), self.regions["difference"])

    @cached_property
    def flipped(self) -> Tensor | None:
        """float32 [M,1,S,S]: the explained images with their legend flipped, where the source can do that."""
        flipped = self.explained.flipped
        return (
            None
            if flipped is None
            else self.normalised(torch.from_numpy(flipped[self.items.positions]).to(self.device))
        )

    def context_of(self, model: nn.Module, seeds: Tensor) -> Context:
        """What explainers may know beside this model: as `context`, with the images' seeds and the sweet spot."""
        return replace(self.context, seeds=seeds, forward_batch=self.forward_batch(model))

    def forward_batch(self, model: nn.Module) -> int:
        """How many images are forwarded at once where no gradient follows.

        Measured where it matters: a CPU is at its best with batches that gradients have, too (benchmarks/batches.py).
        """
        least = self.context.batch_size
        return least if self.device.type == "cpu" else sweet_spot(model, self.context.baseline, least)

    @cached_property
    def context(self) -> Context:
        """What explainers may know of the training images; without seeds, which are those of the images explained."""
        rows = self.rows("train")
        chosen = np.random.default_rng(0).choice(rows, min(BACKGROUND, len(rows)), replace=False)
        mean_image = torch.from_numpy(self.prepared.mean_training_image).to(self.device)
        low, high = self.normalised(torch.tensor([0.0, 1.0], device=self.device)[:, None, None])
        baseline = self.normalised(mean_image)
        return Context(
            baseline, self.images(np.sort(chosen)), low, high, NO_SEEDS, batch_size_of(self.image_size, self.device)
        )

    def targets(self, model: nn.Module) -> Tensor:
        """int64 [M]: the logit that is explained for each image; of several true labels the task's first."""
        if self.place.task.kind == "binary":
            return torch.zeros(len(self.explained_rows), dtype=torch.int64, device=self.device)
        if self.items.labels is not None:
            return torch.from_numpy(self.items.labels).to(self.device)
        if self.place.task.explained.target == "predicted":
            return predict(model, self.explained_images).argmax(1)
        labels = self.labels(self.explained_rows)
        return labels if self.place.task.kind == "multi-class" else labels.nan_to_num().argmax(1)

    @cached_property
    def true_labels(self) -> Tensor | None:
        """bool [M,K]: the labels known to be true of the explained images; None where the task is not multi-label."""
        return self.labels(self.explained_rows) == 1 if self.place.task.kind == "multi-label" else None

    def build(self, job: ModelJob) -> nn.Module:
        """An untrained model of the job's architecture."""
        builder = registry.load(registry.find("models", job.entry.architecture))
        model: nn.Module = builder(self.place.task.num_outputs, 1, self.image_size)
        return model.to(self.device).to(memory_format=torch.channels_last)  # 1.3 to 2.4 times as fast on a CPU

    def model(self, job: ModelJob) -> nn.Module:
        """The trained model, in evaluation mode, without gradients on its parameters."""
        model = self.build(job)
        folder = self.place.model_folder(job)
        digest = read_record(folder / "model.json", ModelRecord).weights_digest
        model.load_state_dict(trained_state(folder, digest))
        return model.eval()


def trained_state(folder: Path, digest: str) -> dict[str, Tensor]:
    """The weights in a trained model's or stage's folder; RecordError where they are not those on record."""
    return read_tensors(folder / WEIGHTS, digest, f"delete {folder}: the model is then trained again")


def batch_size_of(side: int, device: torch.device) -> int:
    """How many images of a side are forwarded and sent back at once: larger ones in smaller batches, to bound what a
    backward holds. Never measured: maps depend on it in their last digits."""
    return min(BATCH, max(1, PIXELS.get(device.type, PIXELS["cpu"]) // side**2))


@lru_cache(maxsize=1)
def bench(place: Place) -> Bench:
    """A worker's data, read once; from here on it computes deterministically, in full float32 on a GPU too (whose
    convolutions otherwise take 10 bits of the mantissa: TF32), and with one thread on a CPU.
    """
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_num_threads(1)
    return Bench(place)
