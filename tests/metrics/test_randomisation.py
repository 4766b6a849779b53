"""Random logit, the efficient and the smooth randomisation test, input invariance: definitions and known answers."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from quantus.functions.complexity_func import discrete_entropy
from scipy.stats import spearmanr
from torch import nn

from tests.metrics.cases import evidence, gradients, linear_model, subset
from xraybench.errors import NotApplicableError, UsageError
from xraybench.metrics._randomise import randomised, units
from xraybench.metrics.efficient_mprt import EfficientMprt
from xraybench.metrics.input_invariance import InputInvariance
from xraybench.metrics.mprt import Mprt
from xraybench.metrics.random_logit import RandomLogit, _step
from xraybench.metrics.smooth_mprt import SmoothMprt


def test_the_other_logit_is_one_further_round():
    here = evidence()
    other = gradients(here.model, here.images, (here.targets + _step(3)) % 3)
    expected = [spearmanr(a, b)[0] for a, b in zip(here.maps.flatten(1), other.flatten(1), strict=True)]
    np.testing.assert_allclose(RandomLogit()(here), expected, atol=1e-6)
    assert all(0 < _step(outputs) < outputs for outputs in range(2, 20))


def test_a_map_that_does_not_look_at_the_logit_is_alike_and_one_logit_has_no_other():
    here = evidence()
    deaf = dataclasses.replace(here, explain=lambda images, model=None: here.maps)
    np.testing.assert_allclose(RandomLogit()(deaf), 1.0, atol=1e-9)
    single = evidence(model=linear_model(12), targets=torch.zeros(6, dtype=torch.long), maps=here.maps)
    with pytest.raises(NotApplicableError, match="one logit"):
        RandomLogit()(single)


LABELS = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]) == 1


def multi_label(seed=0):
    """Four linear logits of six images: two with one other true label, one with none, one unlabelled, two with all."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(144, 4)).eval()
    images, targets = evidence().images, torch.tensor([0, 3, 0, 0, 0, 0])
    return evidence(
        seed=seed, model=model, images=images, targets=targets, maps=gradients(model, images, targets),
        true_labels=LABELS, explain_targets=lambda others: gradients(model, images, others),
    )  # fmt: skip


def test_in_a_multi_label_task_the_other_logit_is_another_true_label_of_the_image():
    """A linear model's maps are the weights, whatever the image."""
    drawn = []
    for seed in range(12):
        here = multi_label(seed)
        weights = here.model[1].weight.detach().numpy()
        scores = RandomLogit()(here).numpy()
        np.testing.assert_allclose(scores[:2], [spearmanr(weights[0], weights[2])[0], spearmanr(*weights[[3, 1]])[0]])
        assert np.isnan(scores[2:4]).all()
        candidates = np.array([spearmanr(weights[0], weights[other])[0] for other in (1, 2, 3)])
        near = np.isclose(scores[4:, None], candidates)
        assert near.any(1).all()
        drawn += near.argmax(1).tolist()
    assert set(drawn) == {0, 1, 2}


def test_the_label_that_is_drawn_does_not_depend_on_batch_mates():
    whole = multi_label()
    rows = torch.tensor([5, 2, 4])
    np.testing.assert_allclose(RandomLogit()(subset(whole, rows)), RandomLogit()(whole)[rows])
    same = dataclasses.replace(whole, seeds=torch.zeros(6, dtype=torch.long))
    assert RandomLogit()(same)[4] == RandomLogit()(same)[5]


def test_where_no_image_has_another_true_label_it_does_not_apply():
    with pytest.raises(NotApplicableError, match="no image has another true label"):
        RandomLogit()(subset(multi_label(), torch.tensor([2, 3])))


@pytest.mark.parametrize("absolute", [True, False])
def test_efficient_mprt_compares_the_entropies_of_histograms(absolute):
    here = evidence()
    anew = gradients(randomised(here.model, units(here.model)), here.images, here.targets)

    def entropy(one):
        one = np.abs(one) if absolute else one
        shares = np.histogram(one, bins=20)[0] / one.size
        return -sum(share * np.log(share) for share in shares if share)

    pairs = zip(here.maps.double().numpy(), anew.double().numpy(), strict=True)
    expected = [(entropy(new) - entropy(old)) / entropy(old) for old, new in pairs]
    np.testing.assert_allclose(EfficientMprt(bins=20, absolute=absolute)(here), expected, rtol=1e-6)


def test_the_entropy_is_quantus_up_to_the_base_of_its_logarithm():
    maps = evidence().maps
    ours = EfficientMprt(bins=30, absolute=False)._entropies(maps).numpy()
    theirs = np.array([discrete_entropy(one.numpy(), one.numpy()[None], n_bins=30) for one in maps])
    ratios = theirs / ours
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-6)


def plain_gradient(model, images, targets):
    point = images.clone().requires_grad_()
    return torch.autograd.grad(model(point).gather(1, targets[:, None]).sum(), point)[0].sum(1)


def test_a_gradient_does_not_depend_on_the_inputs_zero_and_its_product_with_the_input_does():
    here = evidence()

    def gradient(images, model=None):
        return plain_gradient(model or here.model, images, here.targets)

    def times_input(images, model=None):
        return gradient(images, model) * images.sum(1)

    metric = InputInvariance(shift=2.0)
    alone = dataclasses.replace(here, maps=gradient(here.images), explain=gradient)
    np.testing.assert_allclose(metric(alone), 0.0, atol=1e-5)
    product = dataclasses.replace(here, maps=times_input(here.images), explain=times_input)
    expected = 2.0 * alone.maps.flatten(1).norm(dim=1) / product.maps.flatten(1).norm(dim=1)
    np.testing.assert_allclose(metric(product), expected, rtol=1e-4)


def test_independent_stages_draw_one_part_each():
    here, seen = evidence(), []

    def spy(images, model=None):
        seen.append(copy.deepcopy(model))
        return gradients(model or here.model, images, here.targets)

    Mprt(stages=2, order="independent").curve(dataclasses.replace(here, explain=spy))
    changed = [
        {name for name, value in model.state_dict().items() if not torch.equal(value, here.model.state_dict()[name])}
        for model in seen
    ]
    top, bottom = ({name.partition(".")[0] for name in names} for names in changed)
    assert (top, bottom) == ({"6", "10"}, {"0", "1", "3", "4"})
    with pytest.raises(UsageError, match="no order 'upwards'"):
        Mprt(order="upwards")


def test_without_noise_the_smooth_test_is_the_plain_one():
    here = evidence()
    plain = Mprt(stages=2)(here)
    np.testing.assert_allclose(SmoothMprt(stages=2, draws=2, noise=0.0)(here), plain, atol=1e-6)
    smooth = SmoothMprt(stages=2, draws=3, noise=0.2)
    assert not np.allclose(smooth(here), plain, atol=1e-3)
    np.testing.assert_array_equal(smooth(here), smooth(dataclasses.replace(here, shared={})))
