"""Other libraries' metrics on the same maps, where their definition is ours; and what is said where it is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock

import captum.metrics
import numpy as np
import quantus
import torch
from pytorch_grad_cam.metrics.road import NoisyLinearImputer

from tests.metrics.asking import asked, gradient
from tests.metrics.cases import gradients
from xraybench import registry
from xraybench.metrics._curves import curve
from xraybench.metrics._noisy_linear import linear_imputation
from xraybench.metrics._perturbed import changes
from xraybench.metrics._probes import drops, subsets
from xraybench.metrics._randomise import randomised, units
from xraybench.metrics._robustness import Robustness
from xraybench.metrics.avg_sensitivity import AvgSensitivity
from xraybench.metrics.efficient_mprt import EfficientMprt
from xraybench.metrics.faithfulness_correlation import FaithfulnessCorrelation
from xraybench.metrics.infidelity import Infidelity
from xraybench.metrics.max_sensitivity import MaxSensitivity
from xraybench.metrics.srg import Srg
from xraybench.spec import Evidence

Both = Callable[[Evidence], tuple[np.ndarray, np.ndarray]]
"""Evidence -> our values and the peer's."""
AS_THEY_ARE = "abs=false, normalise=false"
BY_NAME = {  # ours, and Quantus's under `quantus:`
    "pointing-game": f"PointingGame({AS_THEY_ARE})",
    "relevance-mass": f"RelevanceMassAccuracy({AS_THEY_ARE})",
    "relevance-rank": f"RelevanceRankAccuracy({AS_THEY_ARE})",
    "pixel-auroc": f"AUC({AS_THEY_ARE})",
    f"top-k-intersection(share={14 / 144})": f"TopKIntersection(k=14, {AS_THEY_ARE})",
    "complexity": "Complexity(abs=true, normalise=false)",
    "sparseness": "Sparseness(abs=true, normalise=false)",
}


WITHIN = 1e-5  # of single precision, and of the iterative solver


@dataclass(frozen=True)
class Peer:
    """A metric of ours and what it is held against."""

    metric: str
    against: str
    both: Both


def by_name(ours: str, theirs: str) -> Peer:
    """Quantus by the name of its class, on positive maps without ties."""

    def both(here: Evidence) -> tuple[np.ndarray, np.ndarray]:
        positive = dataclasses.replace(here, maps=here.maps.abs() + 0.01, shared={})
        names = (ours, f"quantus:{theirs}")
        one, other = (registry.build("metrics", registry.parse_call(name))(positive).numpy() for name in names)
        return one, other

    return Peer(ours.partition("(")[0], f"Quantus {theirs.partition('(')[0]}, positive maps without ties", both)


