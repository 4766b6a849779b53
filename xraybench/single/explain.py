"""Explain radiographs with a trained model of a run: several images, explainers and targets at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xraybench import registry
from xraybench.cells import Report
from xraybench.cells.bench import bench
from xraybench.data.preprocessing import View, process
from xraybench.data.radiograph import read_radiograph
from xraybench.errors import NotApplicableError, UsageError
from xraybench.explainers.captum_peer import Captum
from xraybench.explainers.zennit_peer import Zennit
from xraybench.identity import seed_of
from xraybench.leaderboard.overlays import Floats, colour_scale
from xraybench.planning import expand, with_settings
from xraybench.registry import Call
from xraybench.single.findings import Explained, Findings, MapOf, Skipped, Target
from xraybench.single.targets import check_targets, outputs_of, probabilities, targets_of
from xraybench.single.trained import Trained, trained_model
from xraybench.spec import ClassAgnostic, Context

if TYPE_CHECKING:
    from torch import Tensor, nn

SHOWN = 512  # pixels a side of the radiograph as it is shown
Box = tuple[float, float, float, float]  # x, y, width, height: pixels of the file


@dataclass(frozen=True)
class Request:
    """What is asked for. explainers: calls or groups; targets: `predicted`, labels, numbers of logits.

    run: its folder, or that of a model in it. box: a finding's place, to be outlined; for a single image. device: as a
    run's.
    """

    images: tuple[Path, ...]
    run: Path
    model: str | None
    explainers: tuple[str, ...]
    targets: tuple[str, ...]
    box: Box | None = None
    device: str = "auto"


@dataclass(frozen=True)
class _Shown:
    """A decoded radiograph: what the model sees, float32 [S,S], what is shown of it, and the box on that."""

    path: Path
    seen: np.ndarray
    grey: NDArray[np.uint8]
    box: NDArray[np.bool_]


def explain_images(
    request: Request,
    report: Report = lambda what, done, total: None,
    keep: Callable[[Findings, Explained], None] = lambda findings, one: None,
) -> Findings:
    """Every image explained; errors (a file, a name, a run that will not do) come before anything is computed.

    report: told before each map, of how many; keep: given each image when it is done, with what there is so far.
    UsageError where no explainer applies to the first image; those that do not apply to one are in `skipped`.
    """
    import torch

    from xraybench.training import predict

    if request.box and len(request.images) > 1:
        raise UsageError("a box belongs to one image", "give one image with --box")
    trained = trained_model(request.run, request.model, request.device)
    task = trained.place.task
    check_targets(request.targets, task)
    calls = expand("explainers", request.explainers, task, trained.preset)
    whole = [with_settings(call, trained.preset.explainers) for call in calls]
    built = [(call, registry.build("explainers", call)) for call in whole]
    desk = bench(trained.place)
    shown = [_decoded(path, trained, desk.image_size, request.box) for path in request.images]
    network = desk.model(trained.job)
    inputs = desk.normalised(torch.from_numpy(np.stack([one.seen for one in shown])).to(desk.device))
    logits = predict(network, inputs).double().cpu().numpy()
    names = _names([one.path.stem for one in shown])
    run, total = trained.run, len(shown) * len(built)
    findings = Findings(trained.job.label, run.name, run.title, run.phantom, desk.image_size, (), ())
    for number, (one, name, image, row) in enumerate(zip(shown, names, inputs.split(1), logits, strict=True)):
        context = desk.context_of(network, torch.tensor([seed_of("image", one.path.name)]))
        tell = partial(_tell, report, name, number * len(built), total)
        maps, skipped = _maps(built, network, image, targets_of(request.targets, task, row), context, tell)
        if number == 0 and len(skipped) == len(built):
            reasons = "; ".join(f"{each.explainer}: {each.reason}" for each in skipped)
            hint = "choose others: xraybench list explainers"
            raise UsageError(f"no explainer applies to this model: {reasons}", hint)
        made = Explained(one.path, name, one.grey, one.box, _by_label(trained, row), _targets(trained, row, maps))
        known = dict.fromkeys((*findings.skipped, *skipped))
        findings = replace(findings, images=(*findings.images, made), skipped=tuple(known))
        keep(findings, made)
    report("explaining", total, total)
    return findings


def _tell(report: Report, name: str, before: int, total: int, place: int, call: Call) -> None:
    report(f"explaining · {name}, {call}", before + place, total)


def _decoded(path: Path, trained: Trained, size: int, box: Box | None) -> _Shown:
    radiograph = read_radiograph(path)
    view = View(radiograph, {} if box is None else {"box": _mask(radiograph.shape, box)})
    seen = process(view, trained.steps, size).image
    shown = process(view, trained.steps, max(SHOWN, size))
    grey = np.rint(255 * np.clip(shown.image, 0, 1)).astype(np.uint8)
    return _Shown(path, seen, grey, shown.masks.get("box", np.zeros(grey.shape, dtype=bool)))


def _mask(shape: tuple[int, ...], box: Box) -> np.ndarray:
    x, y, width, height = (round(value) for value in box)
    mask = np.zeros(shape, dtype=np.float32)
    mask[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = 1
    if width < 1 or height < 1:
        raise UsageError(f"the box {x},{y},{width},{height} is empty", "give X,Y,WIDTH,HEIGHT, a pixel or more a side")
    if not mask.any():
        raise UsageError(f"the box {x},{y},{width},{height} lies outside of the image", "give X,Y,WIDTH,HEIGHT")
    return mask


def _maps(
    built: Sequence[tuple[Call, Any]], network: nn.Module, image: Tensor, targets: Sequence[int], context: Context,
    tell: Callable[[int, Call], None],
) -> tuple[dict[int, list[MapOf]], list[Skipped]]:  # fmt: skip
    """Target -> its maps of an image [1,C,H,W], all targets as one batch; and what does not apply."""
    import torch

    from xraybench.explaining import ExplainAgain

    images = image.expand(len(targets), -1, -1, -1).contiguous()
    context = replace(context, seeds=context.seeds.expand(len(targets)))
    found: dict[int, list[MapOf]] = {target: [] for target in targets}
    skipped = []
    for place, (call, explainer) in enumerate(built):
        tell(place, call)
        again = ExplainAgain(explainer, network, torch.tensor(targets, device=image.device), context)
        try:
            maps = again(images).double().cpu().numpy()
        except NotApplicableError as error:
            skipped.append(Skipped(str(call), error.message))
            continue
        for target, values in zip(targets, maps, strict=True):
            found[target].append(_map_of(call, explainer, values))
    return found, skipped


def _map_of(call: Call, explainer: Any, values: Floats) -> MapOf:
    if isinstance(explainer, Captum):
        parameters = explainer.settings_for((1, *values.shape))
    else:
        parameters = explainer.settings if isinstance(explainer, Zennit) else registry.parameters_of(explainer)
    agnostic = isinstance(explainer, ClassAgnostic) and explainer.class_agnostic
    return MapOf(str(call), parameters, bool(explainer.signed), values, colour_scale(values), agnostic)


def _targets(trained: Trained, logits: Floats, maps: dict[int, list[MapOf]]) -> tuple[Target, ...]:
    names, shares = outputs_of(trained.place.task), probabilities(trained.place.task, logits)
    return tuple(Target(names[k], k, float(logits[k]), float(shares[k]), tuple(each)) for k, each in maps.items())


def _by_label(trained: Trained, logits: Floats) -> dict[str, float]:
    return dict(zip(outputs_of(trained.place.task), map(float, logits), strict=True))


def _names(stems: Sequence[str]) -> list[str]:
    """The stems, made unique: a second `wrist` is `wrist-2`."""
    names: list[str] = []
    for stem in stems:
        count, name = 1, stem
        while name in names:
            count += 1
            name = f"{stem}-{count}"
        names.append(name)
    return names
