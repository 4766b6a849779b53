"""Figures of Quantus and of ours, in this order, that show where the two differ: on one model, six images or thirty."""

from __future__ import annotations

import dataclasses
from contextlib import redirect_stdout
from io import StringIO
from typing import Any
from unittest import mock

import numpy as np
import quantus
import torch
from torch import Tensor, nn

from tests.metrics.asking import asked, gradient
from tests.metrics.cases import evidence
from xraybench.metrics._curves import curve
from xraybench.metrics.completeness import Completeness
from xraybench.metrics.complexity import Complexity
from xraybench.metrics.effective_complexity import EffectiveComplexity
from xraybench.metrics.infidelity import Infidelity
from xraybench.metrics.input_invariance import InputInvariance
from xraybench.metrics.irof import Irof
from xraybench.metrics.local_lipschitz import LocalLipschitz
from xraybench.metrics.monotonicity import Monotonicity
from xraybench.metrics.mprt import Mprt
from xraybench.metrics.pointing_game import PointingGame
from xraybench.metrics.random_logit import RandomLogit, _step
from xraybench.metrics.relative_output_stability import RelativeOutputStability
from xraybench.metrics.relevance_mass import RelevanceMass
from xraybench.metrics.road import Road
from xraybench.metrics.sensitivity_n import SensitivityN
from xraybench.metrics.smooth_mprt import SmoothMprt
from xraybench.metrics.srg import Srg
from xraybench.metrics.sufficiency import Sufficiency
from xraybench.spec import Evidence

Figures = tuple[float, float]
MEAN = 0.25  # the cases' training mean


def all_zero(model: nn.Module) -> Figures:
    here = evidence(model=model, maps=torch.zeros(6, 12, 12))
    metric = quantus.PointingGame(abs=False, normalise=False, disable_warnings=True)
    hits = metric.evaluate_batch(a_batch=np.zeros((6, 1, 12, 12)), s_batch=here.regions["finding"][:, None].numpy())
    return float(np.mean(hits)), PointingGame()(here).mean().item()


def signed(model: nn.Module) -> Figures:
    here = evidence(count=30, model=model)
    metric = quantus.RelevanceMassAccuracy(abs=False, normalise=False, disable_warnings=True)
    theirs = metric.evaluate_batch(a_batch=here.maps[:, None].numpy(), s_batch=here.regions["finding"][:, None].numpy())
    return float(np.max(theirs)), RelevanceMass()(here).max().item()


def batch_mates(model: nn.Module) -> Figures:
    here = evidence(model=model)
    maps = here.maps.clone()
    maps[0] *= 100.0
    louder = altered(here, maps)
    quiet, loud = (np.array(asked(one, "Infidelity", n_perturb_samples=1, normalise=True)) for one in (here, louder))
    ours = (Infidelity()(louder) / Infidelity()(here) - 1)[1:].abs().max().item()
    return float(np.abs(loud / quiet - 1)[1:].max()), ours


def points(model: nn.Module) -> Figures:
    here = evidence(model=model)
    theirs = asked(here, "PixelFlipping", features_in_step=9, perturb_baseline=MEAN)
    return np.shape(theirs)[1], curve(here, "deletion", Srg("mean", 16)).shape[1]


def second_batch(model: nn.Module) -> Figures:
    """Of ROAD's scores, as the maps of the second half are turned into their opposites."""
    here = evidence(model=model)
    turned = altered(here, torch.cat([here.maps[:3], -here.maps[3:]]))
    shares = [20, 40, 60, 80]
    one, other = (np.array(list(asked(each, "ROAD", size=3, percentages=shares).values())) for each in (here, turned))
    return float(np.abs(one - other).max()), (Road()(here) - Road()(turned)).abs().max().item()


def additive(model: nn.Module) -> Figures:
    here = linearised(model)
    theirs = asked(here, "SensitivityN", features_in_step=9, perturb_baseline=MEAN)
    return float(np.mean(theirs)), SensitivityN()(here).mean().item()


def more_draws(model: nn.Module) -> Figures:
    here = evidence(model=model)
    few, many = (np.array(asked(here, "Infidelity", n_perturb_samples=count)) for count in (1, 10))
    ours = (Infidelity(draws=4)(here) - Infidelity(draws=40)(here)).abs().max().item()
    return float(np.abs(few - many).max()), ours


def opposite(model: nn.Module) -> Figures:
    here = evidence(model=model)
    upside = altered(here, -here.maps)
    one, other = (np.array(asked(each, "Monotonicity", features_in_step=9), float) for each in (here, upside))
    return float(np.abs(one - other).max()), (Monotonicity()(here) - Monotonicity()(upside)).abs().max().item()


def others_maps(model: nn.Module) -> Figures:
    """Of the second half of the images, as the first half gets other maps."""
    here = evidence(count=30, model=model)
    other = altered(here, torch.cat([evidence(count=15, model=model, seed=1).maps, here.maps[15:]]))
    one, two = (np.array(asked(each, "Sufficiency", normalise=True)) for each in (here, other))
    ours = Sufficiency()(here) - Sufficiency()(other)
    return float(np.abs(one - two)[15:].max()), ours[15:].abs().max().item()


def tenfold(model: nn.Module) -> Figures:
    here = evidence(model=model)
    larger = dataclasses.replace(
        here, maps=10 * here.maps, explain=lambda images, model=None: 10 * here.explain(images, model), shared={}
    )
    one = np.array(asked(here, "LocalLipschitzEstimate", nr_samples=4))
    ten = np.array(asked(larger, "LocalLipschitzEstimate", times(10), nr_samples=4))
    return float((ten / one).max()), (LocalLipschitz()(larger) / LocalLipschitz()(here)).max().item()


