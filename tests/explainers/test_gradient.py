"""Gradient methods against captum, and against loops written here."""

import captum.attr
import pytest
import torch
from torch import nn

from xraybench.errors import NotApplicableError, UsageError
from xraybench.explainers.deeplift import DeepLift, DeepLiftShap
from xraybench.explainers.gradient import Deconvolution, Gradient, GradientXInput, GuidedBackprop, IntegratedGradients
from xraybench.explainers.sampled_gradient import ExpectedGradients, SmoothGrad, SmoothGradSquared, VarGrad

pytestmark = pytest.mark.filterwarnings("ignore:Input Tensor", "ignore:Setting")

CONVOLUTIONAL = ("small-cnn", "densenet-tiny")
MODELS = (*CONVOLUTIONAL, "mlp-400-tanh")


class HalfSquare(nn.Module):
    """f(x) = sum x^2 / 2: its gradient is the image."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images**2 / 2).flatten(1).sum(1, keepdim=True)


@pytest.mark.parametrize("name", MODELS)
def test_gradient_is_captums_saliency_with_its_sign(name, build, images, targets, context_of):
    model = build(name)
    expected = captum.attr.Saliency(model).attribute(images.clone(), target=targets, abs=False).sum(1)
    torch.testing.assert_close(Gradient()(model, images, targets, context_of(images)), expected)


@pytest.mark.parametrize("name", MODELS)
def test_gradient_x_input_is_captums(name, build, images, targets, context_of):
    model = build(name)
    expected = captum.attr.InputXGradient(model).attribute(images.clone(), target=targets).detach().sum(1)
    torch.testing.assert_close(GradientXInput()(model, images, targets, context_of(images)), expected)


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_guided_backprop_is_captums(name, build, images, targets, context_of):
    model = build(name)
    found = GuidedBackprop()(model, images, targets, context_of(images))
    expected = captum.attr.GuidedBackprop(model).attribute(images.clone(), target=targets).sum(1)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_deconvolution_is_captums(name, build, images, targets, context_of):
    model = build(name)
    found = Deconvolution()(model, images, targets, context_of(images))
    expected = captum.attr.Deconvolution(model).attribute(images.clone(), target=targets).sum(1)
    torch.testing.assert_close(found, expected)


def test_guided_backprop_refuses_a_model_without_relu(build, images, targets, context_of):
    with pytest.raises(NotApplicableError, match="none"):
        GuidedBackprop()(build("mlp-400-tanh"), images, targets, context_of(images))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("rule", "captums"), [("midpoint", "riemann_middle"), ("gauss-legendre", "gausslegendre")])
def test_integrated_gradients_are_captums(name, rule, captums, build, images, targets, context_of):
    model, baseline = build(name), torch.full((1, 32, 32), 0.4)
    found = IntegratedGradients(steps=9, rule=rule)(model, images, targets, context_of(images, baseline))
    attribute = captum.attr.IntegratedGradients(model).attribute
    expected = attribute(images, baselines=baseline[None], target=targets, n_steps=9, method=captums).sum(1)
    torch.testing.assert_close(found, expected.float(), atol=1e-6, rtol=1e-4)


def test_gauss_legendre_is_exact_where_the_gradient_is_a_polynomial(images, context_of):
    model, baseline = HalfSquare(), torch.full((1, 32, 32), 0.3)
    targets = torch.zeros(len(images), dtype=torch.long)
    found = IntegratedGradients(steps=1, rule="gauss-legendre")(model, images, targets, context_of(images, baseline))
    torch.testing.assert_close(found, ((images**2 - baseline**2) / 2).sum(1))


def test_integrated_gradients_note_how_complete_they_are(build, images, targets, context_of):
    model, context = build("small-cnn"), context_of(images)
    explainer = IntegratedGradients(steps=4)
    maps = explainer(model, images, targets, context)
    change = (model(images) - model(torch.zeros(1, 1, 32, 32))).gather(1, targets[:, None])[:, 0]
    expected = (maps.sum((1, 2)) - change).abs().mean().detach() / change.abs().mean().detach()
    noted = explainer.notes(model, images, targets, context, maps)["completeness_error"]
    assert noted == pytest.approx(float(expected), rel=1e-3)
    many = IntegratedGradients(steps=128)
    finer = many.notes(model, images, targets, context, many(model, images, targets, context))
    assert finer["completeness_error"] < min(noted, 0.01)


def test_smoothgrad_is_the_mean_gradient_of_copies_noised_from_the_images_own_seeds(build, images, targets, context_of):
    model, context = build("small-cnn"), context_of(images)
    found = SmoothGrad(samples=5, noise=0.2)(model, images, targets, context)
    for i, seed in enumerate(context.seeds):
        noise = torch.randn((5, 1, 32, 32), generator=torch.Generator().manual_seed(int(seed)))
        copies = (images[i] + 0.2 * noise).requires_grad_()
        (gradient,) = torch.autograd.grad(model(copies)[:, targets[i]].sum(), copies)
        torch.testing.assert_close(found[i], gradient.mean(0)[0], atol=1e-6, rtol=1e-4)


def test_smoothgrads_noise_is_a_share_of_the_inputs_range(images, context_of):
    context = context_of(images)
    wide = type(context)(**{**vars(context), "low": torch.full((1, 1, 1), -3.0)})
    targets = torch.zeros(len(images), dtype=torch.long)
    noise = SmoothGrad(samples=25, noise=0.15)(HalfSquare(), images, targets, wide) - images[:, 0]
    assert float(noise.std()) == pytest.approx(0.15 * 4 / 5, rel=0.03)


def test_smoothgrad_without_noise_is_the_gradient(build, images, targets, context_of):
    model, context = build("densenet-tiny"), context_of(images)
    found = SmoothGrad(samples=2, noise=0.0)(model, images, targets, context)
    torch.testing.assert_close(found, Gradient()(model, images, targets, context))


@pytest.mark.parametrize("name", MODELS)
def test_squares_and_variances_are_of_smoothgrads_gradients(name, build, images, targets, context_of):
    model, context = build(name), context_of(images)
    squares, variances = SmoothGradSquared(5, 0.2), VarGrad(5, 0.2)
    for i, seed in enumerate(context.seeds):
        noise = torch.randn((5, 1, 32, 32), generator=torch.Generator().manual_seed(int(seed)))
        copies = (images[i] + 0.2 * noise).requires_grad_()
        (gradient,) = torch.autograd.grad(model(copies)[:, targets[i]].sum(), copies)
        scale = float(gradient.square().max())
        found = (method(model, images, targets, context)[i] for method in (squares, variances))
        expected = (gradient.square().mean(0)[0], gradient.var(0, correction=0)[0])
        for ours, direct in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, direct, atol=1e-5 * scale, rtol=1e-4)


def test_expected_gradients_are_exact_for_a_square_in_the_mean(images, context_of):
    context, targets = context_of(images), torch.zeros(len(images), dtype=torch.long)
    found = ExpectedGradients(samples=4000)(HalfSquare(), images, targets, context)
    expected = ((images**2 - (context.background**2).mean(0)) / 2).sum(1)
    assert float((found - expected).abs().max()) < 0.06  # a Monte Carlo mean of 4,000 draws
    assert float((found - expected).mean().abs()) < 0.002


def test_expected_gradients_of_a_linear_model_are_its_weights_times_the_drawn_differences(images, context_of):
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 2))
    context, targets = context_of(images), torch.tensor([0, 1, 0, 1])
    method = ExpectedGradients(samples=30)
    chosen, _ = method._draws(8, context.seeds)
    weights = model[1].weight.detach()[targets].view(-1, 32, 32)
    expected = (images[:, 0] - context.background[chosen].mean(0)[:, 0]) * weights
    torch.testing.assert_close(method(model, images, targets, context), expected, atol=1e-6, rtol=1e-4)
    assert chosen.shape == (30, 4)
    assert set(chosen.flatten().tolist()) == set(range(8))


@pytest.mark.parametrize("name", MODELS)
def test_deepliftshap_is_the_mean_over_baselines_and_complete(name, build, images, targets, context_of):
    model, context = build(name), context_of(images)
    each = [DeepLift()(model, images, targets, context_of(images, baseline)) for baseline in context.background]
    method = DeepLiftShap()
    maps = method(model, images, targets, context)
    torch.testing.assert_close(maps, torch.stack(each).mean(0))
    assert method.notes(model, images, targets, context, maps)["completeness_error"] < 1e-3


def test_no_forward_is_larger_than_the_batch_size(build, images, targets, context_of):
    model, sizes = build("mlp-400-tanh"), []
    model.register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    for explainer in (Gradient(), IntegratedGradients(steps=7), SmoothGrad(samples=6)):
        explainer(model, images, targets, context_of(images, batch_size=3))
    assert max(sizes) == 3


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"rule": "simpson"}])
def test_parameters_that_make_no_sense_are_usage_errors(wrong):
    with pytest.raises(UsageError):
        IntegratedGradients(**wrong)
    with pytest.raises(UsageError):
        SmoothGrad(samples=0)


@pytest.mark.parametrize("explain", [GuidedBackprop(), Deconvolution()])
def test_relus_in_place_are_refused(explain, images, targets, context_of):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(3))
    model(images)
    with pytest.raises(NotApplicableError, match="in place"):
        explain(model, images, targets, context_of(images))
