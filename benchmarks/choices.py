"""What a recipe's choices bring: `python -m benchmarks.choices [NAME...] [--device cuda] [--pairs N] [--json]`.

The steps of one network on one batch that is there already: as the plain recipe takes them (float32, not compiled,
channels_last), and with `bf16 = "everywhere"`, with `compile = true`, with both; interleaved, a few steps each. A ratio
is plain / chosen, the median over pairs with its 95 % interval; over 1 the choice is faster. `first` is the seconds of
the first step, in which a compiled network is compiled: cached on disk, it takes less a second time. One thread on a
CPU, as a worker of a run has it. Run it alone on the machine.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass

import torch

from benchmarks.training import Case, median, network, seconds
from xraybench.recipe.compiled import compiled
from xraybench.recipe.loss import Loss
from xraybench.recipe.optimise import optimizer_of
from xraybench.recipe.team import Team
from xraybench.tasks import Stage

CHOICES = {
    "bf16": {"bf16": "everywhere"},
    "compile": {"compile": True},
    "both": {"bf16": "everywhere", "compile": True},
}
CPU = (
    (Case("small-cnn", 64, 64, 640), ("bf16", "compile", "both")),
    (Case("densenet-tiny", 64, 64, 256), ("bf16", "compile", "both")),
    (Case("resnet18", 224, 8, 16), ("bf16",)),
    (Case("densenet121", 224, 8, 8), ("bf16",)),
)
GPU = tuple(
    (case, ("bf16", "compile", "both"))
    for case in (
        Case("small-cnn", 64, 64, 6400),
        Case("densenet121", 224, 64, 1280),
        Case("densenet169", 320, 32, 640),
    )
)


@dataclass(frozen=True)
class Row:
    """A network and a choice: how many times as fast, with the interval.

    first, images_per_second: of the plain steps, and of the chosen.
    """

    model: str
    side: int
    batch: int
    device: str
    choice: str
    speedup: tuple[float, float, float]
    first: tuple[float, float]
    images_per_second: tuple[float, float]


def steps(case: Case, device: str, choice: dict[str, object], stack: ExitStack) -> Callable[[int], None]:
    """So many steps of a recipe with the choice; what it compiles stays until the stack is left."""
    stage = Stage(iterations=1, batch_size=case.batch, optimizer="adam", learning_rate=1e-4, **choice)
    model = network(case, device).to(memory_format=torch.channels_last).train()
    called = stack.enter_context(compiled(model, stage, Team()))
    optimizer, loss = optimizer_of(model, stage), Loss()
    images = torch.randn(case.batch, 1, case.side, case.side, device=device)
    labels = torch.randint(0, 2, (case.batch, 1), device=device).float()

    def take(count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device, torch.bfloat16, enabled=bool(stage.bf16)):
                logits = called(images)
            loss(logits.float(), labels).backward()
            optimizer.step()

    return take


def measured(case: Case, device: str, choice: str, pairs: int) -> Row:
    """Both in turn, after three steps each that are not counted (a CUDA graph is recorded in the second)."""
    count = case.images // case.batch
    with ExitStack() as stack:
        both = [steps(case, device, fields, stack) for fields in ({}, CHOICES[choice])]
        plain, chosen = (seconds(lambda way=way: way(1)) for way in both)
        for way in both:
            way(2)
        runs = [[seconds(lambda way=way: way(count)) for way in both] for _ in range(pairs)]
    rates = [count * case.batch / statistics.median(column) for column in zip(*runs, strict=True)]
    ratio = median([one / other for one, other in runs])
    return Row(case.model, case.side, case.batch, device, choice, ratio, (plain, chosen), (rates[0], rates[1]))


def rows(device: str, pairs: int, names: list[str]) -> Iterator[Row]:
    """Of the networks named, or of all."""
    for case, choices in GPU if device == "cuda" else CPU:
        for choice in choices if not names or case.model in names else ():
            yield measured(case, device, choice, pairs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="networks; all where none is named")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    known = {case.model for case, _ in (GPU if options.device == "cuda" else CPU)}
    if unknown := set(options.names) - known:
        parser.error(
            f"not measured on {options.device}: {', '.join(sorted(unknown))}; there is {', '.join(sorted(known))}"
        )
    torch.set_num_threads(1)
    found = []
    for row in rows(options.device, options.pairs, options.names):
        found.append(asdict(row))
        (ratio, low, high), (_, first) = row.speedup, row.first
        line = f"{row.model} {row.side} px, batches of {row.batch}, {row.device}, {row.choice}: "
        line += f"{ratio:.2f} [{low:.2f}, {high:.2f}] times as fast, {first:.1f} s for the first step"
        print(line, file=sys.stderr if options.json else sys.stdout, flush=True)
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
