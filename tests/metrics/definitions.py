"""Every metric's definition, image by image in numpy and float64, beside what it is that computes it independently."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import nnls
from scipy.stats import entropy, pearsonr, spearmanr
from skimage.filters import threshold_otsu
from sklearn.metrics import average_precision_score

from tests.metrics import test_irof, test_robustness
from tests.metrics.cases import gradients
from tests.metrics.test_curves import direct_curve, fractions
from tests.metrics.test_descriptive import gini
from tests.metrics.test_localisation import DEFINITIONS as LOCALISATION
from tests.metrics.test_localisation import relevance_mass
from tests.metrics.test_noisy_linear import direct as solved
from tests.metrics.test_radiograph_changes import one_by_one, relative
from xraybench.identity import seed_of
from xraybench.metrics._probes import subsets
from xraybench.metrics._randomise import randomised, units
from xraybench.metrics._subsets import Subsets
from xraybench.metrics.miou import BINS
from xraybench.metrics.random_logit import _step
from xraybench.metrics.rotation_sensitivity import turned
from xraybench.metrics.sensitivity_n import SHARES
from xraybench.spec import Evidence

Direct = Callable[[Evidence], np.ndarray]
DRAWS = test_robustness.DRAWS


@dataclass(frozen=True)
class Definition:
    """What a metric is held against, in words; what gives the scores [B]; the metric's settings; how near they are."""

    against: str
    scores: Direct
    settings: str = ""
    within: float = 1e-12  # what double precision leaves


def each_map(score: Callable[[np.ndarray, np.ndarray], float], region: str = "finding") -> Direct:
    """A score of each map and mask, both flattened."""
    return lambda here: np.array([
        score(values.ravel(), mask.ravel())
        for values, mask in zip(here.maps.double().numpy(), here.regions[region].numpy(), strict=True)
    ])  # fmt: skip


def miou(values: np.ndarray, mask: np.ndarray) -> float:
    levels = np.minimum((values.clip(0) / values.max() * BINS).astype(int), BINS - 1)
    inside = levels > threshold_otsu(hist=(np.bincount(levels, minlength=BINS), np.arange(BINS)))
    return (inside & mask).sum() / (inside | mask).sum()


def effective(values: np.ndarray, mask: np.ndarray) -> float:
    return (np.abs(values) > 0.1 * np.abs(values).max()).mean()


def area(keep_top: bool) -> Direct:
    return lambda here: np.trapezoid(direct_curve(here, "blur", 16, keep_top), fractions(here, 16))


def falls(here: Evidence) -> np.ndarray:
    points = direct_curve(here, "mean", 16, False)
    return (points[:, :1] - points).mean(1)


def rises(here: Evidence) -> np.ndarray:
    return (np.diff(direct_curve(here, "blur", 16, True)) >= 0).mean(1)


def lacking(here: Evidence) -> np.ndarray:
    points = direct_curve(here, "blur", 16, True)
    return (points[:, -1:] - points[:, 1:9]).mean(1)


def logit(here: Evidence, row: int, image: np.ndarray) -> float:
    """f, in float64."""
    with torch.no_grad():
        return copy.deepcopy(here.model).double()(torch.as_tensor(image)[None].double())[0, here.targets[row]].item()


def road(here: Evidence) -> np.ndarray:
    """Holes filled by a sparse direct solver; the noise is the image's, a hundredth of its range."""
    pixels = here.maps[0].numel()
    scores = []
    for row, image in enumerate(here.images.double().numpy()):
        order, gaps = np.argsort(-here.maps[row].numpy().ravel()), []
        generator = torch.Generator().manual_seed(seed_of("noisy-linear", int(here.seeds[row])))
        noise = 0.01 * (image.max() - image.min()) * torch.randn(image.shape, generator=generator).double().numpy()
        for step in range(1, 5):
            ends = {}
            for name, removed in (
                ("most", order[: round(pixels * step / 5)]),
                ("least", order[::-1][: round(pixels * step / 5)]),
            ):
                keep = np.ones(pixels, dtype=bool)
                keep[removed] = False
                keep = keep.reshape(image.shape[1:])
                holes = np.stack([solved(channel, keep) for channel in image])
                ends[name] = logit(here, row, np.where(keep, image, holes + noise))
            gaps.append(ends["least"] - ends["most"])
        scores.append(np.mean(gaps))
    return np.array(scores)


