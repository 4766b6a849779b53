"""Layer similarity against scipy, against the N x N definitions, and in closed form."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cross_decomposition import CCA

from xraybench.errors import NotApplicableError, ValidationError
from xraybench.similarity import debiased_cka, layer, linear_cka, mean_cca, pwcca, svcca
from xraybench.similarity.cca import correlations

MEASURES = [mean_cca, svcca, pwcca, linear_cka, debiased_cka]


def noise(rows, columns, seed):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def orthogonal(size, seed):
    return np.linalg.qr(noise(size, size, seed))[0]


@pytest.mark.parametrize("measure", MEASURES)
def test_a_layer_is_like_itself_shifted_scaled_and_turned(measure):
    x = noise(300, 12, 0) * np.arange(1, 13)
    turned = 3 + 2 * x @ orthogonal(12, 1)
    assert measure(layer(x), layer(x)) == pytest.approx(1, abs=1e-6)
    assert measure(layer(x), layer(turned)) == pytest.approx(1, abs=1e-6)


def test_cca_ignores_any_invertible_map_and_cka_does_not():
    x = noise(400, 6, 0)
    mixed = x @ (noise(6, 6, 1) + np.diag([9, 1, 1, 1, 1, 0.2]))
    assert mean_cca(layer(x), layer(mixed)) == pytest.approx(1, abs=1e-6)
    assert linear_cka(layer(x), layer(mixed)) < 0.95


@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 6))
def test_correlations_are_the_cosines_of_the_principal_angles(seed, first, second):
    x, y = noise(80, first, seed), noise(80, second, seed + 1)
    y[:, 0] += x[:, 0]
    centred = [values - values.mean(0) for values in (x, y)]
    expected = np.sort(np.cos(scipy.linalg.subspace_angles(*centred)))[::-1]
    np.testing.assert_allclose(correlations(layer(x), layer(y)), expected, atol=1e-7)


def test_correlations_are_scikit_learns():
    x, y = noise(200, 3, 0), noise(200, 4, 1)
    y[:, :2] += x[:, :2]
    fitted = CCA(n_components=3, scale=False, max_iter=20000, tol=1e-12).fit(x, y)
    ours = correlations(layer(x), layer(y))
    theirs = [np.corrcoef(a, b)[0, 1] for a, b in zip(*(part.T for part in fitted.transform(x, y)), strict=True)]
    np.testing.assert_allclose(np.sort(ours), np.sort(theirs), atol=1e-4)


@given(st.integers(0, 999))
def test_cka_is_its_definition_over_kernels(seed):
    x, y = noise(30, 4, seed), noise(30, 7, seed + 1)
    y[:, :2] += x[:, :2]
    n, kernels = 30, [values @ values.T for values in (x - x.mean(0), y - y.mean(0))]
    centre = np.eye(n) - 1 / n
    k, m = (centre @ kernel @ centre for kernel in kernels)
    expected = (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())
    assert linear_cka(layer(x), layer(y)) == pytest.approx(expected, rel=1e-9)

    def hsic(a, b):
        a, b, one = a - np.diag(np.diag(a)), b - np.diag(np.diag(b)), np.ones(n)
        middle = one @ a @ one * (one @ b @ one) / ((n - 1) * (n - 2))
        return (np.trace(a @ b) + middle - 2 / (n - 2) * one @ a @ b @ one) / (n * (n - 3))

    unbiased = hsic(*kernels) / np.sqrt(hsic(kernels[0], kernels[0]) * hsic(kernels[1], kernels[1]))
    assert debiased_cka(layer(x), layer(y)) == pytest.approx(unbiased, rel=1e-9)


def test_pwcca_is_its_definition_and_weighs_the_first_layer():
    x, y = noise(300, 5, 0) * [9, 1, 1, 1, 1], noise(300, 4, 1)
    y[:, 0] += 5 * x[:, 0]
    one, other = layer(x), layer(y)
    left, rho, _ = np.linalg.svd(one.basis.T @ other.basis, full_matrices=False)
    variates = one.basis @ left
    alpha = np.abs(variates.T @ (one.scores @ one.rows)).sum(1)
    assert pwcca(one, other) == pytest.approx(float(alpha @ rho / alpha.sum()), abs=1e-7)
    assert pwcca(one, other) > mean_cca(one, other)  # the shared direction is the first layer's strongest


def test_svcca_drops_what_has_no_variance():
    x = noise(500, 4, 0)
    faint = np.hstack([x, 1e-3 * noise(500, 40, 1)])
    other = np.hstack([x @ orthogonal(4, 2), 1e-3 * noise(500, 40, 3)])
    assert svcca(layer(faint), layer(other)) == pytest.approx(1, abs=1e-3)
    assert mean_cca(layer(faint), layer(other)) < 0.5


def test_svcca_keeps_99_percent_of_the_variance():
    """Of orthogonal directions with 98.5, 0.8 and 0.7 % two hold 99 %; of these the layers share the first."""
    directions = np.linalg.qr(np.hstack([np.ones((300, 1)), noise(300, 5, 0)]))[0][:, 1:]
    shares = np.sqrt([0.985, 0.008, 0.007])
    one, other = (layer(directions[:, chosen] * shares) for chosen in ([0, 1, 2], [0, 3, 4]))
    assert svcca(one, other) == pytest.approx(1 / 2, abs=1e-6)
    assert mean_cca(one, other) == pytest.approx(1 / 3, abs=1e-6)


def test_independent_layers_look_alike_to_cca_with_few_samples_and_are_refused():
    few = [layer(noise(200, 80, seed)) for seed in (0, 1)]
    assert correlations(*few).mean() > 0.5
    for measure in (mean_cca, pwcca, svcca):
        with pytest.raises(NotApplicableError, match="are needed"):
            measure(*few)
    assert linear_cka(*few) > 0.2
    assert abs(debiased_cka(*few)) < 0.05


def test_a_permuted_layer_keeps_itself_and_loses_the_other():
    x = noise(400, 5, 0)
    order = np.random.default_rng(1).permutation(400)
    shuffled = layer(x).permuted(order)
    assert mean_cca(layer(x), shuffled) < 0.3
    assert mean_cca(shuffled, layer(x[order])) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("level", [1.0, 0.1])  # a tenth is no binary number: less its mean it is not quite 0
@pytest.mark.parametrize("measure", MEASURES)
def test_rank_deficient_and_constant_layers_are_defined(measure, level):
    x, constant = noise(200, 3, 0), np.full((200, 4), level)
    deficient = layer(np.hstack([x, x, constant]))
    assert deficient.rank == 3
    assert measure(deficient, layer(x)) == pytest.approx(1, abs=0.05)
    assert measure(layer(constant), layer(x)) == 0
    assert measure(layer(x), layer(constant)) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_layer_that_is_not_finite_is_an_error(value):
    x = noise(20, 3, 0)
    x[4, 1] = value
    with pytest.raises(ValidationError, match="fc: activations are not finite"):
        layer(x, "fc")