def one_small_pixel(model: nn.Module) -> Figures:
    here = evidence(model=model)
    maps = here.maps.clone()
    maps[:, 6, 6] = 1e-4 * maps.flatten(1).abs().amax(1)
    small = altered(here, maps)
    settings = {"nr_samples": 4, "return_nan_when_prediction_changes": False}
    one, other = (np.array(asked(each, "RelativeOutputStability", **settings)) for each in (here, small))
    ours = RelativeOutputStability()(small) / RelativeOutputStability()(here)
    return float((other / one).max()), ours.max().item()


def trained_counted(model: nn.Module) -> Figures:
    here = evidence(model=model)
    theirs = asked(here, "MPRT", return_average_correlation=True)
    return float(np.mean(theirs)), Mprt()(here).mean().item()


def deaf(model: nn.Module) -> Figures:
    """Of an explainer that asks the trained model, whichever it is given."""
    here = evidence(model=model)
    ours = dataclasses.replace(here, explain=lambda images, model=None: here.explain(images))
    theirs = asked(
        here, "SmoothMPRT", lambda model, inputs, targets, **_: gradient(here.model, inputs, targets),
        nr_samples=4, return_average_correlation=True,
    )  # fmt: skip
    return float(np.mean(theirs)), SmoothMprt()(ours).mean().item()


def flattened(model: nn.Module) -> Figures:
    """Of the same other logit."""
    here = evidence(model=model)
    other = (here.targets + _step(3)) % 3
    theirs = asked(
        here, "RandomLogit", lambda model, inputs, targets, **_: gradient(model, inputs, other), num_classes=3
    )
    return float(np.mean(theirs)), RandomLogit()(here).mean().item()


def millionth(model: nn.Module) -> Figures:
    here = evidence(model=model)
    tiny = altered(here, 1e-6 * here.maps)
    theirs = np.array(asked(tiny, "EffectiveComplexity", abs=True)) / here.maps[0].numel()
    return float(theirs.mean()), EffectiveComplexity()(tiny).mean().item()


def all_but_a_thousandth(model: nn.Module) -> Figures:
    here = linearised(model)
    nearly = altered(here, 0.999 * here.maps)
    theirs = asked(nearly, "Completeness", perturb_baseline=MEAN)
    return float(np.mean(theirs)), Completeness()(nearly).mean().item()


def overwritten(model: nn.Module) -> Figures:
    here = evidence(model=model)
    here = altered(here, here.maps.abs())
    maps, before = here.maps[:, None].numpy().copy(), here.maps.clone()
    for name in ("Complexity", "Sparseness"):
        with redirect_stdout(StringIO()):  # it advises in print
            metric = getattr(quantus, name)(abs=False, normalise=False, disable_warnings=True)
        metric(model=here.model, x_batch=here.images.numpy(), y_batch=here.targets.numpy(), a_batch=maps)
    Complexity()(here)
    return relative(torch.from_numpy(maps[:, 0]), before), relative(here.maps, before)


def plain_gradient(model: nn.Module) -> Figures:
    """The share of images on which the gradient, which does not know where zero lies, is called invariant."""
    here = evidence(model=model)

    def explain(images: Tensor, asked_of: nn.Module | None = None) -> Tensor:
        point = images.detach().requires_grad_()
        logits = (asked_of or model)(point).gather(1, here.targets[:, None]).sum()
        return torch.autograd.grad(logits, point)[0].sum(1)

    def theirs(model: nn.Module, inputs: Any, targets: Any, **_: Any) -> np.ndarray:
        return explain(torch.as_tensor(inputs, dtype=torch.float32), model)[:, None].numpy()

    alone = dataclasses.replace(here, maps=explain(here.images), explain=explain)
    said = asked(alone, "InputInvariance", theirs, input_shift=1)
    return float(np.mean(said)), (InputInvariance()(alone) < 1e-4).double().mean().item()


def nothing_falls(model: nn.Module) -> Figures:
    """Of images in which no superpixel differs from what replaces it; with numpy's old name for the trapezoid rule."""
    blank = evidence(model=model)
    here = dataclasses.replace(blank, images=torch.full_like(blank.images, MEAN), shared={})
    with mock.patch.object(np, "trapz", np.trapezoid, create=True):
        theirs = asked(here, "IROF", return_aggregate=False)
    return float(np.mean(theirs)), Irof()(here).abs().mean().item()


def altered(here: Evidence, maps: Tensor) -> Evidence:
    """The same evidence with other maps."""
    return dataclasses.replace(here, maps=maps, shared={})


def times(factor: float) -> Any:
    """The cases' explainer in other units."""
    return lambda model, inputs, targets, **_: factor * gradient(model, inputs, targets)


def linearised(model: nn.Module) -> Evidence:
    """Evidence of the additive model that has the model's gradient at the training mean; the map, what pixels add."""
    mean = torch.full((3, 1, 12, 12), MEAN, requires_grad=True)
    (slopes,) = torch.autograd.grad(model(mean).diagonal().sum(), mean)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(144, 3)).eval()
    flat.load_state_dict({"1.weight": slopes.flatten(1), "1.bias": torch.zeros(3)})
    here = evidence(model=flat)
    return altered(here, slopes[here.targets, 0] * (here.images - here.baseline)[:, 0])


def relative(found: Tensor, before: Tensor) -> float:
    """By what share of the largest value the values moved, at most."""
    return ((found - before).abs().max() / before.abs().max()).item()
