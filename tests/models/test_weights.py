"""First weights: what is loaded, what is drawn anew, and what is refused."""

import hashlib
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import get_model

from xraybench import registry
from xraybench.errors import DataError, UsageError
from xraybench.models import weights
from xraybench.models.weights import carry_over, read_imagenet, read_weights

SQUEEZENET = (
    Path(__file__).parents[2].parent / "shared/data/weights/squeezenet_v1.0_deepcompression/squeezenet1_0_rgb255.pth"
)
PICTURE = SQUEEZENET.parents[2] / "covid_ieee8023_open/images/ARDSSevere.png"


def build(name, outputs=4, channels=3, side=32):
    return registry.load(registry.find("models", name))(outputs, channels, side).eval()


def different(first, second):
    """The parameters of `first` that are not those of `second`."""
    return {name for name, value in first.state_dict().items() if not torch.equal(value, second.state_dict()[name])}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_state_dict_is_read_from_either_format(tmp_path, suffix):
    state, path = build("small-cnn").state_dict(), tmp_path / f"own{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    read = read_weights(path)
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_what_is_no_state_dict_is_named(tmp_path):
    with pytest.raises(DataError, match="no such weights file"):
        read_weights(tmp_path / "nowhere.pth")
    torch.save(build("small-cnn"), tmp_path / "model.pth")  # a pickled module: loading it would run code
    with pytest.raises(DataError, match="not a file of plain tensors"):
        read_weights(tmp_path / "model.pth")
    torch.save({"epoch": 3}, tmp_path / "other.pth")
    with pytest.raises(DataError, match="no state dict"):
        read_weights(tmp_path / "other.pth")
    for name in ("cut.safetensors", "cut.pth"):
        (tmp_path / name).write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{")
        with pytest.raises(DataError, match="not a file of plain tensors"):
            read_weights(tmp_path / name)


def test_features_are_carried_over_and_an_output_layer_of_another_width_is_drawn_anew():
    old, new = build("small-cnn", 7), build("small-cnn", 2)
    assert carry_over(new, old.state_dict(), fresh_output=False) == ["head"]
    state = new.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in old.state_dict().items() if "head" not in name)


def test_an_output_layer_of_the_same_width_is_kept_unless_the_labels_are_others():
    old, new = build("densenet-tiny"), build("densenet-tiny")
    before = new.classifier.weight.clone()
    assert carry_over(new, old.state_dict(), fresh_output=True) == ["classifier"]
    assert torch.equal(new.classifier.weight, before)
    assert different(new, old) == {"classifier.weight"}  # both biases are 0
    assert carry_over(new, old.state_dict(), fresh_output=False) == []
    assert not different(new, old)


def test_the_other_layers_of_a_head_are_carried_over():
    old, new = build("alexnet", 9, side=63), build("alexnet", 2, side=63)
    assert carry_over(new, old.state_dict(), fresh_output=True) == ["classifier.6"]
    assert torch.equal(new.classifier[4].weight, old.classifier[4].weight)


def test_radinet_takes_densenets_features():
    plain, radinet = build("densenet169", 1000, 1), build("radinet169", 3, 1)
    anew = carry_over(radinet, plain.state_dict(), fresh_output=True)
    assert anew == [f"classifier.dense{i}" for i in range(1, 6)]
    assert torch.equal(radinet.features.norm5.weight, plain.features.norm5.weight)


def test_weights_of_another_architecture_are_refused():
    with pytest.raises(DataError, match="missing in the weights"):
        carry_over(build("small-cnn"), build("densenet-tiny").state_dict(), fresh_output=True)
    with pytest.raises(DataError, match=r"\(400, 3072\) in the weights"):
        carry_over(build("mlp-400-tanh", side=28), build("mlp-400-tanh", side=32).state_dict(), fresh_output=True)


def test_densenets_old_names_are_understood():
    net, ours = get_model("densenet121", num_classes=5).eval(), build("densenet121", 5)
    old = {
        re.sub(r"(layer\d+\.)(norm|conv)([12])", r"\1\2.\3", name): value for name, value in net.state_dict().items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    assert carry_over(ours, old, fresh_output=False) == []
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), net(images), atol=1e-5, rtol=1e-4)


