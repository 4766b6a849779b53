"""The networks that torchvision has, too, compute what torchvision's compute, to 1e-5, on the same weights."""

import pytest
import torch
from torch import nn
from torchvision.models import get_model

from xraybench import registry

FAMILIES = {
    **{"densenet121": 32, "densenet169": 32, "resnet18": 40, "resnet50": 40, "vgg16": 32, "vgg19": 32},
    **{"alexnet": 63, "efficientnet-b0": 48, "convnext-tiny": 40, "vit-b-16": 32, "squeezenet1-0": 40},
}


def build(name, channels, side):
    return registry.load(registry.find("models", name))(4, channels, side)


def theirs(name, side):
    """torchvision's network with BatchNorms and residual scales that are not the identity, in eval mode."""
    options = {"image_size": side} if name.startswith("vit") else {}
    net = get_model(name.replace("-", "_"), num_classes=4, **options)
    for key, value in [*net.named_parameters(), *net.named_buffers()]:
        if key.endswith("running_var") or "layer_scale" in key:
            nn.init.uniform_(value, 0.5, 1)
        elif value.dim() == 1 and value.is_floating_point():
            value.data += 0.1 * torch.randn_like(value)
    if name.startswith("vit"):
        nn.init.normal_(net.heads.head.weight)
    return net.eval()


def grey_weights(net):
    state = net.state_dict()
    first = next(key for key, value in state.items() if value.dim() == 4)
    return state | {first: state[first].sum(1, keepdim=True)}


@pytest.mark.parametrize(("name", "side"), FAMILIES.items())
def test_forward_equals_torchvisions(name, side):
    torch.manual_seed(0)
    net = theirs(name, side)
    images = torch.rand(2, 3, side, side)
    with torch.no_grad():
        expected = net(images)
        ours = build(name, 3, side).eval()
        ours.load_state_dict(net.state_dict())
        found = ours(images)
    assert float(expected.std()) > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max()), rtol=1e-5)
    assert [key for key, _ in ours.named_parameters()] == [key for key, _ in net.named_parameters()]


@pytest.mark.parametrize("name", ["resnet18", "efficientnet-b0", "convnext-tiny", "squeezenet1-0"])
def test_weights_summed_over_channels_are_exact_for_grey(name):
    torch.manual_seed(1)
    side = FAMILIES[name]
    net, grey = theirs(name, side), torch.rand(2, 1, side, side)
    ours = build(name, 1, side).eval()
    ours.load_state_dict(grey_weights(net))
    with torch.no_grad():
        expected, found = net(grey.expand(-1, 3, -1, -1)), ours(grey)
    torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max()), rtol=1e-4)


@pytest.mark.parametrize("name", registry.MODELS)
def test_layers_run_in_the_order_in_which_they_are_named(name):
    side = {"cxr-cnn5": 91, "alexnet": 63}.get(name, 32)
    model, order = build(name, 1, side).eval(), []
    for layer in model.layers:
        model.get_submodule(layer).register_forward_hook(
            lambda module, inputs, output, layer=layer: order.append(layer)
        )
    with torch.no_grad():
        logits = model(torch.rand(1, 1, side, side))
    assert tuple(order) == model.layers
    assert logits.shape[1] == model.get_submodule(model.layers[-1]).weight.shape[0], "the last layer gives the logits"
