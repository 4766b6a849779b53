"""Cases whose answer is known on paper: which explainers give it, and why the others do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from xraybench import registry
from xraybench.checks.explainer import Trial, trial
from xraybench.errors import NotApplicableError

TOLERANCE = 1e-4  # of the largest value: LRP adds stabilisers of 1e-6 to its divisors
TOP, LEFT, SIDE = 8, 16, 8  # of the square that `OneSquare` looks at
HOLDS, FAILS, SKIPPED = "holds", "fails", "n/a"


class Linear(nn.Sequential):
    """f(x) = w x, without bias; no maps. Images [B,1,32,32]."""

    cam_layer = None

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(1024, 3, bias=False))
        nn.init.normal_(self.get_submodule("1").get_parameter("weight"))


class Mirrored(nn.Sequential):
    """Convolutions by kernels that are their own mirror images, then global averages: f(x) = f(mirrored x)."""

    cam_layer, layers = "3", ("0", "2", "6")

    def __init__(self) -> None:
        body = nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()
        super().__init__(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
        for layer in (body[0], body[2]):
            weight = layer.get_parameter("weight")
            weight.data = (weight.data + weight.data.flip(3)) / 2


class OneSquare(Mirrored):
    """The same over one square of the image alone."""

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B,3]."""
        logits: Tensor = super().forward(images[:, :, TOP : TOP + SIDE, LEFT : LEFT + SIDE])  # type: ignore[no-untyped-call]
        return logits


def linear(name: str) -> bool:
    """f(x) = w x, baseline 0: the map is w x, pixel by pixel."""
    case = _case(name, Linear)
    weight = case.model.get_submodule("1").get_parameter("weight").detach()
    return _near(case.maps(), (weight[case.targets].view_as(case.images) * case.images).sum(1))


def one_square(name: str) -> bool:
    """A model that looks at one square of the image: the map is 0 outside of it, and not inside."""
    maps = _case(name, OneSquare).maps()
    outside = maps.clone()
    outside[:, TOP : TOP + SIDE, LEFT : LEFT + SIDE] = 0
    return bool(maps.any()) and not bool(outside.any())


def mirrored(name: str) -> bool:
    """A symmetric image under a symmetric model: the map is symmetric."""
    case = _case(name, Mirrored)
    case = replace(case, images=(case.images + case.images.flip(3)) / 2)
    maps = case.maps()
    return _near(maps, maps.flip(2))


def constant(name: str) -> bool:
    """A logit that is the same for all images: the map is 0."""
    case = _case(name, Mirrored)
    case.model.get_submodule("6").get_parameter("weight").data.zero_()
    return float(case.maps().abs().max()) < TOLERANCE


FORMS: Mapping[str, Callable[[str], bool]] = {
    "w x": linear,
    "one square": one_square,
    "mirror": mirrored,
    "constant": constant,
}


@dataclass(frozen=True)
class Reason:
    """Why explainers do not give a form's answer."""

    form: str
    explainers: tuple[str, ...]
    text: str


CAMS = (
    "cam",
    "grad-cam",
    "grad-cam++",
    "hires-cam",
    "layer-cam",
    "xgrad-cam",
    "eigen-cam",
    "score-cam",
    "ablation-cam",
    "channel-activation",
)
SUPERPIXELS = ("lime", "kernel-shap", "feature-ablation")
SHARES = ("lrp-alpha2-beta1", "lrp-alpha1-beta0", "excitation-backprop")
REASONS = (
    Reason("w x", ("gradient", "smoothgrad"), "the gradient is w, whatever the image"),
    Reason("w x", ("smoothgrad-squared",), "the squared gradient is w squared"),
    Reason("w x", ("vargrad",), "the gradient is the same everywhere: its variance is 0"),
    Reason("w x", ("expected-gradients", "deepliftshap"), "baselines are training images, not 0"),
    Reason("w x", ("lrp-epsilon",), "epsilon takes its part of the logit"),
    Reason("w x", SHARES, "contributions of either sign are scaled apart"),
    Reason(
        "w x", ("lrp-epsilon-gamma-box", "deep-taylor"), "the z-box counts pixels from the input's bounds, not from 0"
    ),
    Reason("w x", ("occlusion", "rise", *SUPERPIXELS), "it changes many pixels at once"),
    Reason("one square", CAMS, "the layer's map, here of the square, is enlarged to the image"),
    Reason("one square", ("occlusion", "rise", *SUPERPIXELS), "windows, masks and superpixels reach over the edge"),
    Reason("mirror", ("smoothgrad", "smoothgrad-squared", "vargrad", "rise"), "noise and masks are not symmetric"),
    Reason("mirror", ("expected-gradients", "deepliftshap"), "training images are not symmetric"),
    Reason("mirror", ("occlusion",), "the last windows stand over the edge, the first do not"),
    Reason("mirror", SUPERPIXELS, "superpixels of a symmetric image are not symmetric"),
    Reason("constant", ("eigen-cam", "channel-activation", "deconvnet-top-n"), "it looks at no logit"),
    Reason("constant", ("score-cam",), "a softmax of equal scores weighs all channels alike"),
)


def why(form: str, name: str) -> str:
    """Why an explainer does not give a form's answer; empty where it does, or does not apply."""
    return next((reason.text for reason in REASONS if reason.form == form and name in reason.explainers), "")


def found(form: str, call: str) -> str:
    """`holds`, `fails` or `n/a`, of an explainer with parameters."""
    try:
        return HOLDS if FORMS[form](call) else FAILS
    except NotApplicableError:
        return SKIPPED


def _case(call: str, build: Callable[[], nn.Module]) -> Trial:
    """In float64, with a baseline of 0."""
    with torch.random.fork_rng():
        torch.manual_seed(8)
        model = build().double().eval()
    case = trial(registry.build("explainers", registry.parse_call(call)), model)
    context = replace(case.context, baseline=torch.zeros_like(case.context.baseline))
    return replace(case, images=case.images.double(), context=context)


def _near(maps: Tensor, expected: Tensor) -> bool:
    return float((maps - expected).abs().max()) < TOLERANCE * float(expected.abs().max())
