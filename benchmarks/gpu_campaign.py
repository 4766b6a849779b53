"""What is published from a GPU, in pieces: `python -m benchmarks.gpu_campaign --out DIR [--minutes 9] [--list]`.

Tests that need a GPU, benchmarks, then runs: first every paper with fast explainers and metrics, then with all of them.
The same command with the same DIR goes on: what is finished is skipped, and a run that was stopped goes on from its
records and checkpoints. The command that runs when the minutes are nearly over is stopped.

DIR/campaign.json   what stands how
DIR/NAME.json       what a command printed when it ended (NAME.part: until then; tests: gpu-tests.txt and .xml)
DIR/NAME.log        what it said
DIR/runs            all run folders

MNIST's files are looked for in --mnist (or the folder that XRAYBENCH_DATA_MNIST names), ImageNet's weights in the
folder that XRAYBENCH_WEIGHTS names; without these the models that start from them fail, and are tried again. Exit codes
as xraybench has them: 0 all is finished, 3 what could be done is, with failures, 130 there is more to do.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

GRACE = 10.0  # seconds that a command has to end after each of the first two signals
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
PAPERS = ("anatomy", "tb", "chexpert", "mnist", "wrist", "mura")  # by what training takes, the least first
BREADTHS = ("fast", "all")  # of explainers and metrics
MORE_TO_DO, WITH_FAILURES = 130, 3


@dataclass(frozen=True)
class Entry:
    """One command. resumes: given again, it goes on where it was stopped. lacks: why it is left out here."""

    name: str
    command: tuple[str, ...]
    resumes: bool = False
    lacks: str = ""


@dataclass(frozen=True)
class Standing:
    """How an entry stands: left, stopped, failed, finished, or left out; seconds over all calls, the last exit code."""

    name: str
    status: str = "left"
    seconds: float = 0.0
    code: int | None = None
    reason: str = ""


def campaign(out: Path, device: str, mnist: str | None) -> list[Entry]:
    """All entries in their order."""
    alone = "" if device == "cuda" else "for a GPU"
    tests = ("pytest", "-m", "gpu", "-n0", f"--junitxml={out / 'gpu-tests.xml'}", "tests")
    entries = [
        Entry("gpu-tests", _module(*tests), lacks=alone),
        Entry("training", _module("benchmarks.training", "--device", device, "--pairs", "5", "--json")),
        Entry("choices", _module("benchmarks.choices", "--device", device, "--pairs", "7", "--json")),
        Entry("batches", _module("benchmarks.batches", "--device", device, "--json")),
        Entry("explaining", _module("benchmarks.explaining", "--device", device, "--json")),
        Entry("scoring", _module("benchmarks.scoring", "--fewest", "5", "--device", device, "--json")),
    ]
    return entries + [_run(task, breadth, out, device, mnist) for breadth in BREADTHS for task in PAPERS]


def _run(task: str, breadth: str, out: Path, device: str, mnist: str | None) -> Entry:
    """A paper's models on phantoms, or on MNIST."""
    asked = ["--task", task, "--preset", "paper", "--explainer", breadth, "--metric", breadth]
    asked += ["--source", "mnist", "--data", mnist or "FOLDER"] if task == "mnist" else []
    lacks = "MNIST's files: give --mnist FOLDER" if task == "mnist" and mnist is None else ""
    command = _module("xraybench", "run", *asked, "--device", device, "--out", str(out / "runs"), "--json")
    return Entry(f"{task}-{breadth}", command, resumes=True, lacks=lacks)


def _module(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *words)


def standings(entries: Sequence[Entry], out: Path) -> dict[str, Standing]:
    """As the last call left them; what could not be done then, and can now, is left to do."""
    path = out / "campaign.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found = {entry.name: Standing(entry.name, **kept.get(entry.name, {})) for entry in entries}
    return found | {one.name: Standing(one.name, "left out", reason=one.lacks) for one in entries if one.lacks}


def keep(found: dict[str, Standing], out: Path) -> None:
    """For the next call."""
    plain = {name: asdict(one) for name, one in found.items() if one.status not in ("left", "left out")}
    for one in plain.values():
        del one["name"]
    part = out / "campaign.json.part"
    part.write_text(json.dumps(plain, indent=1), encoding="utf-8")
    part.replace(out / "campaign.json")


