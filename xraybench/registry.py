"""What exists, by name: one literal table a kind, then the entry points of installed plug-ins.

Built-ins and plug-ins load lazily through the same look-up; listing names imports neither torch nor any plug-in.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import re
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from os.path import commonprefix
from typing import Any, TypeVar

from xraybench.errors import PluginError, UsageError
from xraybench.parameters import check_value, declared_type
from xraybench.spec import FunctionExplainer, FunctionMetric

T = TypeVar("T")

EXPLAINERS = {
    "gradient": "xraybench.explainers.gradient:Gradient",
    "gradient-x-input": "xraybench.explainers.gradient:GradientXInput",
    "integrated-gradients": "xraybench.explainers.gradient:IntegratedGradients",
    "expected-gradients": "xraybench.explainers.sampled_gradient:ExpectedGradients",
    "smoothgrad": "xraybench.explainers.sampled_gradient:SmoothGrad",
    "smoothgrad-squared": "xraybench.explainers.sampled_gradient:SmoothGradSquared",
    "vargrad": "xraybench.explainers.sampled_gradient:VarGrad",
    "deeplift": "xraybench.explainers.deeplift:DeepLift",
    "deepliftshap": "xraybench.explainers.deeplift:DeepLiftShap",
    "guided-backprop": "xraybench.explainers.gradient:GuidedBackprop",
    "deconvolution": "xraybench.explainers.gradient:Deconvolution",
    "cam": "xraybench.explainers.cam:Cam",
    "grad-cam": "xraybench.explainers.cam:GradCam",
    "grad-cam++": "xraybench.explainers.cam:GradCamPlusPlus",
    "hires-cam": "xraybench.explainers.cam:HiResCam",
    "layer-cam": "xraybench.explainers.cam:LayerCam",
    "xgrad-cam": "xraybench.explainers.cam:XGradCam",
    "eigen-cam": "xraybench.explainers.cam:EigenCam",
    "score-cam": "xraybench.explainers.channels:ScoreCam",
    "ablation-cam": "xraybench.explainers.channels:AblationCam",
    "guided-grad-cam": "xraybench.explainers.cam:GuidedGradCam",
    "lrp-z": "xraybench.explainers.lrp:LrpZ",
    "lrp-epsilon": "xraybench.explainers.lrp:LrpEpsilon",
    "lrp-alpha2-beta1": "xraybench.explainers.lrp:LrpAlpha2Beta1",
    "lrp-alpha1-beta0": "xraybench.explainers.lrp:LrpAlpha1Beta0",
    "lrp-epsilon-plus-flat": "xraybench.explainers.lrp:EpsilonPlusFlat",
    "lrp-epsilon-gamma-box": "xraybench.explainers.lrp:EpsilonGammaBox",
    "excitation-backprop": "xraybench.explainers.lrp:ExcitationBackprop",
    "deep-taylor": "xraybench.explainers.lrp:DeepTaylor",
    "occlusion": "xraybench.explainers.perturbation:Occlusion",
    "rise": "xraybench.explainers.perturbation:Rise",
    "lime": "xraybench.explainers.superpixel:Lime",
    "kernel-shap": "xraybench.explainers.superpixel:KernelShap",
    "feature-ablation": "xraybench.explainers.superpixel:FeatureAblation",
    "channel-activation": "xraybench.explainers.channels:ChannelActivation",
    "deconvnet-top-n": "xraybench.explainers.channels:DeconvnetTopN",
    "attention-rollout": "xraybench.explainers.attention:AttentionRollout",
}
REFERENCES = {
    "random": "xraybench.references.controls:Random",
    "centre-gaussian": "xraybench.references.controls:CentreGaussian",
    "sobel": "xraybench.references.controls:Sobel",
    "image": "xraybench.references.controls:Image",
    "mean-mask": "xraybench.references.controls:MeanMask",
    "blank": "xraybench.references.controls:Blank",
    "blurred-random": "xraybench.references.blurred:BlurredRandom",
    "oracle": "xraybench.references.ceilings:Oracle",
    "blurred-oracle": "xraybench.references.blurred:BlurredOracle",
    "human-benchmark": "xraybench.references.ceilings:HumanBenchmark",
}
METRICS = {
    "pointing-game": "xraybench.metrics.pointing_game:PointingGame",
    "miou": "xraybench.metrics.miou:Miou",
    "relevance-mass": "xraybench.metrics.relevance_mass:RelevanceMass",
    "relevance-rank": "xraybench.metrics.relevance_rank:RelevanceRank",
    "pixel-auprc": "xraybench.metrics.pixel_auprc:PixelAuprc",
    "pixel-auroc": "xraybench.metrics.pixel_auroc:PixelAuroc",
    "top-k-intersection": "xraybench.metrics.top_k_intersection:TopKIntersection",
    "energy-on": "xraybench.metrics.energy_on:EnergyOn",
    "insertion-auc": "xraybench.metrics.insertion_auc:InsertionAuc",
    "deletion-auc": "xraybench.metrics.deletion_auc:DeletionAuc",
    "srg": "xraybench.metrics.srg:Srg",
    "pixel-flipping": "xraybench.metrics.pixel_flipping:PixelFlipping",
    "road": "xraybench.metrics.road:Road",
    "faithfulness-correlation": "xraybench.metrics.faithfulness_correlation:FaithfulnessCorrelation",
    "sensitivity-n": "xraybench.metrics.sensitivity_n:SensitivityN",
    "infidelity": "xraybench.metrics.infidelity:Infidelity",
    "irof": "xraybench.metrics.irof:Irof",
    "monotonicity": "xraybench.metrics.monotonicity:Monotonicity",
    "sufficiency": "xraybench.metrics.sufficiency:Sufficiency",
    "max-sensitivity": "xraybench.metrics.max_sensitivity:MaxSensitivity",
    "avg-sensitivity": "xraybench.metrics.avg_sensitivity:AvgSensitivity",
    "local-lipschitz": "xraybench.metrics.local_lipschitz:LocalLipschitz",
    "relative-output-stability": "xraybench.metrics.relative_output_stability:RelativeOutputStability",
    "exposure-sensitivity": "xraybench.metrics.exposure_sensitivity:ExposureSensitivity",
    "window-sensitivity": "xraybench.metrics.window_sensitivity:WindowSensitivity",
    "rotation-sensitivity": "xraybench.metrics.rotation_sensitivity:RotationSensitivity",
    "mprt": "xraybench.metrics.mprt:Mprt",
    "smooth-mprt": "xraybench.metrics.smooth_mprt:SmoothMprt",
    "efficient-mprt": "xraybench.metrics.efficient_mprt:EfficientMprt",
    "random-logit": "xraybench.metrics.random_logit:RandomLogit",
    "sparseness": "xraybench.metrics.sparseness:Sparseness",
    "complexity": "xraybench.metrics.complexity:Complexity",
    "effective-complexity": "xraybench.metrics.effective_complexity:EffectiveComplexity",
    "completeness": "xraybench.metrics.completeness:Completeness",
    "conservation": "xraybench.metrics.conservation:Conservation",
    "twin-symmetry": "xraybench.metrics.twin_symmetry:TwinSymmetry",
    "twin-direction": "xraybench.metrics.twin_direction:TwinDirection",
    "twin-completeness": "xraybench.metrics.twin_completeness:TwinCompleteness",
    "input-invariance": "xraybench.metrics.input_invariance:InputInvariance",
    "twin-localisation": "xraybench.metrics.twin_localisation:TwinLocalisation",
    "cost": "xraybench.metrics.cost:CostMetric",
}
MODELS = {
    "densenet121": "xraybench.models.densenet:build_121",
    "densenet169": "xraybench.models.densenet:build_169",
    "radinet169": "xraybench.models.densenet:build_radinet169",
    "resnet18": "xraybench.models.resnet:build_18",
    "resnet50": "xraybench.models.resnet:build_50",
    "vgg16": "xraybench.models.plain:build_vgg16",
    "vgg19": "xraybench.models.plain:build_vgg19",
    "alexnet": "xraybench.models.plain:build_alexnet",
    "efficientnet-b0": "xraybench.models.efficientnet:build_b0",
    "convnext-tiny": "xraybench.models.convnext:build_tiny",
    "vit-b-16": "xraybench.models.vit:build_b16",
    "squeezenet1-0": "xraybench.models.plain:build_squeezenet",
    "cxr-cnn5": "xraybench.models.cxr_cnn:build",
    "anatomy-shallow": "xraybench.models.anatomy:build_shallow",
    "anatomy-deep": "xraybench.models.anatomy:build_deep",
    "mlp-400-tanh": "xraybench.models.mlp:build_400_tanh",
    "mlp-1296-tanh": "xraybench.models.mlp:build_1296_tanh",
    "mlp-1296-relu": "xraybench.models.mlp:build_1296_relu",
    "small-cnn": "xraybench.models.small_cnn:build",
    "densenet-tiny": "xraybench.models.densenet:build_tiny",
}
SOURCES = {
    "phantom-wrist": "xraybench.data.sources.phantom_wrist:open_source",
    "phantom-mura": "xraybench.data.sources.phantom_mura:open_source",
    "phantom-tb": "xraybench.data.sources.phantom_tb:open_source",
    "phantom-chexpert": "xraybench.data.sources.phantom_chexpert:open_source",
    "phantom-anatomy": "xraybench.data.sources.phantom_anatomy:open_source",
    "mura": "xraybench.data.sources.mura:Mura",
    "grazpedwri": "xraybench.data.sources.grazpedwri:Grazpedwri",
    "fracatlas": "xraybench.data.sources.fracatlas:FracAtlas",
    "montgomery": "xraybench.data.sources.montgomery:Montgomery",
    "shenzhen": "xraybench.data.sources.shenzhen:Shenzhen",
    "montgomery-shenzhen": "xraybench.data.sources.montgomery_shenzhen:MontgomeryShenzhen",
    "tbx11k": "xraybench.data.sources.tbx11k:Tbx11k",
    "chexpert": "xraybench.data.sources.chexpert:Chexpert",
    "nih-cxr14": "xraybench.data.sources.nih_cxr14:NihCxr14",
    "rsna-pneumonia": "xraybench.data.sources.rsna_pneumonia:RsnaPneumonia",
    "imageclef-irma": "xraybench.data.sources.imageclef_irma:ImageclefIrma",
    "unifesp": "xraybench.data.sources.unifesp:Unifesp",
    "folder": "xraybench.data.sources.folder:OwnFolder",
    "mnist": "xraybench.data.sources.mnist:Mnist",
    "digits": "xraybench.data.sources.digits:Digits",
}
TABLES: Mapping[str, Mapping[str, str]] = {
    "explainers": EXPLAINERS,
    "references": REFERENCES,
    "metrics": METRICS,
    "models": MODELS,
    "sources": SOURCES,
    "tasks": {},  # task files: see tasks.py
}
PEERS = {
    ("explainers", "captum"): "xraybench.explainers.captum_peer:Captum",
    ("explainers", "zennit"): "xraybench.explainers.zennit_peer:Zennit",
    ("metrics", "quantus"): "xraybench.metrics.quantus_peer:Quantus",
}
PLUGIN_KINDS = ("explainers", "metrics", "models", "sources", "tasks")


@dataclass(frozen=True)
class Entry:
    """One registered name: where it loads from (`module:attribute`), and who brought it."""

    kind: str
    name: str
    target: str
    origin: str  # "built-in", or the plug-in's distribution and version


@dataclass(frozen=True)
class Call:
    """A name with parameters, as written in a task file or on the command line: `rise(masks=500)`."""

    name: str
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        if not self.parameters:
            return self.name
        return f"{self.name}({', '.join(f'{key}={_written(value)}' for key, value in self.parameters.items())})"


def _written(value: Any) -> str:
    """A value as it is read again: true and false are TOML's."""
    return str(value).lower() if isinstance(value, bool) else str(value)


