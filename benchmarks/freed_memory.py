"""What keeping freed memory brings on a CPU: `python -m benchmarks.freed_memory [--pairs N] [--json]`.

Two processes of one thread do the same work in turn: one gives freed memory back to the system, as C libraries do, the
other keeps it, as every process that computes for xraybench. Work is training steps, or DeepLIFT of a few images. The
ratio is gives back / keeps, the median over pairs with its 95 % interval; over 1 keeping is faster. Peaks are those of
the two processes, torch itself included. Run it alone on the machine.
"""

import argparse
import json
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cache
from multiprocessing import get_context

import torch

from benchmarks.choices import steps
from benchmarks.explaining import case_of
from benchmarks.training import Case, median, seconds
from xraybench import registry
from xraybench.explaining import ExplainAgain
from xraybench.memory import keep_freed_memory

TRAINING = (Case("small-cnn", 64, 64, 640), Case("densenet-tiny", 64, 64, 640), Case("densenet121", 224, 8, 16))
EXPLAINING = (Case("small-cnn", 64, 16, 64), Case("densenet-tiny", 64, 16, 64), Case("densenet121", 224, 6, 18))


@dataclass(frozen=True)
class Row:
    """Work: how many times as fast, with the interval; peak bytes of the process that gives back and of the other."""

    work: str
    model: str
    side: int
    batch: int
    speedup: tuple[float, float, float]
    peaks: tuple[int, int]


@cache
def training(case: Case):
    """Steps, with what they need made once a process."""
    return steps(case, "cpu", {}, ExitStack())


@cache
def explaining(case: Case):
    """DeepLIFT bound to its images."""
    found = case_of(case.model, case.side, case.batch, "cpu")
    explainer = registry.build("explainers", registry.parse_call("deeplift"))
    context = replace(found.context, batch_size=case.batch)
    again = ExplainAgain(explainer, found.model, found.targets, context)
    return lambda count: [again(found.images) for _ in range(count)]


def timed(work: str, case: Case) -> float:
    """Seconds of it, in this process."""
    torch.set_num_threads(1)
    does = {"training": training, "deeplift": explaining}[work](case)
    return seconds(lambda: does(case.images // case.batch))


def peak() -> int:
    """Bytes: the most that this process has held."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measured(work: str, case: Case, pairs: int) -> Row:
    """Both in turn, each first in every other pair, after one round that is not counted."""
    spawn = get_context("spawn")
    with (
        ProcessPoolExecutor(1, spawn) as gives_back,
        ProcessPoolExecutor(1, spawn, initializer=keep_freed_memory) as keeps,
    ):
        ratios = []
        for pair in range(pairs + 1):
            order = (gives_back, keeps) if pair % 2 else (keeps, gives_back)
            taken = {id(process): process.submit(timed, work, case).result() for process in order}
            ratios.append(taken[id(gives_back)] / taken[id(keeps)])
        peaks = gives_back.submit(peak).result(), keeps.submit(peak).result()
    return Row(work, case.model, case.side, case.batch, median(ratios[1:]), peaks)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--pairs", type=int, default=10)
    options = parser.parse_args()
    found = []
    for work, cases in (("training", TRAINING), ("deeplift", EXPLAINING)):
        for case in cases:
            row = measured(work, case, options.pairs)
            found.append(asdict(row))
            (ratio, low, high), (one, other) = row.speedup, row.peaks
            line = f"{work}, {case.model} {case.side} px, batches of {case.batch}: {ratio:.2f} [{low:.2f}, {high:.2f}] "
            line += f"times as fast, peak {one / 2**20:.0f} -> {other / 2**20:.0f} MiB"
            print(line, file=sys.stderr if options.json else sys.stdout, flush=True)
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