def removed_and_fallen(here: Evidence, share: float) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Row, subsets [draws,P], and how far the logit falls without each."""
    for row, masks in enumerate(subsets(here, Subsets(), share).numpy()):
        image, mean = here.images[row].double().numpy(), here.baseline.double().numpy()
        whole = logit(here, row, image)
        yield row, masks, np.array([whole - logit(here, row, np.where(mask, mean, image)) for mask in masks])


def correlated(here: Evidence, share: float) -> np.ndarray:
    maps = here.maps.double().numpy()
    return np.array([
        pearsonr([maps[row][mask].sum() for mask in masks], fallen)[0]
        for row, masks, fallen in removed_and_fallen(here, share)
    ])  # fmt: skip


def infidelity(here: Evidence) -> np.ndarray:
    """The residual of least squares with a scale of 0 or more."""
    scores = []
    for row, masks, fallen in removed_and_fallen(here, 0.25):
        change = (here.images[row] - here.baseline).double().sum(0).numpy() * here.maps[row].double().numpy()
        predicted = np.array([change[mask].sum() for mask in masks])
        _, left = nnls(predicted[:, None], fallen)
        scores.append(left**2 / np.square(fallen).sum())
    return np.array(scores)


def perturbed(reading: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> Direct:
    """Of the relative changes [B,draws] of map and image, and the change of the logit."""
    return lambda here: reading(*test_robustness.ratios(here))


def rotation(here: Evidence) -> np.ndarray:
    both = []
    for angle in (5.0, -5.0):
        found, maps = here.explain(turned(here.images, angle)), turned(here.maps[:, None], angle)[:, 0]
        pairs = zip(found.double().numpy(), maps.double().numpy(), here.maps.double().numpy(), strict=True)
        both.append([np.linalg.norm(new - old) / np.linalg.norm(length) for new, old, length in pairs])
    return np.mean(both, axis=0)


def alike(one: torch.Tensor, other: torch.Tensor) -> np.ndarray:
    return np.array(
        [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(one.numpy(), other.numpy(), strict=True)]
    )


def mprt(here: Evidence) -> np.ndarray:
    layers = units(here.model)
    stages = [randomised(here.model, layers[-depth:]) for depth in range(1, len(layers) + 1)]
    return np.mean([alike(here.maps, here.explain(here.images, model)) for model in stages], axis=0)


def smooth_mprt(here: Evidence) -> np.ndarray:
    layers = units(here.model)

    def explained(model: torch.nn.Module) -> torch.Tensor:
        total = torch.zeros_like(here.maps, dtype=torch.float64)
        for draw in range(4):
            noisy = []
            for image, seed in zip(here.images, here.seeds.tolist(), strict=True):
                generator = torch.Generator().manual_seed(seed_of("smooth-mprt", seed, draw))
                noise = torch.randn(image.shape, generator=generator)
                noisy.append(image + 0.1 * (image.max() - image.min()) * noise)
            total += here.explain(torch.stack(noisy), model).double()
        return total

    original = explained(here.model)
    return np.mean([alike(original, explained(randomised(here.model, layers[-n:]))) for n in (2, 4)], axis=0)


def efficient_mprt(here: Evidence) -> np.ndarray:
    anew = here.explain(here.images, randomised(here.model, units(here.model)))

    def disorder(values: np.ndarray) -> float:
        return entropy(np.histogram(np.abs(values), bins=100)[0])

    pairs = zip(here.maps.double().numpy(), anew.double().numpy(), strict=True)
    return np.array([(disorder(new) - disorder(old)) / disorder(old) for old, new in pairs])


def random_logit(here: Evidence) -> np.ndarray:
    """Of a case with one label an image."""
    return alike(here.maps, gradients(here.model, here.images, (here.targets + _step(3)) % 3))


def left_over(here: Evidence, blank: float) -> np.ndarray:
    """|sum of a - (f(x) - blank f(mean))| relative to the difference."""
    scores = []
    for row, image in enumerate(here.images.double().numpy()):
        gained = logit(here, row, image) - blank * logit(here, row, here.baseline.double().numpy())
        scores.append(abs(here.maps[row].double().numpy().sum() - gained) / abs(gained))
    return np.array(scores)


def shifted(here: Evidence) -> np.ndarray:
    found = gradients(lambda images: here.model(images - 1.0), here.images + 1.0, here.targets)
    pairs = zip(found.double().numpy(), here.maps.double().numpy(), strict=True)
    return np.array([relative(new, old) for new, old in pairs])


def twins(here: Evidence) -> np.ndarray:
    changes = here.maps.double() - gradients(here.model, here.twins.images, here.targets).double()
    pairs = zip(here.twins.difference.numpy(), changes.numpy(), strict=True)
    return np.array([average_precision_score(mask.ravel(), values.ravel()) for mask, values in pairs])


def logit_falls(here: Evidence) -> np.ndarray:
    """f(x) - f(twin)."""
    pairs = zip(here.images.numpy(), here.twins.images.numpy(), strict=True)
    return np.array([logit(here, row, one) - logit(here, row, other) for row, (one, other) in enumerate(pairs)])


def direction(here: Evidence) -> np.ndarray:
    twins_maps = gradients(here.model, here.twins.images, here.targets).double().numpy()
    changes = (here.maps.double().numpy() - twins_maps).reshape(len(here.maps), -1)
    return np.sign(logit_falls(here)) * changes.sum(1) / np.abs(changes).sum(1)


def contrasts(here: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Maps [B, H W] of the images against their twins, and of the twins against their images."""
    pairs = ((here.images, here.twins.images), (here.twins.images, here.images))
    there, back = (here.contrast(*pair).double().numpy().reshape(len(here.maps), -1) for pair in pairs)
    return there, back


