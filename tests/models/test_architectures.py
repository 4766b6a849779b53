"""The networks are the ones they claim to be."""

import pytest
import torch
from torch import nn
from torchvision.models.densenet import DenseNet as TorchvisionDenseNet

from xraybench.models import anatomy, cxr_cnn, densenet, mlp, small_cnn


def in_step(ours: nn.Module, theirs: nn.Module, side: int) -> None:
    """Loads torchvision's weights and compares the logits."""
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    ours.load_state_dict(theirs.state_dict())
    images = torch.rand(2, 3, side, side)
    with torch.no_grad():
        expected = theirs.eval()(images)
        found = ours.eval()(images)
    torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max()), rtol=1e-5)


def test_densenet_tiny_is_torchvisions_small_configuration():
    theirs = TorchvisionDenseNet(growth_rate=8, block_config=(6, 7), num_init_features=32, num_classes=4)
    in_step(densenet.build_tiny(4, 3, 64), theirs, 64)


def test_densenet_121_is_torchvisions():
    ours = densenet.DenseNet(4, in_channels=3, growth=32, blocks=(6, 12, 24, 16), stem=64)
    in_step(ours, TorchvisionDenseNet(num_classes=4), 64)
    assert len(ours.layers) == 16
    assert ours.layers[0] == "features.conv0"
    assert ours.layers[-1] == "classifier"


@pytest.mark.parametrize("build", [small_cnn.build, densenet.build_tiny])
def test_the_cam_layer_has_at_least_8_by_8_positions_at_64_pixels(build):
    model, seen = build(2, 1, 64), []
    model.get_submodule(model.cam_layer).register_forward_hook(lambda module, inputs, output: seen.append(output))
    model(torch.rand(2, 1, 64, 64))
    assert min(seen[0].shape[2:]) >= 8
    assert seen[0].min() >= 0


def test_densenet_tiny_has_sixteen_layers_in_forward_order():
    model, order = densenet.build_tiny(2, 1, 64), []
    for name in model.layers:
        model.get_submodule(name).register_forward_hook(lambda module, inputs, output, name=name: order.append(name))
    model(torch.rand(2, 1, 64, 64))
    assert tuple(order) == model.layers
    assert len(order) == 16


def test_the_digit_network_has_the_studys_sizes():
    model = mlp.build_400_tanh(10, 1, 28)
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    assert [(linear.in_features, linear.out_features) for linear in linears] == [
        (784, 400), (400, 400), (400, 400), (400, 10)
    ]  # fmt: skip
    assert sum(isinstance(module, nn.Tanh) for module in model.modules()) == 3


@pytest.mark.parametrize(("build", "activation"), [(mlp.build_1296_tanh, nn.Tanh), (mlp.build_1296_relu, nn.ReLU)])
def test_the_wide_digit_networks_have_three_layers_of_1296(build, activation):
    model = build(10, 1, 28)
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    assert [linear.out_features for linear in linears] == [1296, 1296, 1296, 10]
    assert sum(isinstance(module, activation) for module in model.modules()) == 3


def test_the_tuberculosis_network_is_the_one_of_the_paper():
    model, sides = cxr_cnn.CxrCnn5(2, 3, 91), {}
    for name in ("conv1", "norm2", "pool2", "conv5", "pool5"):
        model.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: sides.update({name: tuple(output.shape[1:])})
        )
    nn.Sequential(*list(model.eval())[:16])(
        torch.rand(1, 3, 227, 227)
    )  # up to the first linear layer, at the paper's own size
    assert sides["conv1"] == (96, 111, 111)
    assert sides["norm2"] == (128, 53, 53)
    assert sides["conv5"][0] == 256
    side = sides["pool5"][1]
    kinds = [type(module).__name__ for module in model]
    assert kinds.count("LocalResponseNorm") == 2
    assert kinds.count("MaxPool2d") == 3
    assert [module.p for module in model if isinstance(module, nn.Dropout)] == [0.5, 0.5]
    assert [model.get_submodule(name).out_features for name in ("fc6", "fc7", "fc8")] == [4096, 4096, 2]
    assert cxr_cnn._side(227) == side
    weights = torch.cat([model.get_submodule(name).weight.flatten() for name in ("conv3", "fc7")])
    assert weights.mean().item() == pytest.approx(0, abs=1e-4)
    assert weights.std().item() == pytest.approx(0.01, rel=0.01)


def test_radinet_is_densenet_169_under_five_dense_layers():
    ours, plain = densenet.build_radinet169(7, 1, 32), densenet.build_169(7, 1, 32)
    assert {name for name, _ in ours.features.named_parameters()} == {
        name for name, _ in plain.features.named_parameters()
    }
    assert sum(isinstance(module, nn.Linear) for module in ours.classifier.modules()) == 5
    assert ours.layers[-1] == "classifier.dense5"
    assert len(ours.layers) == len(plain.layers) == 16


def test_the_deeper_anatomy_network_is_deeper():
    counts = [
        sum(isinstance(module, nn.Conv2d) for module in build(5, 1, 32).modules())
        for build in (anatomy.build_shallow, anatomy.build_deep)
    ]
    assert counts == [2, 8]


def test_weights_come_from_the_global_seed():
    def weights() -> torch.Tensor:
        torch.manual_seed(3)
        return torch.cat([value.flatten() for value in small_cnn.build(2, 1, 64).state_dict().values()])

    torch.testing.assert_close(weights(), weights(), rtol=0, atol=0)