PYTHONS = {"True": True, "False": False, "None": None}  # as the docs print defaults


def parse_call(text: str) -> Call:
    """Read `name` or `name(key=value, ...)`; values are TOML (numbers, true, "text"), Python's True, False and None, or
    bare words.
    """
    match = re.fullmatch(r"\s*([\w:.+-]+)\s*(?:\((.*)\))?\s*", text, re.DOTALL)
    if not match:
        raise UsageError(f"cannot read {text!r}", 'write a name, or a name with parameters: "rise(masks=500)"')
    pairs = re.split(r",(?![^\[]*\])", match[2]) if match[2] and match[2].strip() else []
    parameters = [_parameter(pair, text) for pair in pairs]
    twice = [key for key, count in Counter(key for key, _ in parameters).items() if count > 1]
    if twice:
        raise UsageError(f"{text!r} gives {twice[0]!r} twice", "several settings are several calls: a(x=1),a(x=2)")
    return Call(match[1], dict(parameters))


def _parameter(pair: str, text: str) -> tuple[str, Any]:
    key, separator, value = (part.strip() for part in pair.partition("="))
    if not separator or not key.isidentifier() or not value:
        raise UsageError(f"cannot read the parameter {pair.strip()!r} of {text!r}", "parameters are key=value")
    if value in PYTHONS:
        return key, PYTHONS[value]
    try:
        return key, tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        return key, value


