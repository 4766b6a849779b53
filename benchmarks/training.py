"""What training takes beside what it cannot do without: `python -m benchmarks.training [--json] [--pairs N]`.

Three ways to train the same network by the same recipe on the same prepared images, interleaved, as many steps each:
- ours: the training loop, reading prepared images (bf16 on a GPU);
- constant: the same loop fed with one batch that is there already, so that input costs nothing;
- plain: the loop of torchvision's references in float32 and its default memory format: a Dataset of single images, a
  DataLoader with a worker for each of at most eight cores, the loss read after every step.
`of_constant` is constant / ours (1: reading images costs nothing), `over_plain` is plain / ours: medians over pairs,
with the interval of the median. Images per second are ours. Run it alone on the machine. What bf16 on a CPU and
compiling bring is measured by `python -m benchmarks.choices`.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from xraybench import registry
from xraybench.cells.stored import StoredImages
from xraybench.tasks import Stage
from xraybench.training import Examples, train_stage

MEAN, STD = 0.4, 0.2


@dataclass(frozen=True)
class Case:
    """A network at a size of image, and how many images a step and a run take."""

    model: str
    side: int
    batch: int
    images: int


CPU = (Case("small-cnn", 64, 64, 2048), Case("densenet121", 224, 8, 24))
GPU = (Case("densenet121", 224, 64, 6400), Case("densenet169", 320, 32, 3200))


@dataclass(frozen=True)
class Row:
    """A case: medians over pairs, each with the 95 % interval of the median."""

    model: str
    side: int
    batch: int
    device: str
    images_per_second: float
    of_constant: tuple[float, float, float]
    over_plain: tuple[float, float, float]


@dataclass(frozen=True)
class Constant:
    """Images that are always the same batch, there already."""

    batch: Tensor
    images: int

    def __len__(self) -> int:
        return self.images

    def __getitem__(self, chosen: Tensor | slice) -> Tensor:
        return self.batch[: len(chosen)] if isinstance(chosen, Tensor) else self.batch[chosen]


class Single(Dataset):
    """One image at a time, as a Dataset has it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.pixels = folder, np.load(folder / "images.npy", mmap_mode="r")
        self.labels = np.load(folder / "labels.npy")

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        image = torch.from_numpy(self.pixels[number].astype(np.float32) / 255)
        image = image.flip(-1) if torch.rand(()) < 0.5 else image
        return ((image - MEAN) / STD)[None], torch.from_numpy(self.labels[number])


def network(case: Case, device: str) -> nn.Module:
    """Random weights."""
    torch.manual_seed(0)
    model: nn.Module = registry.load(registry.find("models", case.model))(1, 1, case.side)
    return model.to(device)


def stage_of(case: Case, device: str) -> Stage:
    """One pass over the images."""
    return Stage(
        epochs=1, batch_size=case.batch, optimizer="adam", learning_rate=1e-4, flip=True, bf16=device == "cuda"
    )


def loop(case: Case, device: str, images: object, labels: Tensor) -> Callable[[], None]:
    """The project's training loop on these images, with next to nothing to validate on."""
    model = network(case, device).to(memory_format=torch.channels_last)
    few = Examples(images, labels)  # type: ignore[arg-type]
    validation = Examples(torch.zeros(2, 1, case.side, case.side, device=device), labels[:2])

    def go() -> None:
        generator = torch.Generator().manual_seed(0)
        train_stage(model, stage_of(case, device), few, validation, generator, lambda *_: None)

    return go


def plain(case: Case, device: str, folder: Path) -> Callable[[], None]:
    """A loop as torchvision's references write it."""
    model, data = network(case, device), Single(folder)
    workers = min(8, len(os.sched_getaffinity(0)))
    loader = DataLoader(
        data, case.batch, shuffle=True, num_workers=workers, pin_memory=device == "cuda", persistent_workers=True
    )
    criterion, optimizer = nn.BCEWithLogitsLoss(), torch.optim.Adam(model.parameters(), lr=1e-4)

    def go() -> None:
        model.train()
        for images, labels in loader:
            images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
            loss = criterion(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()

    return go


def seconds(go: Callable[[], None]) -> float:
    """Of one run."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    go()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def median(ratios: list[float]) -> tuple[float, float, float]:
    """With its 95 % interval by order statistics (the whole range where there are under six)."""
    ordered = sorted(ratios)
    low = int(stats.binom.ppf(0.025, len(ordered), 0.5))
    low = max(low - 1, 0) if len(ordered) >= 6 else 0
    return statistics.median(ordered), ordered[low], ordered[-1 - low]


def measured(case: Case, device: str, pairs: int, folder: Path) -> Row:
    """All three in turn, after one run each that is not counted."""
    rng = np.random.default_rng(0)
    np.save(folder / "images.npy", rng.integers(0, 256, (case.images, case.side, case.side), dtype=np.uint8))
    np.save(folder / "labels.npy", rng.integers(0, 2, (case.images, 1)).astype(np.float32))
    mapped, where = np.load(folder / "images.npy", mmap_mode="r"), torch.device(device)
    labels = torch.from_numpy(np.load(folder / "labels.npy")).to(where)
    pixels = torch.from_numpy(np.array(mapped)).to(where) if device == "cuda" else mapped
    images = StoredImages(pixels, np.arange(case.images), MEAN, STD, where)
    constant = Constant(images[torch.arange(case.batch)], case.images)
    ways = [loop(case, device, images, labels), loop(case, device, constant, labels), plain(case, device, folder)]
    for way in ways:
        way()
    runs = [[seconds(way) for way in ways] for _ in range(pairs)]
    return Row(
        case.model,
        case.side,
        case.batch,
        device,
        case.images / statistics.median(ours for ours, _, _ in runs),
        median([theirs / ours for ours, theirs, _ in runs]),
        median([theirs / ours for ours, _, theirs in runs]),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device = options.device
    if device == "cpu":
        torch.set_num_threads(1)  # as a worker of a run has it
    rows = []
    for case in GPU if device == "cuda" else CPU:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measured(case, device, options.pairs, Path(folder)))
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    for row in rows:
        (limit, a, b), (gain, c, d) = row.of_constant, row.over_plain
        print(
            f"{row.model} {row.side} px, batches of {row.batch}, {row.device}: {row.images_per_second:,.0f} images/s, "
            f"{limit:.3f} [{a:.3f}, {b:.3f}] of one constant batch, {gain:.2f} [{c:.2f}, {d:.2f}] times the plain loop"
        )


if __name__ == "__main__":
    main()
