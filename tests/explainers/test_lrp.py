"""LRP: conservation where it must hold, and every rule of an MLP against its matrix form."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from xraybench.checks.families import network
from xraybench.errors import NotApplicableError, UsageError
from xraybench.explainers._lrp_sums import with_sums
from xraybench.explainers._relevance import (
    deep_taylor,
    epsilon_gamma_box,
    epsilon_plus_flat,
    everywhere_alpha_beta,
    everywhere_epsilon,
    prepared,
    relevance,
)
from xraybench.explainers.gradient import GradientXInput
from xraybench.explainers.lrp import (
    DeepTaylor,
    EpsilonGammaBox,
    EpsilonPlusFlat,
    ExcitationBackprop,
    LrpAlpha1Beta0,
    LrpAlpha2Beta1,
    LrpEpsilon,
    LrpZ,
)
from xraybench.models import resnet, vit
from xraybench.models.densenet import DenseNet

EXACT = {"stabilizer": 1e-12}
METHODS = [
    EpsilonPlusFlat(epsilon=1e-12, **EXACT),
    DeepTaylor(**EXACT),
    LrpAlpha2Beta1(**EXACT),
    LrpAlpha1Beta0(**EXACT),
]
NAMES = ["epsilon-plus-flat", "deep-taylor", "alpha2-beta1", "alpha1-beta0"]


@pytest.mark.parametrize("explainer", METHODS, ids=NAMES)
@pytest.mark.parametrize("bn", ["canonised", "pass"])
@pytest.mark.parametrize("name", ["small-cnn", "densenet-tiny", "mlp-400-tanh"])
def test_relevance_sums_to_the_logit(explainer, bn, name, build, images, targets, context_of):
    if name == "mlp-400-tanh" and isinstance(explainer, EpsilonPlusFlat):
        pytest.skip("the flat rule does not apply to a fully connected first layer")
    explainer = type(explainer)(**{**vars(explainer), "bn": bn})
    model, images, context = build(name).double(), images.double(), context_of(images)
    maps = explainer(model, images, targets, context)
    logits = model(images).gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(maps.sum((1, 2)), logits, rtol=1e-4, atol=0)
    assert explainer.notes(model, images, targets, context, maps)["conservation_error"] < 1e-4


@pytest.mark.parametrize("explainer", METHODS, ids=NAMES)
def test_conserves_on_a_densenet_of_four_blocks(explainer, context_of):
    torch.manual_seed(2)
    model = DenseNet(4, in_channels=1, growth=12, blocks=(2, 3, 2, 2), stem=16).double().eval()
    images = 0.02 + 0.98 * torch.rand(2, 1, 64, 64).double()
    targets = torch.tensor([1, 3])
    maps = explainer(model, images, targets, context_of(images))
    logits = model(images).gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(maps.sum((1, 2)), logits, rtol=1e-4, atol=0)


@pytest.mark.parametrize("explainer", METHODS, ids=NAMES)
def test_conserves_through_residual_sums(explainer, context_of):
    torch.manual_seed(2)
    model = resnet.build_18(4, 1, 64).double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    images = 0.02 + 0.98 * torch.rand(2, 1, 64, 64).double()
    targets = torch.tensor([1, 3])
    maps = explainer(model, images, targets, context_of(images))
    logits = model(images).gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(maps.sum((1, 2)), logits, rtol=1e-4, atol=0)


def test_a_sum_shares_relevance_by_contribution():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.relu, self.out = nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1)

        def forward(self, inputs):
            return self.out(self.relu(self.first(inputs)) + inputs)

    torch.manual_seed(4)
    model, inputs = Residual().double(), torch.rand(1, 3).double().requires_grad_()
    copy = with_sums(model)
    torch.testing.assert_close(copy(inputs), model(inputs))
    with epsilon_plus_flat(1e-12, 1e-12).context(copy) as hooked:
        hooked(inputs).sum().backward()
    branches = torch.stack([model.relu(model.first(inputs)), inputs], dim=-1)
    products = model.out.weight * branches.sum(-1)
    shared = (products / products.sum())[..., None] * branches / branches.sum(-1, keepdim=True)
    expected = shared[..., 1] + shared[..., 0].sum() / 3  # the flat rule spreads the first branch's evenly
    torch.testing.assert_close(inputs.grad, expected.detach())


def test_attention_is_refused(context_of):
    images = torch.rand(1, 1, 32, 32)
    with pytest.raises(NotApplicableError, match="attention"):
        EpsilonPlusFlat()(vit.build_b16(2, 1, 32).eval(), images, torch.tensor([0]), context_of(images))


@pytest.mark.parametrize(
    ("family", "reason"), [("efficientnet", "products"), ("convnext", "LayerNorm2d"), ("vit", "attention")]
)
@pytest.mark.parametrize("explainer", METHODS, ids=NAMES)
def test_architectures_without_rules_are_refused(family, reason, explainer, images, context_of):
    with pytest.raises(NotApplicableError, match=reason):
        explainer(network(family).double(), images.double(), torch.arange(4) % 3, context_of(images))


@pytest.mark.parametrize("family", ["efficientnet", "convnext"])
def test_there_the_sum_would_be_far_from_the_logit(family, images, context_of, monkeypatch):
    monkeypatch.setattr("xraybench.explainers._relevance.UNRULED", ())
    monkeypatch.setattr("xraybench.explainers._lrp_sums.PRODUCTS", ())
    model, images, targets = network(family).double(), images.double(), torch.arange(4) % 3
    maps = EpsilonPlusFlat(epsilon=1e-12, **EXACT)(model, images, targets, context_of(images))
    logits = model(images).gather(1, targets[:, None])[:, 0]
    assert ((maps.sum((1, 2)) - logits).abs() > 0.5 * logits.abs()).all()


class Sizes(nn.Module):
    """Multiplies numbers, and only adds tensors."""

    def __init__(self):
        super().__init__()
        self.first, self.out = nn.Conv2d(1, 2, 3, padding=1), nn.Linear(2048, 2)

    def forward(self, images):
        maps = self.first(images)
        return self.out(maps.reshape(-1, maps.shape[1] * maps.shape[2] * maps.size(3)))


def test_products_of_sizes_are_no_products(images, targets, context_of):
    torch.manual_seed(0)
    model = Sizes().double().eval()
    maps = DeepTaylor(**EXACT)(model, images.double(), targets % 2, context_of(images))
    logits = model(images.double()).gather(1, targets[:, None] % 2)[:, 0]
    torch.testing.assert_close(maps.sum((1, 2)), logits, rtol=1e-4, atol=0)


@pytest.mark.parametrize("smooth", [nn.SiLU, nn.GELU, nn.Hardswish, nn.Tanh])
@pytest.mark.parametrize("explainer", METHODS, ids=NAMES)
def test_smooth_activations_alone_conserve(smooth, explainer, context_of):
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 8, 3), smooth(), nn.Conv2d(8, 8, 3), smooth(), nn.Flatten(), nn.Linear(8 * 28**2, 2)
    model, images = nn.Sequential(*layers).double().eval(), 0.02 + torch.rand(2, 1, 32, 32).double()
    maps = explainer(model, images, torch.arange(2), context_of(images))
    logits = model(images).gather(1, torch.arange(2)[:, None])[:, 0]
    torch.testing.assert_close(maps.sum((1, 2)), logits, rtol=1e-4, atol=0)


def test_relevance_passes_local_response_normalisation(context_of):
    torch.manual_seed(0)
    norm = nn.LocalResponseNorm(5, alpha=0.5)
    layers = nn.Conv2d(1, 8, 3), nn.ReLU(), norm, nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 28**2, 2)
    model, images, targets = (
        nn.Sequential(*layers).double().eval(),
        0.1 + torch.rand(2, 1, 32, 32).double(),
        torch.arange(2),
    )
    maps = DeepTaylor(**EXACT)(model, images, targets, context_of(images))
    torch.testing.assert_close(maps.sum((1, 2)), model(images).gather(1, targets[:, None])[:, 0], rtol=1e-4, atol=0)


def test_a_neuron_without_a_contribution_of_its_sign_absorbs_and_the_note_says_how_much(context_of):
    """z+ in the second layer gives nothing to a positive unit that sees zeros alone: its logit's share is lost."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 1)).double()
    model[1].weight.data, model[1].bias.data = torch.eye(4)[:2].double(), torch.tensor([0.0, 3.0]).double()
    model[3].weight.data, model[3].bias.data = torch.ones(1, 2).double(), torch.zeros(1).double()
    images = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]).double()
    targets, context = torch.tensor([0]), context_of(images)
    maps = DeepTaylor(**EXACT)(model, images, targets, context)
    assert model(images).item() == 4  # 1 from the lit pixel, 3 from a bias
    noted = DeepTaylor().notes(model, images, targets, context, maps)
    assert noted["conservation_error"] == pytest.approx(0.75, abs=1e-6)