def symmetry(here: Evidence) -> np.ndarray:
    there, back = contrasts(here)
    return np.linalg.norm(there + back, axis=1) / (np.linalg.norm(there, axis=1) + np.linalg.norm(back, axis=1))


def against_twins(here: Evidence) -> np.ndarray:
    there, _ = contrasts(here)
    return np.abs(there.sum(1) - logit_falls(here)) / np.abs(logit_falls(here))


NUMPY = "its definition in numpy"
DEFINITIONS: Mapping[str, Definition] = {
    "pointing-game": Definition(NUMPY, each_map(LOCALISATION["PointingGame"])),
    "miou": Definition("scikit-image's Otsu threshold", each_map(miou)),
    "relevance-mass": Definition(NUMPY, each_map(LOCALISATION["RelevanceMass"])),
    "relevance-rank": Definition(NUMPY, each_map(LOCALISATION["RelevanceRank"])),
    "pixel-auprc": Definition("scikit-learn's average_precision_score", each_map(LOCALISATION["PixelAuprc"])),
    "pixel-auroc": Definition("scikit-learn's roc_auc_score", each_map(LOCALISATION["PixelAuroc"])),
    "top-k-intersection": Definition(NUMPY, each_map(LOCALISATION["TopKIntersection"]), "(share=0.1)"),
    "energy-on": Definition(NUMPY, each_map(relevance_mass, "text")),
    "insertion-auc": Definition("a loop over points, scipy's Gaussian, numpy's trapezoid", area(True)),
    "deletion-auc": Definition("a loop over points, scipy's Gaussian, numpy's trapezoid", area(False)),
    "srg": Definition("the two loops' difference", lambda here: area(True)(here) - area(False)(here)),
    "pixel-flipping": Definition("a loop over points", falls),
    "road": Definition("a loop over points, scipy's sparse solver", road, within=1e-5),  # ours is iterative
    "faithfulness-correlation": Definition(
        "a loop over subsets, scipy's pearsonr", lambda here: correlated(here, 0.25)
    ),
    "sensitivity-n": Definition(
        "a loop over subsets, scipy's pearsonr", lambda here: np.mean([correlated(here, n) for n in SHARES], axis=0)
    ),
    "infidelity": Definition("a loop over subsets, scipy's nnls", infidelity),
    "irof": Definition(
        "a loop over superpixels",
        lambda here: np.array([test_irof.one(here, row, 16) for row in range(len(here.maps))]),
    ),
    "monotonicity": Definition("a loop over points", rises),
    "sufficiency": Definition("a loop over points", lacking),
    "max-sensitivity": Definition("a loop over draws", perturbed(lambda m, x, f: m.max(1)), f"(draws={DRAWS})"),
    "avg-sensitivity": Definition("a loop over draws", perturbed(lambda m, x, f: m.mean(1)), f"(draws={DRAWS})"),
    "local-lipschitz": Definition("a loop over draws", perturbed(lambda m, x, f: (m / x).max(1)), f"(draws={DRAWS})"),
    "relative-output-stability": Definition(
        "a loop over draws",
        perturbed(lambda m, x, f: (m / np.maximum(f, test_robustness.LEAST)).max(1)),
        f"(draws={DRAWS})",
    ),
    "exposure-sensitivity": Definition(
        NUMPY, lambda here: one_by_one(here, lambda x, sign: x + sign * 0.05 * (x.max() - x.min()))
    ),
    "window-sensitivity": Definition(
        NUMPY, lambda here: one_by_one(here, lambda x, sign: x.mean() + (1 + sign * 0.1) * (x - x.mean()))
    ),
    "rotation-sensitivity": Definition(
        "its definition in numpy; the turning by scipy's rotate, in the tests", rotation
    ),
    "mprt": Definition("scipy's spearmanr at each stage", mprt),
    "smooth-mprt": Definition("scipy's spearmanr at each stage", smooth_mprt),
    "efficient-mprt": Definition("numpy's histogram, scipy's entropy", efficient_mprt),
    "random-logit": Definition("scipy's spearmanr", random_logit),
    "sparseness": Definition("half the relative mean difference of two pixels", each_map(lambda a, mask: gini(a))),
    "complexity": Definition("scipy's entropy", each_map(lambda a, mask: entropy(np.abs(a)))),
    "effective-complexity": Definition(NUMPY, each_map(effective)),
    "completeness": Definition(NUMPY, lambda here: left_over(here, 1.0)),
    "conservation": Definition(NUMPY, lambda here: left_over(here, 0.0)),
    "twin-symmetry": Definition(NUMPY, symmetry),
    "twin-direction": Definition(NUMPY, direction, "(tau=0.0)"),
    "twin-completeness": Definition(NUMPY, against_twins, "(tau=0.0)"),
    "input-invariance": Definition("the gradient of the shifted model, in numpy", shifted),
    "twin-localisation": Definition("scikit-learn's average_precision_score", twins, "(tau=-100.0)"),
    "cost": Definition("what the explainer of the case spends", lambda here: np.full(len(here.maps), 6.0)),
}
