"""The randomisation test: its units and draws, its correlation, and the two methods whose answer is known."""

import dataclasses
from collections import OrderedDict

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn
from torchvision.models import DenseNet, resnet18

from tests.metrics.cases import evidence, small_cnn
from xraybench.errors import UsageError
from xraybench.metrics._randomise import copied, randomised, units
from xraybench.metrics._ranking import Ranks, spearman
from xraybench.metrics.mprt import Mprt

LAYERS = [("0", "1"), ("3", "4"), ("6",), ("10",)]


def test_a_convolution_and_its_normalisation_are_one_unit():
    assert units(small_cnn()) == LAYERS


def test_units_of_a_densenet_are_its_convolutions_and_its_classifier():
    found = units(DenseNet(growth_rate=8, block_config=(2, 3), num_init_features=16, bn_size=2))
    weighted = [unit for unit in found if any("conv" in name or "classifier" in name for name in unit)]
    assert found == weighted
    assert len(found) == 1 + 2 * 2 + 1 + 3 * 2 + 1
    assert found[0] == ("features.conv0", "features.norm0")
    assert found[1] == (
        "features.denseblock1.denselayer1.norm1",
        "features.denseblock1.denselayer1.conv1",
        "features.denseblock1.denselayer1.norm2",
    )
    assert found[-1] == ("features.norm5", "classifier")


def test_units_of_a_resnet():
    found = units(resnet18(weights=None))
    assert len(found) == 21  # 17 convolutions, 3 of the short cuts, 1 classifier
    assert all(len(unit) == 2 for unit in found[:-1])
    assert found[-1] == ("fc",)


def test_only_the_chosen_units_change_each_by_a_draw_of_its_own():
    model = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    changed = randomised(model, units(model)[1:])
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert torch.equal(changed[0].weight, model[0].weight)
    assert not torch.equal(changed[2].weight, model[2].weight)
    assert not torch.equal(changed[2].weight, changed[4].weight)
    again = randomised(model, units(model)[1:])
    assert torch.equal(again[4].weight, changed[4].weight)


def test_a_normalisation_without_weights_is_drawn_with_its_layer():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, affine=False), nn.Conv2d(4, 2, 3))
    with torch.no_grad():
        model[1].running_mean.fill_(3.0)
    assert units(model) == [("0", "1"), ("2",)]
    assert randomised(model, units(model))[1].running_mean.eq(0).all()


def test_a_draw_is_from_the_layers_own_initial_distribution():
    model = nn.Sequential(nn.Conv2d(8, 64, 5), nn.BatchNorm2d(64))
    with torch.no_grad():
        model[0].weight.fill_(7.0)
        model[1].running_mean.fill_(3.0)
    changed = randomised(model, units(model))
    bound = (8 * 25) ** -0.5
    assert changed[0].weight.abs().max() <= bound
    assert changed[0].weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert changed[1].running_mean.eq(0).all()
    assert changed[1].weight.eq(1).all()