def test_gain_and_shift_count_when_canonised_and_not_when_passed(build, images, targets, context_of):
    model, context = build("densenet-tiny"), context_of(images)
    canonised, passed = (EpsilonPlusFlat(bn=bn)(model, images, targets, context) for bn in ("canonised", "pass"))
    assert float((canonised - passed).abs().max() / canonised.abs().max()) > 0.1


def through(inputs, weight, relevance):
    """The rule of a linear map: R_i = x_i sum_j w_ji R_j / z_j (zeroed biases), in matrix form."""
    return inputs * ((relevance / (inputs @ weight.T)) @ weight)


def damped(inputs, weight, relevance):
    """The epsilon rule, 0.25 with the sum's own sign."""
    z = inputs @ weight.T
    return inputs * ((relevance / (z + 0.25 * torch.where(z < 0, -1.0, 1.0))) @ weight)


def alpha_beta(alpha, beta):
    def rule(inputs, weight, relevance):
        """alpha shares of the positive contributions less beta shares of the negative ones."""
        parts = inputs[:, None, :] * weight
        shares = [part / part.sum(2, keepdim=True) for part in (parts.clamp(min=0), parts.clamp(max=0))]
        return torch.einsum("bji,bj->bi", alpha * shares[0] - beta * shares[1], relevance)

    return rule


