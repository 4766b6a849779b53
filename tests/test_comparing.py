"""Comparing two models layer by layer: the matrix, its null, and what has too few samples."""

import itertools

import numpy as np
import pytest
import torch

from xraybench.comparing import MEASURES, activations, compare
from xraybench.errors import ValidationError
from xraybench.models import small_cnn
from xraybench.similarity import layer, linear_cka, mean_cca


@pytest.fixture(scope="module")
def images():
    return torch.rand(80, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def network(seed):
    torch.manual_seed(seed)
    return small_cnn.build(2, 1, 32).eval()


@pytest.fixture(scope="module")
def matrices(images):
    return compared(network(0), network(1), images).matrices


def compared(first, second, images):
    return compare(first, second, images, 2, np.random.default_rng(0), lambda done, total: None)


def test_activations_are_the_layers_outputs(images):
    model = network(0)
    found = activations(model, model.layers, images, grid=1)
    with torch.no_grad():
        expected = torch.nn.Sequential(*[*model.children()][:6])(images).mean((2, 3))
        logits = model(images)
    np.testing.assert_allclose(found[5][:, 0], expected, atol=1e-5)
    np.testing.assert_allclose(found[-1][:, 0], logits, atol=1e-5)
    assert not any(module._forward_hooks for module in model.modules())


def test_positions_are_samples_where_both_layers_have_them(images, matrices):
    models = [network(0), network(1)]
    ours, theirs = (activations(model, ["block2"], images, grid=2)[0] for model in models)
    assert ours.shape == (80, 4, 16)
    expected = mean_cca(layer(ours.reshape(-1, 16)), layer(theirs.reshape(-1, 16)))
    assert matrices["cca"].values[1, 1] == pytest.approx(expected)
    heads = [activations(model, ["head"], images, grid=2)[0][:, 0] for model in models]
    assert matrices["linear-cka"].values[-1, -1] == pytest.approx(linear_cka(*map(layer, heads)))


def test_samples_and_channels_of_each_pair_are_those_of_its_activations(images):
    """80 images: blocks have 2 x 2 positions each, the head has one sample an image."""
    one, other = network(0), network(1)
    found = compared(one, other, images)
    shapes = [part.shape for part in activations(one, one.layers, images, grid=2)]
    assert found.first_channels == found.second_channels == tuple(shape[2] for shape in shapes)
    assert found.samples.shape == (len(one.layers), len(other.layers))
    for (i, mine), (j, theirs) in itertools.product(enumerate(shapes), repeat=2):
        assert found.samples[i, j] == (320 if mine[1] == theirs[1] == 4 else 80)
    assert {80, 320} == set(found.samples.ravel().tolist())


def test_the_null_is_lower_and_the_same_model_is_alike_on_its_diagonal(images, matrices):
    itself = compared(network(0), network(0), images).matrices
    defined = np.isfinite(np.diag(itself["cca"].values))
    assert defined.sum() >= 3
    np.testing.assert_allclose(np.diag(itself["linear-cka"].values), 1, atol=1e-6)
    np.testing.assert_allclose(np.diag(itself["cca"].values)[defined], 1, atol=1e-6)
    assert np.nanmean(matrices["linear-cka"].values) > np.nanmean(matrices["linear-cka"].null)


def test_the_null_keeps_what_all_images_share_at_the_same_place(images):
    """Images that are all the same differ by their positions alone: permuted, with positions along, nothing changes."""
    found = compared(network(0), network(0), images[:1].expand(80, -1, -1, -1)).matrices["linear-cka"]
    blocks = np.diag(found.values)[:-1]
    np.testing.assert_allclose(blocks, 1, atol=1e-6)
    np.testing.assert_allclose(np.diag(found.null)[:-1], blocks, atol=1e-6)


def test_refusals_are_counted_with_their_reason(matrices):
    assert set(matrices) == set(MEASURES)
    missing = int(np.isnan(matrices["cca"].values).sum())
    assert missing > 0
    assert sum(matrices["cca"].refused.values()) == missing
    few, many = (f"{samples} samples, where 5 are needed for each dimension of the two layers" for samples in (80, 320))
    assert set(matrices["cca"].refused) == {few, many}, "80 images, 2 x 2 positions: one reason for many pairs"
    assert not matrices["linear-cka"].refused


def test_activations_that_are_not_finite_name_the_layer(images):
    broken = network(0)
    with torch.no_grad():
        broken.get_submodule("block2")[0].weight[0] = float("nan")
    with pytest.raises(ValidationError, match="layer 'block2': activations are not finite") as raised:
        compared(network(0), broken, images)
    assert "train it again" in raised.value.hint