class Remembering(nn.Module):
    """Hooked by a method of its own, with a buffer, a flag and a table whose names might be taken for hooks."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(2, 2), nn.BatchNorm1d(2)
        self.my_hooks, self.table_of_hooks = True, OrderedDict(layer=self.layer)
        self.layer.register_forward_hook(self.remember)

    def remember(self, module, inputs, output):
        self.seen = self.layer.weight.sum().item()

    def forward(self, inputs):
        return self.norm(self.layer(inputs))


def test_a_copy_shares_nothing_with_the_model():
    model = Remembering().eval()
    changed = copied(model)
    for other, own in zip(changed.state_dict().values(), model.state_dict().values(), strict=True):
        assert torch.equal(other, own)
        assert other.data_ptr() != own.data_ptr()
    assert changed.table_of_hooks["layer"] is changed.layer
    with torch.no_grad():
        changed.layer.weight.zero_()
    changed(torch.ones(1, 2))
    assert changed.seen == 0, "its hook looks at itself"
    assert not hasattr(model, "seen")
    assert model.layer.weight.ne(0).all()


def test_parameters_without_an_initial_distribution_keep_mean_and_deviation():
    class Shift(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift = nn.Parameter(5 + 2 * torch.randn(4000, generator=torch.Generator().manual_seed(0)))

    changed = randomised(nn.Sequential(Shift()), [("0",)])[0].shift
    assert changed.mean().item() == pytest.approx(5, abs=0.2)
    assert changed.std().item() == pytest.approx(2, abs=0.1)


def test_spearman_is_scipys_with_ties():
    draw = torch.Generator().manual_seed(0)
    one, other = torch.randint(0, 9, (6, 50), generator=draw).double(), torch.randn(6, 50, generator=draw)
    expected = [spearmanr(a, b).statistic for a, b in zip(one.numpy(), other.numpy(), strict=True)]
    np.testing.assert_allclose(spearman(Ranks.of(one), other), expected, atol=1e-12)
    ranks = Ranks.of(torch.tensor([[2.0, 1.0, 2.0]]))  # 2.5, 1, 2.5: by .5, -1, .5 from their mean
    assert (ranks.doubled.tolist(), ranks.squares.tolist()) == ([[1, -2, 1]], [1.5])


@pytest.mark.parametrize("absolute", [False, True])
def test_curve_is_the_correlation_at_each_stage(absolute):
    here = evidence()
    curve = Mprt(stages=2, absolute=absolute)(here), Mprt(stages=2, absolute=absolute).curve(here)
    for stage, depth in enumerate((2, 4)):
        maps = here.explain(here.images, randomised(here.model, LAYERS[-depth:]))
        compared = (here.maps.abs(), maps.abs()) if absolute else (here.maps, maps)
        expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(*compared, strict=True)]
        np.testing.assert_allclose(curve[1][:, stage], expected, atol=1e-6)
    torch.testing.assert_close(curve[0], curve[1].mean(1))


def test_a_map_without_the_model_stays_alike_and_one_of_noise_does_not():
    here = evidence(count=40)
    edges = dataclasses.replace(here, explain=lambda images, model=None: here.maps, shared={})
    assert Mprt()(edges).sub(1).abs().max() < 1e-12
    draw = torch.Generator().manual_seed(4)
    noise = dataclasses.replace(
        here, explain=lambda images, model=None: torch.randn(here.maps.shape, generator=draw), shared={}
    )
    assert Mprt()(noise).mean().abs() < 0.05


def test_blank_maps():
    here = evidence(count=3)
    maps, again = here.maps.clone(), here.maps.clone()
    maps[0], again[1] = 0.0, 0.0
    blank = dataclasses.replace(here, maps=maps, explain=lambda images, model=None: again, shared={})
    scores = Mprt()(blank)
    assert scores[0].isnan()
    assert scores[1:].tolist() == pytest.approx([0.0, 1.0])


def test_a_model_of_fewer_layers_has_fewer_stages():
    here = evidence()
    assert Mprt(stages=4).curve(here).shape == (6, 4)
    here.shared.clear()
    assert Mprt(stages=9).curve(here).shape == (6, 4)
    with pytest.raises(UsageError):
        Mprt(stages=0)


@pytest.mark.parametrize(("order", "name"), [("cascading", "top 2 of 2 parts"), ("independent", "part 2 of 2 alone")])
def test_the_curve_is_noted_by_what_was_drawn_anew(order, name):
    here, metric = evidence(), Mprt(stages=2, order=order)
    noted = metric.notes(here)
    assert list(noted)[1] == f"{name} drawn anew, maps alike"
    np.testing.assert_allclose(list(noted.values()), metric.curve(here).mean(0), rtol=1e-12)
    blank = dataclasses.replace(here, maps=torch.zeros_like(here.maps), shared={})
    assert metric.notes(blank) == {}  # no map to be like: undefined on every image


@pytest.mark.parametrize("stages", [1, 3])
def test_the_last_stage_is_kept_for_each_image_and_draws_all_layers_anew(stages):
    here = evidence()
    (found,) = Mprt(stages=stages).details(here).values()
    maps = here.explain(here.images, randomised(here.model, LAYERS))
    expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(here.maps, maps, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_independent_order_never_draws_all_layers_anew():
    assert Mprt(order="independent").details(evidence()) == {}
