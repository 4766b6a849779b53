"""Internal batching: what is held for the backward does not grow with steps, samples or images."""

import subprocess
import sys

import pytest
import torch

from xraybench import registry
from xraybench.cells.bench import batch_size_of

CALLS = ("integrated-gradients(steps={})", "expected-gradients(samples={})", "smoothgrad(samples={})")
FIGURES = """
import resource, sys, torch
from xraybench import registry
from xraybench.cells.bench import batch_size_of
from xraybench.spec import Context
torch.set_num_threads(1)
name, model, side, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
layers = torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(1, 3)
build = registry.load(registry.find("models", model)) if model != "trivial" else lambda *_: torch.nn.Sequential(*layers)
network = build(3, 1, side).eval()
images, bound = torch.rand(count, 1, side, side), torch.zeros(1, 1, 1)
size = batch_size_of(side, images.device)
context = Context(images.mean(0), images[:1], bound, bound + 1, torch.arange(count), size)
registry.build("explainers", registry.parse_call(name))(network, images, torch.zeros(count, dtype=torch.int64), context)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def held(call: str, model, images, targets, context) -> int:
    """The most bytes that one forward saves for its backward, the largest over the explanation."""
    now, most = [0], [0]

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        now[0] += tensor.numel() * tensor.element_size()
        most[0] = max(most[0], now[0])
        return tensor

    handle = model.register_forward_pre_hook(lambda *_: now.__setitem__(0, 0))
    try:
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            registry.build("explainers", registry.parse_call(call))(model, images, targets, context)
    finally:
        handle.remove()
    return most[0]


@pytest.mark.parametrize("call", CALLS)
def test_more_steps_hold_no_more(call, build, images, targets, context_of):
    model = build("small-cnn")
    few, many = (held(call.format(n), model, images[:1], targets[:1], context_of(images)) for n in (8, 64))
    assert 0 < many <= few


@pytest.mark.parametrize("call", [call.format(16) for call in CALLS])
def test_more_images_hold_no_more(call, build, images, targets, context_of):
    model, many = build("small-cnn"), torch.cat([images] * 4)
    context = context_of(many)
    one, all_of_them = (held(call, model, many[:n], targets.repeat(4)[:n], context) for n in (1, 16))
    assert 0 < all_of_them <= one


def peak_bytes(name: str, model: str, side: int, images: int) -> int:
    """The peak of a process that builds the model and explains, everything it loads included."""
    asked = [sys.executable, "-c", FIGURES, name, model, str(side), str(images)]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_64_steps_on_a_densenet169_stay_under_two_gib():
    assert peak_bytes("integrated-gradients(steps=64)", "densenet169", 320, 1) < 2 * 2**30


FEW = {  # for time: steps and samples change nothing of what is held (above), masks and windows do (below)
    "rise": "rise(masks=16)", "lime": "lime(samples=16)", "kernel-shap": "kernel-shap(samples=16)",
    "feature-ablation": "feature-ablation(segments=8)", "occlusion": "occlusion(window=0.25, stride=0.25)",
    "integrated-gradients": "integrated-gradients(steps=16)", "expected-gradients": "expected-gradients(samples=16)",
    "smoothgrad": "smoothgrad(samples=16)", "smoothgrad-squared": "smoothgrad-squared(samples=16)",
    "vargrad": "vargrad(samples=16)", "score-cam": "score-cam(channels=8)", "ablation-cam": "ablation-cam(channels=8)",
    "deepliftshap": "deepliftshap(baselines=2)",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(registry.EXPLAINERS.keys() - {"attention-rollout"}))  # it has no attention
def test_no_method_holds_four_gib_on_a_densenet121(name):
    assert peak_bytes(FEW.get(name, name), "densenet121", 224, 16) < 4 * 2**30


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rise", "occlusion", "lime"])
def test_all_masks_of_an_image_at_their_default_number_take_less_than_two_gib(name):
    """A model that holds nothing, so that what is held is the method's own: masks of one image, not of all sixteen."""
    assert peak_bytes(name, "trivial", 224, 16) < 2 * 2**30


def test_larger_images_are_forwarded_in_smaller_batches_on_a_cpu():
    sizes = [batch_size_of(side, torch.device("cpu")) for side in (28, 64, 224, 320, 2000)]
    assert sizes == [64, 64, 6, 3, 1]
    assert [batch_size_of(side, torch.device("cuda")) for side in (64, 224, 320)] == [64, 16, 7]
