"""Images in batches of each size: `python -m benchmarks.batches [NAME...] [--device cuda] [--rounds N] [--json]`.

For each network and image size, what images take in the tool's batch over what they take in the fastest of that one,
its halves and its double: 1.00 is the fastest. `forwards`: the batch of explainers that only forward, on a GPU found by
measuring and kept (here anew, in a folder of its own). `backwards`: forwards with their backwards, in a batch that the
image's size alone decides. The ratio is the median over interleaved rounds; images a second are the tool's. One thread
on a CPU, as a worker of a run has it. Run it alone on the machine.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

import torch

from benchmarks.explaining import backwards, forwards, seconds_of
from xraybench import registry
from xraybench.cells.bench import batch_size_of
from xraybench.cells.sweet_spot import sweet_spot
from xraybench.memory import keep_freed_memory

CASES = (("small-cnn", 64), ("densenet-tiny", 64), ("resnet18", 64), ("resnet18", 224), ("densenet121", 224))


@dataclass(frozen=True)
class Row:
    """A network's images in the tool's batch: over the fastest batch's seconds; seconds an image, by batch size."""

    model: str
    side: int
    device: str
    work: str
    batch: int
    fastest: int
    ratio: float
    images_per_second: float
    seconds_an_image: dict[int, float]


def rows(device: str, names: list[str], rounds: int) -> Iterator[Row]:
    """Of the networks named, or of all."""
    for name, side in CASES:
        if names and name not in names:
            continue
        torch.manual_seed(0)
        model = registry.load(registry.find("models", name))(1, 1, side).eval().to(device)
        model.requires_grad_(False).to(memory_format=torch.channels_last)
        images = torch.rand(1, 1, side, side, device=device)
        least = batch_size_of(side, images.device)
        spot = least if device == "cpu" else sweet_spot(model, images[0], least)
        for work, batch in ((forwards, spot), (backwards, least)):
            passed = partial(work, model, images)
            yield Row(name, side, device, work.__name__, batch, *measured(batch, passed, device, rounds))


def measured(
    batch: int, passed: Callable[[int, int], None], device: str, rounds: int
) -> tuple[int, float, float, dict[int, float]]:
    """The fastest of the batch, its halves and its double, in turn; the ratio, images a second, seconds an image.

    passed(size, count): so many images pass, in batches of a size.
    """
    count, sizes = 2 * batch, sorted({max(1, 2 * batch >> k) for k in range(8)})

    def round_of_all() -> dict[int, float]:
        return {size: seconds_of(partial(passed, size, count), device) / count for size in sizes}

    round_of_all()
    taken = [round_of_all() for _ in range(rounds)]
    each = {size: statistics.median(one[size] for one in taken) for size in sizes}
    best = min(sizes, key=each.__getitem__)
    return best, statistics.median(one[batch] / one[best] for one in taken), 1 / each[batch], each


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="networks; all where none is named")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    if unknown := set(asked.names) - {name for name, _ in CASES}:
        parser.error(f"not measured: {', '.join(sorted(unknown))}; there is {', '.join(dict(CASES))}")
    torch.set_num_threads(1)
    keep_freed_memory()  # as every process that explains
    found = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for row in rows(asked.device, asked.names, asked.rounds):
            found.append(asdict(row))
            line = f"{row.model} {row.side} px, {row.device}, {row.work}: {row.ratio:.2f}, in batches of {row.batch} "
            line += f"beside {row.fastest}; {row.images_per_second:.0f} images a second"
            print(line, file=sys.stderr if asked.json else sys.stdout, flush=True)
    if asked.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
