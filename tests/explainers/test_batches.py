"""How many images explainers pass at once: with a gradient at most batch_size, without one the device's sweet spot."""

import dataclasses

import pytest
import torch

from xraybench import registry
from xraybench.checks.matrix import FEW
from xraybench.errors import NotApplicableError
from xraybench.explaining import ExplainAgain

FORWARDS_ONLY = ("occlusion", "rise", "lime", "kernel-shap", "feature-ablation", "score-cam", "ablation-cam")
PEERS = ("captum:Occlusion", "captum:FeatureAblation", "captum:IntegratedGradients")
BATCH, SWEET_SPOT = 3, 10


def largest(name: str, model, images, targets, context) -> dict[bool, int]:
    """The most images of one forward: with a graph for its backward, and without."""
    most = {True: 0, False: 0}

    def note(module, inputs):
        most[torch.is_grad_enabled()] = max(most[torch.is_grad_enabled()], len(inputs[0]))

    handle = model.register_forward_pre_hook(note)
    call = registry.parse_call(name + FEW.get(name, ""))
    try:
        ExplainAgain(registry.build("explainers", call), model, targets, context)(images)
    except NotApplicableError as error:
        pytest.skip(error.message)
    finally:
        handle.remove()
    return most


@pytest.mark.parametrize("name", [*registry.EXPLAINERS, *PEERS])
def test_batches_are_no_larger_than_the_context_says(name, build, images, targets, context_of):
    context = dataclasses.replace(context_of(images, batch_size=BATCH), forward_batch=SWEET_SPOT)
    most = largest(name, build("small-cnn"), images, targets, context)
    assert most[True] <= BATCH
    assert most[False] <= SWEET_SPOT


@pytest.mark.parametrize("name", FORWARDS_ONLY)
def test_what_only_forwards_uses_the_sweet_spot(name, build, images, targets, context_of):
    context = context_of(images, batch_size=BATCH)
    with_it = dataclasses.replace(context, forward_batch=SWEET_SPOT)
    model = build("small-cnn")
    assert largest(name, model, images, targets, context)[False] <= BATCH
    assert BATCH < largest(name, model, images, targets, with_it)[False] <= SWEET_SPOT


@pytest.mark.parametrize("name", FORWARDS_ONLY)
def test_maps_depend_on_it_in_their_last_digits_only(name, build, images, targets, context_of):
    model, context = build("small-cnn").double(), context_of(images.double(), batch_size=BATCH)
    explainer = registry.build("explainers", registry.parse_call(name + FEW.get(name, "")))
    one, other = (
        explainer(model, images.double(), targets, dataclasses.replace(context, forward_batch=size))
        for size in (None, SWEET_SPOT)
    )
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