@cache
def plugins(kind: str) -> Mapping[str, Entry]:
    """The entry points `xraybench.<kind>` of installed distributions; nothing is imported."""
    found = {}
    for point in entry_points(group=f"xraybench.{kind}"):
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown distribution"
        if point.name in TABLES[kind]:
            warnings.warn(f"{origin}: {point.name!r} is the name of a built-in of {kind}; not used", stacklevel=2)
        else:
            found[point.name] = Entry(kind, point.name, point.value, origin)
    return found


def entries(kind: str) -> dict[str, Entry]:
    """Every name of a kind, built-ins first, each in its table's order."""
    return {name: Entry(kind, name, target, "built-in") for name, target in TABLES[kind].items()} | (
        dict(plugins(kind)) if kind in PLUGIN_KINDS else {}
    )


def find(kind: str, name: str) -> Entry:
    """The entry of a name; UsageError names the nearest one there is."""
    library, colon, _ = name.partition(":")
    if colon and (kind, library) in PEERS:
        return Entry(kind, name, PEERS[kind, library], library)
    return near(name, entries(kind), kind.removesuffix("s"))


def near(name: str, known: Mapping[str, T], what: str) -> T:
    """`known[name]`; UsageError names the nearest name there is, or all of them."""
    if name not in known:
        raise UsageError(f"no {what} is called {name!r}", nearest(name, known, "there are"))
    return known[name]


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """A hint: the name that is most like this one, in whatever case, or all of them. Of the like, the one that begins
    alike: `gradd` is gradient cut short, though it shares more letters with vargrad.
    """
    folded = {one.casefold(): one for one in known}
    like = difflib.get_close_matches(name.casefold(), folded)
    if not like:
        return f"{otherwise}: {', '.join(folded.values()) or 'none'}"
    best = max(like, key=lambda one: len(commonprefix([one, name.casefold()])))  # noqa: RUF071 (letters are meant)
    return f"did you mean {folded[best]!r}?"