def to_do(entries: Sequence[Entry], found: dict[str, Standing]) -> list[Entry]:
    """What is not finished, in order, and after it what failed."""
    open_ones = [entry for entry in entries if found[entry.name].status in ("left", "stopped")]
    return open_ones + [entry for entry in entries if found[entry.name].status == "failed"]


def work(entries: Sequence[Entry], out: Path, seconds: float, say: Callable[[str], None]) -> dict[str, Standing]:
    """Do what is to do until the time is nearly over; how all stands then."""
    out.mkdir(parents=True, exist_ok=True)
    found, end = standings(entries, out), time.monotonic() + seconds - 2 * GRACE
    for number, entry in enumerate(to_do(entries, found)):
        if time.monotonic() >= end:
            break
        say(f"{entry.name}: {' '.join(entry.command)}")
        began, before = time.monotonic(), found[entry.name].seconds
        code, stopped = execute(entry, out, end - began)
        status, reason = _judged(entry, out, code, stopped, alone=number == 0)
        found[entry.name] = Standing(entry.name, status, round(before + time.monotonic() - began, 1), code, reason)
        keep(found, out)
        say(line(found[entry.name]))
    return found


def _judged(entry: Entry, out: Path, code: int, stopped: bool, alone: bool) -> tuple[str, str]:
    """A command's status with the reason. alone: it had the whole call for itself."""
    if code == 0:
        return "finished", ""
    if stopped and (entry.resumes or not alone):
        return "stopped", ""
    return "failed", "takes more minutes than a call has" if stopped else f"see {out / entry.name}.log"


def execute(entry: Entry, out: Path, seconds: float) -> tuple[int, bool]:
    """Run a command for at most so long; its exit code, and whether it was stopped."""
    part, stopped = out / f"{entry.name}.part", False
    with part.open("w", encoding="utf-8") as printed, (out / f"{entry.name}.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(entry.command, stdout=printed, stderr=log, start_new_session=True)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            stopped = True
        finally:
            code = stop(process)
    if code in (0, WITH_FAILURES):
        part.replace(part.with_suffix(".json" if "--json" in entry.command else ".txt"))
    return code, stopped


def stop(process: subprocess.Popen[Any]) -> int:
    """End a command as a person would, and harder where that does not help; its exit code."""
    for one in STOPPING:
        if process.poll() is None:
            if one == signal.SIGKILL:
                os.killpg(process.pid, one)  # its workers, too: it leads a session of its own
            process.send_signal(one)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                continue
    return process.wait()


def line(one: Standing) -> str:
    """`tb-fast: stopped after 412 s`."""
    after = f" after {one.seconds:.0f} s" if one.seconds else ""
    return f"{one.name}: {one.status}{after}" + (f": {one.reason}" if one.reason else "")


def code_of(found: dict[str, Standing]) -> int:
    """The exit code for how all stands."""
    every = {one.status for one in found.values()}
    return MORE_TO_DO if every & {"left", "stopped"} else WITH_FAILURES if "failed" in every else 0


def main() -> int:
    """Work, or list, and print how all stands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--minutes", type=float, default=9.0, help="after which this call has ended")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--mnist", default=os.environ.get("XRAYBENCH_DATA_MNIST"), metavar="FOLDER")
    parser.add_argument("--list", action="store_true", help="say how all stands, and do nothing")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    if not asked.list and 60 * asked.minutes <= 3 * GRACE:
        parser.error(f"--minutes {asked.minutes:g}: a command needs {2 * GRACE:.0f} s to end, so give a minute or more")
    if asked.mnist is not None and not Path(asked.mnist).is_dir():
        parser.error(f"--mnist {asked.mnist}: no such folder")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whatever ends this call ends its command, too
    entries = campaign(asked.out, asked.device, asked.mnist)
    if asked.list:
        found = standings(entries, asked.out)
    else:
        found = work(entries, asked.out, 60 * asked.minutes, lambda text: print(text, file=sys.stderr, flush=True))
    print(
        json.dumps([asdict(one) for one in found.values()], indent=1)
        if asked.json
        else "\n".join(map(line, found.values()))
    )
    return code_of(found)


if __name__ == "__main__":
    sys.exit(main())