def plus(inputs, weight, relevance):
    """z+ for inputs of both signs: only positive contributions x_i w_ji count."""
    parts = (inputs[:, None, :] * weight).clamp(min=0)
    return torch.einsum("bji,bj->bi", parts / parts.sum(2, keepdim=True), relevance)


def box(inputs, weight, relevance):
    """z-box between 0 and 1: x w - 0 w+ - 1 w-."""
    parts = inputs[:, None, :] * weight - weight.clamp(max=0)
    return torch.einsum("bji,bj->bi", parts / parts.sum(2, keepdim=True), relevance)


def flat(inputs, weight, relevance):
    """Every input alike."""
    return relevance.sum(1, keepdim=True).expand(inputs.shape) / inputs.shape[1]


LOW, HIGH = torch.zeros(1, 1, 1).double(), torch.ones(1, 1, 1).double()


@pytest.mark.parametrize(
    ("composite", "hidden", "first"),
    [
        (epsilon_plus_flat(1e-12, 1e-12), through, flat),
        (deep_taylor(LOW, HIGH, torch.Size([32, 32]), 1e-12), plus, box),
        (everywhere_epsilon(1e-12, 1e-12), through, through),
        (everywhere_epsilon(0.25, 1e-12), damped, damped),
        (everywhere_alpha_beta(2.0, 1.0, 1e-12), alpha_beta(2, 1), alpha_beta(2, 1)),
        (everywhere_alpha_beta(1.0, 0.0, 1e-12), alpha_beta(1, 0), alpha_beta(1, 0)),
        (epsilon_gamma_box(1e-12, 0.25, LOW, HIGH, torch.Size([32, 32]), 1e-12), through, box),
    ],
    ids=["plus-flat", "taylor", "z", "epsilon", "alpha2-beta1", "alpha1-beta0", "gamma-box"],
)
def test_an_mlp_in_matrix_form(composite, hidden, first, build, images, targets):
    model, images = build("mlp-400-tanh").double(), images.double()
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    activations = [images.flatten(1)]
    for linear in linears[:-1]:
        activations.append(torch.tanh(linear(activations[-1])))
    logits = linears[-1](activations[-1])
    expected = torch.zeros_like(logits).scatter(1, targets[:, None], logits.gather(1, targets[:, None]))
    for i, (inputs, linear) in reversed(list(enumerate(zip(activations, linears, strict=True)))):
        expected = (hidden if i else first)(inputs, linear.weight, expected)
    found = relevance(prepared(model, "canonised"), composite, images, targets, batch_size=3)
    error = (found.flatten(1) - expected.detach()).norm() / expected.detach().norm()
    assert float(error) < 1e-7  # of the whole map: pixels on which huge shares of both signs cancel keep fewer digits


