"""How many images a GPU forwards at once: what it does fastest, found once on a machine and kept for all runs on it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from xraybench.errors import RecordError
from xraybench.identity import digest
from xraybench.memory import peak_memory

GAIN = 1.05  # a batch twice as large is worth it where images pass at least so many times as fast
MOST_IMAGES, MOST_BYTES = 1024, 2 * 2**30
REPEATS = 5


def sweet_spot(model: nn.Module, image: Tensor, least: int) -> int:
    """How many images like `image` [C,H,W] the model forwards at once where no gradient follows: `least` or more.

    Kept in the user's cache, by device, network and image size: scores depend on it in their last digits, and the same
    command on the same machine gives the same scores. Where nothing can be kept nothing is measured, and it is `least`.
    RecordError where what is kept there is no such number.
    """
    what = _described(model, image, least)
    try:
        path = _folder() / f"{digest(what)}.json"
        if not path.exists():
            _keep(path, what, lambda: fastest(least, lambda size: seconds_of(model, image, size)))
    except OSError:
        return least
    try:
        images = int(json.loads(path.read_text(encoding="utf-8"))["images"])
        if not least <= images <= MOST_IMAGES:
            raise ValueError(f"{images} images")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{path}: does not say how many images", "delete it: it is measured again") from error
    return images


def fastest(least: int, seconds: Callable[[int], float | None]) -> int:
    """From `least` on, double the images of a batch until that makes them pass less than GAIN times as fast.

    seconds: images of a batch -> seconds of its forward, None where it takes too much memory.
    """
    size, taken = least, seconds(least)
    while taken is not None and 2 * size <= MOST_IMAGES:
        doubled = seconds(2 * size)
        if doubled is None or 2 * taken < GAIN * doubled:
            break
        size, taken = 2 * size, doubled
    return size


def seconds_of(model: nn.Module, image: Tensor, size: int) -> float | None:
    """The least seconds that a forward of so many images takes; None where it needs more than MOST_BYTES."""
    taken = []
    try:
        batch = image.expand(size, *image.shape).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), peak_memory(image.is_cuda) as peak:
            for _ in range(1 + REPEATS):
                _wait(image.device)
                start = time.perf_counter()
                model(batch)
                _wait(image.device)
                taken.append(time.perf_counter() - start)
    except torch.OutOfMemoryError:
        return None
    return None if (peak() or 0) > MOST_BYTES else min(taken[1:])  # the first one sets things up


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _described(model: nn.Module, image: Tensor, least: int) -> dict[str, object]:
    """What the answer depends on."""
    device: dict[str, object] = {"device": image.device.type}
    if image.is_cuda:
        found = torch.cuda.get_device_properties(image.device)
        device = {"device": found.name, "memory": found.total_memory, "processors": found.multi_processor_count}
    shapes = [[name, *values.shape] for name, values in model.state_dict().items()]
    network = {"network": type(model).__name__, "weights": digest(shapes), "image": list(image.shape)}
    return {**device, **network, "torch": torch.__version__, "least": least}


def _folder() -> Path:
    """Of the user's cache, as the XDG base directory specification has it; FileNotFoundError where there is no user."""
    home = os.environ.get("XDG_CACHE_HOME")
    if home:
        return Path(home) / "xraybench" / "forwards"
    try:
        return Path.home() / ".cache" / "xraybench" / "forwards"
    except RuntimeError as error:
        raise FileNotFoundError("no home directory") from error


def _keep(path: Path, what: dict[str, object], measure: Callable[[], int]) -> None:
    """Measure and write the file whole, unless another process was first: all of them then read that one's.

    OSError before anything is measured where nothing can be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    try:
        part.write_text(json.dumps({**what, "images": MOST_IMAGES}, indent=1), encoding="utf-8")
        part.write_text(json.dumps({**what, "images": measure()}, indent=1), encoding="utf-8")
        try:
            os.link(part, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links: of two that measure at once, the later one's
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