def pixel_flipping(here: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Points of the deletion curve; theirs has no first one, and one value for every replaced pixel."""
    flat = dataclasses.replace(here, baseline=torch.full_like(here.baseline, 0.25), shared={})
    theirs = asked(flat, "PixelFlipping", features_in_step=9, perturb_baseline=0.25)
    return curve(flat, "deletion", Srg("mean", 16))[:, 1:].numpy(), np.array(theirs)


def faithfulness_correlation(here: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Our subsets, of single pixels at this size, for those that it draws: an image after the other, a draw at once."""
    metric = FaithfulnessCorrelation(draws=12)
    drawn = subsets(here, metric, metric.share).transpose(0, 1).flatten(0, 1).flatten(1)
    with mock.patch("numpy.random.choice", side_effect=[np.flatnonzero(one) for one in drawn.numpy()]):
        theirs = asked(
            here, "FaithfulnessCorrelation", nr_runs=12, subset_size=36, perturb_baseline=0.25, return_aggregate=False
        )
    return metric(here).numpy(), np.array(theirs)


def sensitivity(metric: Robustness, name: str) -> Both:
    """Quantus's sensitivity of that name, with our draws for its noise."""

    def both(here: Evidence) -> tuple[np.ndarray, np.ndarray]:
        noise = iter(changes(here, metric))
        theirs = asked(
            here,
            name,
            nr_samples=metric.draws,
            perturb_func=lambda arr, **_: arr + next(noise).flatten(1).numpy(),
        )
        return metric(here).numpy(), np.array(theirs)

    return both


def efficient_mprt(here: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Signed maps, with our randomised model for its own."""
    anew = randomised(here.model, units(here.model))

    def explain(model: torch.nn.Module, inputs: np.ndarray, targets: np.ndarray, **_: object) -> np.ndarray:
        return gradient(model if model is here.model else anew, inputs, targets)

    theirs = asked(here, "EfficientMPRT", explain, softmax=True)  # it takes the entropy of the outputs, too
    return EfficientMprt(absolute=False)(here).numpy(), np.array(theirs)


def captum_sensitivity(here: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """sensitivity_max with our draws for its noise; it repeats each image for its draws."""
    metric = MaxSensitivity(draws=4)
    moved = torch.stack([here.images + change for change in changes(here, metric)], 1).flatten(0, 1)

    def explained(images: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        targets = here.targets.repeat_interleave(len(images[0]) // len(here.targets))
        with torch.enable_grad():
            return (gradients(here.model, images[0], targets),)

    theirs = captum.metrics.sensitivity_max(
        explained, here.images, perturb_func=lambda images: (moved,), n_perturb_samples=4
    )
    return metric(here).numpy(), theirs.detach().numpy()


def captum_infidelity(here: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Its normalised infidelity, with our subsets for its perturbations, over the mean squared change.

    It fits a factor of either sign, so that a map and its opposite score the same: the better of the two here.
    """
    metric = Infidelity(draws=12)
    opposite = dataclasses.replace(here, maps=-here.maps, shared={})
    ours = torch.minimum(metric(here), metric(opposite))
    masks = subsets(here, metric, metric.share)[:, :, None]
    change = torch.where(masks, here.images[:, None] - here.baseline, 0.0).flatten(0, 1)
    theirs = captum.metrics.infidelity(
        lambda images, targets: here.model(images).gather(1, targets[:, None])[:, 0],
        lambda images: (change, images - change),
        here.images,
        here.maps[:, None],
        additional_forward_args=(here.targets,),
        n_perturb_samples=12,
        normalize=True,
    )
    moved = drops(here, metric, metric.share).square().mean(1)
    return ours.numpy(), (theirs.detach().double() / moved).numpy()


def imputed_by_grad_cam(here: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Its linear imputation without noise."""
    keep = torch.rand(1, 1, 12, 12, generator=torch.Generator().manual_seed(0)) < 0.4
    theirs = NoisyLinearImputer(noise=0.0)(here.images[0], keep[0, 0].float())
    return linear_imputation(here.images[:1].double(), keep)[0].numpy(), np.asarray(theirs)


def imputed_by_quantus(here: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Its linear imputation without noise."""
    keep = torch.rand(1, 1, 12, 12, generator=torch.Generator().manual_seed(0)) < 0.4
    removed = np.flatnonzero(~keep.numpy())
    images = here.images[:1].double()
    theirs = quantus.noisy_linear_imputation(images[0].numpy(), removed, noise=0.0)
    return linear_imputation(images, keep)[0].numpy(), np.asarray(theirs)


PEERS = (
    *(by_name(ours, theirs) for ours, theirs in BY_NAME.items()),
    Peer("deletion-auc", "Quantus PixelFlipping, every point but the first", pixel_flipping),
    Peer("faithfulness-correlation", "Quantus FaithfulnessCorrelation, on the same subsets", faithfulness_correlation),
    Peer(
        "max-sensitivity",
        "Quantus MaxSensitivity, under the same noise",
        sensitivity(MaxSensitivity(draws=4), "MaxSensitivity"),
    ),
    Peer(
        "avg-sensitivity",
        "Quantus AvgSensitivity, under the same noise",
        sensitivity(AvgSensitivity(draws=4), "AvgSensitivity"),
    ),
    Peer("efficient-mprt", "Quantus EfficientMPRT, signed maps, the same randomised model", efficient_mprt),
    Peer("road", "Quantus noisy_linear_imputation, without noise", imputed_by_quantus),
    Peer("road", "grad-cam NoisyLinearImputer, without noise", imputed_by_grad_cam),
    Peer("max-sensitivity", "captum sensitivity_max, under the same noise", captum_sensitivity),
    Peer(
        "infidelity",
        "captum infidelity (normalize=True), under the same subsets, the better of a map and its opposite",
        captum_infidelity,
    ),
)