def test_the_flat_rule_is_refused_where_all_pixels_would_get_the_same(build, images, targets, context_of):
    with pytest.raises(NotApplicableError, match="fully connected"):
        EpsilonPlusFlat()(build("mlp-400-tanh"), images, targets, context_of(images))


def test_an_unknown_treatment_of_batchnorm_is_a_usage_error():
    with pytest.raises(UsageError, match="canonised or pass"):
        EpsilonPlusFlat(bn="merged")


@pytest.mark.parametrize(
    ("made", "parameter"),
    [
        *((made, "stabilizer") for made in (LrpZ, LrpEpsilon, LrpAlpha2Beta1, EpsilonPlusFlat, ExcitationBackprop)),
        *((made, "epsilon") for made in (LrpEpsilon, EpsilonPlusFlat, EpsilonGammaBox)),
    ],
)
@given(at_most_zero=st.floats(max_value=0))
def test_what_divisors_hold_lies_above_zero(made, parameter, at_most_zero):
    with pytest.raises(UsageError, match=rf"(?s){parameter}=.*above 0"):
        made(**{parameter: at_most_zero})


def test_gamma_may_be_zero_and_is_not_negative():
    assert EpsilonGammaBox(gamma=0).gamma == 0
    with pytest.raises(UsageError, match=r"0 .* or more"):
        EpsilonGammaBox(gamma=-1e-9)


def test_the_basic_rule_is_gradient_times_input_without_biases(images, targets, context_of):
    torch.manual_seed(4)
    layers = nn.Conv2d(1, 4, 3, bias=False), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2, bias=False), nn.ReLU()
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(784, 3, bias=False)).double().eval()
    images, context = images.double(), context_of(images)
    found = LrpZ(**EXACT)(model, images, targets, context)
    expected = GradientXInput()(model, images, targets, context)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-12)


def test_epsilon_absorbs_and_the_more_the_larger_it_is(build, images, targets, context_of):
    model, images, context = build("small-cnn").double(), images.double(), context_of(images)
    sizes = [
        float(LrpEpsilon(epsilon=epsilon)(model, images, targets, context).abs().sum()) for epsilon in (0.25, 2.5, 25.0)
    ]
    assert sizes[0] > sizes[1] > sizes[2] > 0


@pytest.mark.parametrize("name", ["small-cnn", "densenet-tiny", "mlp-400-tanh"])
def test_excitation_backprop_is_the_logits_shares_and_sums_to_one(name, build, images, targets, context_of):
    model, images, context = build(name).double(), images.double(), context_of(images)
    method = ExcitationBackprop(**EXACT)
    maps = method(model, images, targets, context)
    torch.testing.assert_close(maps.sum((1, 2)), torch.ones(4).double(), rtol=1e-4, atol=0)
    assert method.notes(model, images, targets, context, maps)["conservation_error"] < 1e-4
    logits = model(images).gather(1, targets[:, None])[:, 0].detach()
    shares = LrpAlpha1Beta0(**EXACT)(model, images, targets, context) / logits[:, None, None]
    torch.testing.assert_close(maps, shares, rtol=1e-6, atol=1e-12)