def test_an_rgb_stem_is_summed_for_grey():
    net, ours = get_model("resnet18", num_classes=3).eval(), build("resnet18", 3, channels=1, side=40)
    carry_over(ours, net.state_dict(), fresh_output=False)
    grey = torch.rand(2, 1, 40, 40)
    with torch.no_grad():
        torch.testing.assert_close(ours(grey), net(grey.expand(-1, 3, -1, -1)), atol=1e-5, rtol=1e-4)


def test_positions_follow_the_image_size():
    small, large = build("vit-b-16", side=32), build("vit-b-16", side=64)
    with torch.no_grad():
        small.encoder.pos_embedding[:] = torch.arange(5.0)[None, :, None]  # class token 0, patches 1 to 4
    carry_over(large, small.state_dict(), fresh_output=False)
    token, grid = large.encoder.pos_embedding[0, 0, 0], large.encoder.pos_embedding[0, 1:, 0].view(4, 4)
    assert token == 0
    torch.testing.assert_close(grid[[0, 0, 3, 3], [0, 3, 0, 3]], torch.tensor([1.0, 2.0, 3.0, 4.0]))  # corners stay


@pytest.fixture
def imagenet(tmp_path, monkeypatch):
    """A folder named by the environment, with a stand-in for torchvision's file whose digest is part of its name."""
    state = get_model("squeezenet1_0").state_dict()
    torch.save(state, tmp_path / "file")
    digest = hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest()[:8]
    path = (tmp_path / "file").rename(tmp_path / f"squeezenet1_0-{digest}.pth")

    class Entry:
        url = f"https://download.pytorch.org/models/{path.name}"

    monkeypatch.setattr(weights, "get_model_weights", lambda name: {"IMAGENET1K_V1": Entry})
    monkeypatch.setenv("XRAYBENCH_WEIGHTS", str(tmp_path))
    return path, state


def test_imagenet_weights_are_found_in_the_folder_that_the_environment_names(imagenet):
    _, state = imagenet
    read = read_imagenet("squeezenet1-0")
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_changed_imagenet_weights_are_refused(imagenet):
    path, _ = imagenet
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="truncated or changed"):
        read_imagenet("squeezenet1-0")


def test_missing_imagenet_weights_are_named_with_the_place_for_them(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("XRAYBENCH_WEIGHTS", raising=False)
    with pytest.raises(DataError, match=r"densenet169-b2777c0a.pth") as caught:
        read_imagenet("radinet169")
    assert str(tmp_path) in caught.value.message
    assert "https://download.pytorch.org/models/densenet169-b2777c0a.pth" in caught.value.hint
    with pytest.raises(UsageError, match="no ImageNet weights of cxr-cnn5"):
        read_imagenet("cxr-cnn5")


@pytest.fixture
def trained():
    if not SQUEEZENET.exists():
        pytest.skip("the SqueezeNet weights are not at hand (../shared/data/weights)")
    return read_weights(SQUEEZENET)


def test_real_weights_give_what_torchvisions_network_gives(trained):
    ours, theirs = build("squeezenet1-0", 1000, side=227), get_model("squeezenet1_0").eval()
    assert carry_over(ours, trained, fresh_output=False) == []
    theirs.load_state_dict(trained)
    images = 255 * torch.rand(2, 3, 227, 227) - torch.tensor([123.0, 117.0, 104.0]).view(1, 3, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), atol=1e-4, rtol=1e-4)


def test_real_weights_take_a_head_for_two_labels_and_grey_images(trained):
    grey = build("squeezenet1-0", 2, channels=1, side=64)
    assert carry_over(grey, trained, fresh_output=False) == ["classifier.1"]
    assert isinstance(grey.features[0], nn.Conv2d)
    torch.testing.assert_close(grey.features[0].weight[:, 0], trained["features.0.weight"].sum(1))
