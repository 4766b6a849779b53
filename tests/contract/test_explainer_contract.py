"""The contract, for every registered explainer on every built-in model."""

import contextlib
from collections.abc import Mapping

import pytest
import torch
from torch import nn

from tests.elsewhere import ELSEWHERE, elsewhere
from xraybench import registry
from xraybench.checks import check_explainer, small_models
from xraybench.checks.explainer import SMALL, same_among_many, trial
from xraybench.checks.families import FAMILIES, network
from xraybench.checks.matrix import FEW
from xraybench.checks.plugin import check_named
from xraybench.errors import NotApplicableError, UsageError
from xraybench.spec import Context, Explainer, explainer
from xraybench.untouched import state_of

PEERS = ("captum:GradientShap", "captum:Occlusion", "captum:GuidedBackprop", "zennit:EpsilonGammaBox")
CALLS = [name + FEW.get(name, "") for name in registry.EXPLAINERS] + list(PEERS)


@pytest.fixture(scope="module")
def models() -> Mapping[str, nn.Module]:
    return small_models()


@pytest.fixture
def explains(request) -> Explainer:
    return registry.build("explainers", registry.parse_call(request.param))


def transformer(explains: Explainer) -> nn.Module | None:
    """A network with attention, for what applies to no other."""
    return network("vit") if explains.family == "attention" else None


def home(explains: Explainer) -> str:
    """A family to which it applies: of many kinks and with dropout where there is a choice."""
    return {"AttentionRollout": "vit", "Cam": "densenet"}.get(type(explains).__name__, "vgg")


@pytest.mark.parametrize("explains", CALLS, indirect=True)
@pytest.mark.parametrize("name", SMALL)
def test_keeps_every_promise(explains, name, models):
    findings = check_explainer(explains, {name: models[name]})
    assert findings
    assert not [f"{finding.name}: {finding.detail}" for finding in findings if not finding.passed]


@pytest.mark.parametrize("name", registry.EXPLAINERS)
def test_declares_what_the_contract_asks(name):
    built = registry.build("explainers", registry.parse_call(name))
    assert isinstance(built, Explainer)
    assert built.cost(64) > 0
    hash(built)
    registry.parameters_of(built)


@pytest.mark.parametrize("explains", CALLS, indirect=True)
def test_explains_in_eval_mode_and_gives_back_the_mode_it_found(explains, models):
    model = transformer(explains) or models["small-cnn"]
    case = trial(explains, model)
    expected = case.maps(slice(0, 2))
    model.train()
    next(model.children()).eval()
    before = state_of(model)
    try:
        found = case.maps(slice(0, 2))
        after = state_of(model)
    finally:
        model.eval()
    torch.testing.assert_close(found, expected)
    assert all(torch.equal(v, after[k]) if isinstance(v, torch.Tensor) else v == after[k] for k, v in before.items())


@pytest.mark.parametrize("explains", CALLS, indirect=True)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_explains_whatever_the_callers_grad_mode(explains, mode, models):
    case = trial(explains, transformer(explains) or models["densenet-tiny"])
    expected = case.maps(slice(0, 2))
    with mode():
        found = case.maps(slice(0, 2))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("explains", CALLS, indirect=True)
def test_an_image_among_sixteen_is_as_if_alone(explains):
    """On one family; the slow tests see every one."""
    family = home(explains)
    assert not same_among_many(explains, network(family).double(), FAMILIES[family].side)


