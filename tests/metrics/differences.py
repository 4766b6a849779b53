"""Where Quantus 0.6.0 computes something else than the paper it names, or than we do; every row is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from tests.metrics import measured


@dataclass(frozen=True)
class Difference:
    """What the peer does, what the paper says and we do; what shows it, in words, and its figures under a model."""

    metric: str
    theirs: str
    does: str
    paper: str
    measured: str
    figures: Callable[[nn.Module], measured.Figures]


DIFFERENCES = (
    Difference(
        "pointing-game", "PointingGame", "Calls an all-zero map a hit.",
        "A hit is a maximum that lies on the object (Zhang et al. 2018, The Pointing Game). A map without one points "
        "nowhere.",
        "hit rate of all-zero maps", measured.all_zero,
    ),
    Difference(
        "relevance-mass", "RelevanceMassAccuracy", "Divides sums of signed relevance, which have no bounds.",
        "The share of the positive relevance inside the mask (Arras et al. 2022: relevance mass accuracy).",
        "greatest score of 30 signed maps", measured.signed,
    ),
    Difference(
        "all of them", "`normalise=True`", "Divides by the largest value of the batch, not of the image.",
        "A score is a function of one image and its map.",
        "share by which another image's infidelity moves as one map grows 100 times", measured.batch_mates,
    ),
    Difference(
        "pixel-flipping", "PixelFlipping",
        "Leaves out the first point, f(x) itself; its area fails under numpy 2.4, as does IROF's.",
        "AOPC = 1 / (L + 1) sum over k = 0..L of f(x^(0)) - f(x^(k)) (Samek et al. 2017, eq. 12).",
        "points of a curve of 16 steps", measured.points,
    ),
    Difference(
        "road", "ROAD", "Scores the first batch only, and gives accuracies of the set.",
        "Noisy linear imputation (Rong et al. 2022, ROAD); the logit's gap of each image keeps what accuracy hides.",
        "greatest change of a score as the maps of the second batch turn into their opposites", measured.second_batch,
    ),
    Difference(
        "sensitivity-n", "SensitivityN",
        "Removes pixels in the map's own order, one set after the other, correlates each step's own relevance with the "
        "fall so far, and does so over the images of the first batch.",
        "For each n, the correlation over random subsets of n features of one image (Ancona et al. 2018, sec. 5): 1 "
        "where the map is what each pixel adds.",
        "mean score of an additive model's own terms", measured.additive,
    ),
    Difference(
        "infidelity", "Infidelity",
        "Keeps a perturbation when the next block is perturbed, so that `n_perturb_samples` changes nothing.",
        "E over I of (I . a - (f(x) - f(x - I)))^2 (Yeh et al. 2019, eq. 1), each I drawn by itself.",
        "greatest change of a score with ten times the draws", measured.more_draws,
    ),
    Difference(
        "monotonicity", "Monotonicity",
        "Fills the blank image with its own value instead of putting pixels in, so that every map passes.",
        "Attributes are added in the order of their weight (Luss et al. 2021, monotonicity). Here the share of steps.",
        "greatest change of a score as the map turns into its opposite", measured.opposite,
    ),
    Difference(
        "sufficiency", "Sufficiency",
        "Another metric of the same name: whether similar maps have the same predicted class.",
        "f(x) - f(the rationale alone) (DeYoung et al. 2020, Measuring faithfulness).",
        "greatest change of a score as other images get other maps", measured.others_maps,
    ),
    Difference(
        "local-lipschitz", "LocalLipschitzEstimate", "||a(x) - a(x')|| / ||x - x'||, in the units of map and image.",
        "The same ratio (Alvarez-Melis & Jaakkola 2018, eq. 3); here both distances relative to their own size.",
        "factor of the score as the explainer's units change tenfold", measured.tenfold,
    ),
    Difference(
        "relative-output-stability", "RelativeOutputStability",
        "Divides map by map pixel by pixel (guarded at exact zeros only), over all logits.",
        "Agarwal et al. 2022, eq. 5; here the norm of the map's change over the norm of the map, and the target logit.",
        "greatest factor of a score as one pixel of the map shrinks to 1e-4 of the largest", measured.one_small_pixel,
    ),
    Difference(
        "mprt", "MPRT",
        "Averages the model as it was trained in, draws every layer from one seed, and counts a normalisation as a "
        "layer of its own.",
        "Similarity after each layer's randomisation, from the top (Adebayo et al. 2018, cascading).",
        "mean score of the gradient", measured.trained_counted,
    ),
    Difference(
        "smooth-mprt", "SmoothMPRT",
        "Never calls the explainer it is given, but explains by captum's plain gradient; draws other noise for every "
        "model; and averages the model as it was trained in.",
        "The maps of the explainer under test, averaged over noisy images (Hedström et al. 2023, sMPRT); here the "
        "same noise for every model.",
        "mean score of an explainer that does not see that the model was randomised", measured.deaf,
    ),
    Difference(
        "random-logit", "RandomLogit", "SSIM of the two maps as flattened rows, where neighbours are no neighbours.",
        "SSIM of the images (Sixt et al. 2020); here Spearman's correlation, as for mprt.",
        "mean score for the same other logit", measured.flattened,
    ),
    Difference(
        "input-invariance", "InputInvariance",
        "Moves the shift into the first layer's bias as it is at the border, where padding makes it another one; says "
        "yes or no.",
        "The same function of shifted inputs (Kindermans et al. 2017, sec. 2), which the plain gradient cannot tell "
        "from the first; here by a shift before the model, and the relative change of the map.",
        "share of images whose plain gradient is found invariant", measured.plain_gradient,
    ),
    Difference(
        "irof", "IROF",
        "Leaves out the first point and integrates over one step less than it has superpixels; divides by f(x).",
        "The area over the curve: nothing where the output does not fall (Rieger & Hansen 2020).",
        "mean score where taking superpixels away changes nothing", measured.nothing_falls,
    ),
    Difference(
        "effective-complexity", "EffectiveComplexity",
        "Counts pixels above an absolute 1e-5, whatever the map's units.",
        "Features whose attribution exceeds a tolerance (Nguyen & Martinez 2020, sec. 2.3); here a share of the "
        "maximum.",
        "share of the pixels counted, of maps a millionth as large", measured.millionth,
    ),
    Difference(
        "completeness", "Completeness", "Asks whether the sum equals the difference exactly.",
        "sum of a = f(x) - f(baseline) (Sundararajan et al. 2017, Proposition 1); here the relative error.",
        "score of a map that accounts for all but a thousandth", measured.all_but_a_thousandth,
    ),
    Difference(
        "complexity, sparseness", "Complexity, Sparseness",
        "Overwrite the caller's maps where `abs` and `normalise` are false.",
        "The same numbers otherwise (see above).",
        "by what share of its largest value the caller's map moves", measured.overwritten,
    ),
)  # fmt: skip