def load(entry: Entry) -> Any:
    """Import what an entry names; PluginError where it cannot be imported."""
    module, _, attribute = entry.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        if entry.origin == "built-in":
            raise
        raise PluginError(
            f"{entry.origin}: {entry.kind.removesuffix('s')} {entry.name!r} does not load: {error!r}",
            f"`xraybench check-plugin {entry.name}` shows where; uninstall the plug-in to go on without it",
        ) from error


def build(kind: str, call: Call) -> Any:
    """The explainer, reference or metric that a call names, with its parameters."""
    entry = find(kind, call.name)
    made = load(entry)
    parameters = dict(call.parameters)
    if call.name.partition(":")[1]:
        return made(call.name.partition(":")[2], tuple(sorted(parameters.items())))
    if isinstance(made, type):
        _check_parameters(call, made)
        return made(**parameters)
    if parameters:
        raise UsageError(f"{call.name!r} takes no parameters", f"write {call.name!r} alone")
    return made


def _check_parameters(call: Call, made: type) -> None:
    known = {field.name: field for field in dataclasses.fields(made)} if dataclasses.is_dataclass(made) else {}
    for key, value in call.parameters.items():
        if key not in known:
            raise UsageError(f"{call.name!r} has no parameter {key!r}", nearest(key, known, "it takes"))
        check_value(call.name, key, value, declared_type(made, known[key]))


def parameters_of(built: Any) -> dict[str, Any]:
    """All parameters of a built object, defaults included: what its identity is made of. A function has none."""
    if isinstance(built, FunctionExplainer | FunctionMetric) or not dataclasses.is_dataclass(built):
        return {}
    fields = {field.name: getattr(built, field.name) for field in dataclasses.fields(built)}
    return {name: value for name, value in fields.items() if not callable(value)}
