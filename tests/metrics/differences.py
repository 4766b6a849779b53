"""Where Quantus 0.6.0 computes something else than the paper it names, or than we do; what can be shown is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import quantus
import torch

from tests.metrics.cases import evidence
from xraybench import registry
from xraybench.metrics.pointing_game import PointingGame
from xraybench.metrics.relevance_mass import RelevanceMass


@dataclass(frozen=True)
class Difference:
    """What the peer does, what the paper says, and figures that show it (None: read in its code)."""

    metric: str
    theirs: str
    does: str
    paper: str
    shown: Callable[[], str] | None = None


def all_zero() -> str:
    """An all-zero map on both sides."""
    zero = np.zeros((2, 1, 12, 12))
    here = evidence(2, maps=torch.zeros(2, 12, 12))
    metric = quantus.PointingGame(abs=False, normalise=False, disable_warnings=True)
    hits = metric.evaluate_batch(a_batch=zero, s_batch=here.regions["finding"][:, None].numpy())
    return f"an all-zero map: {np.mean(hits):.0f} there, {PointingGame()(here).mean():.0f} here"


def signed() -> str:
    """The same signed maps on both sides."""
    here = evidence(count=30)
    name = "quantus:RelevanceMassAccuracy(abs=false, normalise=false)"
    theirs, ours = registry.build("metrics", registry.parse_call(name))(here), RelevanceMass()(here)
    return f"30 signed maps: {theirs.min():.1f} to {theirs.max():.1f} there, {ours.min():.2f} to {ours.max():.2f} here"


def batch_mates() -> str:
    """Quantus's infidelity of five images as a sixth grows louder."""
    here = evidence()
    name = "quantus:Infidelity(n_perturb_samples=2, perturb_patch_sizes=[4], normalise=true)"
    metric = registry.build("metrics", registry.parse_call(name))
    quiet = metric(here)[1:]
    here.maps[0] *= 100.0
    changed = (metric(here)[1:] / quiet - 1).abs().max()
    return f"one map 100 times as large: another image's score moves by {100 * changed:.0f} %"


def points() -> str:
    """How many points a curve of 16 steps has."""
    here = evidence(2)
    curve = quantus.PixelFlipping(features_in_step=9, abs=False, normalise=False, disable_warnings=True)(
        model=here.model, x_batch=here.images.numpy(), y_batch=here.targets.numpy(),
        a_batch=here.maps[:, None].numpy(), softmax=False, channel_first=True, device="cpu",
    )  # fmt: skip
    return f"16 steps: {np.shape(curve)[1]} points there, 17 here"


DIFFERENCES = (
    Difference(
        "pointing-game", "PointingGame", "Calls an empty or all-zero map a hit; `weighted=True` fails.",
        "A hit is a maximum that lies on the object (Zhang et al. 2018). A map without one points nowhere.",
        all_zero,
    ),
    Difference(
        "relevance-mass", "RelevanceMassAccuracy", "Divides sums of signed relevance, which have no bounds.",
        "The share of the positive relevance inside the mask (Arras et al. 2022: relevance mass accuracy).", signed,
    ),
    Difference(
        "all of them", "`normalise=True`", "Divides by the largest value of the batch, not of the image.",
        "A score is a function of one image and its map.", batch_mates,
    ),
    Difference(
        "pixel-flipping", "PixelFlipping",
        "Leaves out the first point, f(x) itself, and integrates with a step of 1; its area fails under numpy 2.4, "
        "as do RegionPerturbation and IROF.",
        "AOPC = 1 / (L + 1) sum over k = 0..L of f(x^(0)) - f(x^(k)) (Samek et al. 2017, eq. 12).", points,
    ),
    Difference(
        "road", "ROAD", "Scores the first batch only, fails on three channels, and gives accuracies of the set.",
        "Noisy linear imputation (Rong et al. 2022, sec. 5); the logit's gap of each image keeps what accuracy hides.",
    ),
    Difference(
        "sensitivity-n", "SensitivityN",
        "Removes pixels in the map's own order, one set within the next, and correlates over the images of the first "
        "batch.",
        "For each n, the correlation over random subsets of n features of one image (Ancona et al. 2018, sec. 5).",
    ),
    Difference(
        "infidelity", "Infidelity",
        "Keeps a perturbation when the next block is perturbed, so that `n_perturb_samples` changes nothing; needs "
        "divisible patches.",
        "E over I of (I . a - (f(x) - f(x - I)))^2 (Yeh et al. 2019, eq. 1), each I by itself.",
    ),
    Difference(
        "monotonicity", "Monotonicity",
        "Puts pixels in from the least relevant, and says yes only where every step rises.",
        "Attributes are added in the order of their weight (Luss et al. 2021). Here from the most relevant, and the "
        "share of steps.",
    ),
    Difference(
        "sufficiency", "Sufficiency",
        "Another metric of the same name: whether similar maps have the same predicted class.",
        "f(x) - f(the rationale alone) (DeYoung et al. 2020, eq. 3).",
    ),
    Difference(
        "local-lipschitz", "LocalLipschitzEstimate", "||a(x) - a(x')|| / ||x - x'||, in the units of map and image.",
        "The same ratio (Alvarez-Melis & Jaakkola 2018, eq. 3); here both distances relative to their own size.",
    ),
    Difference(
        "relative-output-stability", "RelativeOutputStability",
        "Divides map by map pixel by pixel (guarded near zero), over all logits.",
        "Agarwal et al. 2022, eq. 5; here the norm of the map's change over the norm of the map, and the target logit.",
    ),
    Difference(
        "mprt", "MPRT",
        "Averages the model as it was trained in (0.298 for 0.064 on a DenseNet), seeds every layer alike, and counts "
        "a normalisation as a layer of its own.",
        "Similarity after each layer's randomisation, from the top (Adebayo et al. 2018).",
    ),
    Difference(
        "random-logit", "RandomLogit", "SSIM of the two maps as flattened rows, where neighbours are no neighbours.",
        "SSIM of the images (Sixt et al. 2020); here Spearman's correlation, as for mprt.",
    ),
    Difference(
        "effective-complexity", "EffectiveComplexity",
        "Counts pixels above an absolute 1e-5, whatever the map's units.",
        "Features whose attribution exceeds a tolerance (Nguyen & Martinez 2020, sec. 2.3); here a share of the "
        "maximum.",
    ),
    Difference(
        "completeness", "Completeness", "Asks whether the sum equals the difference exactly.",
        "sum of a = f(x) - f(baseline) (Sundararajan et al. 2017); here the relative error.",
    ),
    Difference(
        "complexity, sparseness", "Complexity, Sparseness",
        "Overwrite the caller's maps where `abs` and `normalise` are false.",
        "The same numbers otherwise (see above).",
    ),
)  # fmt: skip