def assert_devices_agree(explains: Explainer, family: str, device: torch.device | str) -> None:
    """The CPU and another device, in float64: a family's network on which the explainer applies, or it is skipped."""
    case = trial(explains, network(family).double(), FAMILIES[family].side)
    cpu = (case.model, case.images.double(), case.targets)
    try:
        expected = explains(*cpu, case.context)
    except NotApplicableError as error:
        pytest.skip(error.message)
    found = explains(*(part.to(device) for part in cpu), case.context).cpu()
    torch.testing.assert_close(found, expected, atol=1e-7 * float(expected.abs().max()), rtol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("explains", CALLS, indirect=True)
@pytest.mark.parametrize("family", FAMILIES)
def test_cpu_and_gpu_agree(explains, family):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    assert_devices_agree(explains, family, "cuda")


@pytest.mark.parametrize("explains", CALLS, indirect=True)
def test_all_is_done_where_the_images_are(explains):
    """What a GPU is held to, without one: on a device that refuses what a GPU refuses."""
    with elsewhere():
        assert_devices_agree(explains, home(explains), ELSEWHERE)


@pytest.mark.slow
@pytest.mark.parametrize("explains", CALLS, indirect=True)
@pytest.mark.parametrize("family", FAMILIES)
def test_all_is_done_where_the_images_are_whatever_the_network(explains, family):
    with elsewhere():
        assert_devices_agree(explains, family, ELSEWHERE)


def test_devices_that_do_not_agree_are_found():
    with pytest.raises(AssertionError, match="not close"):
        assert_devices_agree(explainer(signed=True, cost=0)(drawing_freely), "mlp", "cpu")


def of_a_batch(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    return images.sum(1) / len(images)


def of_probabilities(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    leaves = images.clone().requires_grad_()
    chosen = model(leaves).softmax(1).gather(1, targets[:, None]).sum()
    return torch.autograd.grad(chosen, leaves)[0].sum(1)


def leaving_a_hook(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    model.register_forward_hook(lambda module, inputs, output: None)
    return images.sum(1)


def leaving_gradients(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    leaves = images.clone().requires_grad_()
    model(leaves).gather(1, targets[:, None]).sum().backward()
    return leaves.grad.sum(1)


def changing_images(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    return images.mul_(0.5).sum(1)


def drawing_freely(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    return torch.rand(len(images), *images.shape[2:])


def not_a_number(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    return images.sum(1) * float("nan")


def spending_freely(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    for _ in range(9):
        model(images)
    return images.sum(1)


def below_zero(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    return images.sum(1) - 0.5


def breaking_later(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    """Its first call is guarded, its second is not."""
    handle = model.register_forward_hook(lambda module, inputs, output: None)
    try:
        model(images)
    except BaseException:
        handle.remove()
        raise
    model(images)
    handle.remove()
    return images.sum(1)


def breaking_inside(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    """The model is called layer by layer, and as a whole never."""
    model.requires_grad_(False)
    torch.nn.Sequential(*model.children())(images)
    model.requires_grad_(True)
    return images.sum(1)


def breaking_on_the_way_back(
    model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context
) -> torch.Tensor:
    """An error at the model's output strikes before anything is changed; one inside strikes after."""
    leaves = images.clone().requires_grad_()
    logits = model(leaves)
    (gradient,) = torch.autograd.grad(logits.sum(), logits, retain_graph=True)
    handle = model.register_forward_hook(lambda module, inputs, output: None)
    torch.autograd.grad(logits, leaves, gradient)
    handle.remove()
    return images.sum(1)


def keeping_errors_quiet(
    model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context
) -> torch.Tensor:
    with contextlib.suppress(Exception):
        model(images)
    return images.sum(1)


AFTER_AN_ERROR = "leaves the model as it was after an error"


@pytest.mark.parametrize("function", [breaking_later, breaking_inside, breaking_on_the_way_back, keeping_errors_quiet])
def test_what_an_error_leaves_behind_is_found_wherever_it_strikes(function):
    broken = explainer(signed=True, cost=9)(function)
    findings = check_explainer(broken, {"small-cnn": small_models()["small-cnn"]})
    assert AFTER_AN_ERROR in {finding.name for finding in findings if not finding.passed}
    assert "leaves the model as it was" not in {finding.name for finding in findings if not finding.passed}


@pytest.mark.parametrize(
    ("function", "promise"),
    [
        (of_a_batch, "gives an image the same map alone and in a batch"),
        (of_probabilities, "explains the logit, not a probability"),
        (leaving_a_hook, "leaves the model as it was"),
        (leaving_gradients, "leaves the model as it was"),
        (changing_images, "leaves the images as they are"),
        (drawing_freely, "gives the same map twice"),
        (below_zero, "gives nothing below 0 if not signed"),
        (not_a_number, "returns float32 maps [B,H,W], finite"),
        (spending_freely, "costs what it declares"),
    ],
)
def test_a_broken_promise_is_found(function, promise):
    broken = explainer(signed=function is not below_zero, cost=3)(function)
    findings = check_explainer(broken, {"small-cnn": small_models()["small-cnn"]})
    assert promise in {finding.name for finding in findings if not finding.passed}


def brightness(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    return images.sum(1)


def of_the_target(model: nn.Module, images: torch.Tensor, targets: torch.Tensor, context: Context) -> torch.Tensor:
    return images.sum(1) * (1 + targets.view(-1, 1, 1))


@pytest.mark.parametrize(("function", "kept"), [(brightness, True), (of_the_target, False)])
def test_a_plug_in_that_says_it_looks_at_no_logit_is_held_to_it(function, kept, monkeypatch):
    made = explainer(signed=False, cost=1, needs="nothing", class_agnostic=True)(function)
    assert made.class_agnostic
    assert not explainer(signed=False, cost=1)(function).class_agnostic
    entry = registry.Entry("explainers", "made", f"{__name__}:made", "a plug-in")
    monkeypatch.setattr(registry, "plugins", lambda kind: {"made": entry} if kind == "explainers" else {})
    monkeypatch.setitem(globals(), "made", made)
    broken = {finding.name for finding in check_named("made") if not finding.passed}
    assert broken == (set() if kept else {"gives all targets the same map if class-agnostic"})


class NoDataclass:
    family, signed, needs, version = "gradient", False, "nothing", 1

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def cost(self, image_size: int) -> int:
        return 1

    def __call__(self, model, images, targets, context):
        return images.abs().sum(1) ** self.power


def test_parameters_that_no_call_can_give_are_found(monkeypatch):
    entry = registry.Entry("explainers", "made", f"{__name__}:NoDataclass", "a plug-in")
    monkeypatch.setattr(registry, "plugins", lambda kind: {"made": entry} if kind == "explainers" else {})
    (found,) = [finding for finding in check_named("made") if not finding.passed]
    assert (found.name, found.detail) == ("its parameters are the fields of a dataclass", "power")


def test_what_is_a_librarys_own_is_not_checked():
    with pytest.raises(UsageError, match="captum's own"):
        check_named("captum:KernelShap")
