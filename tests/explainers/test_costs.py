"""Declared prices are what is spent."""

import pytest

from xraybench import registry
from xraybench.counting import counting
from xraybench.errors import NotApplicableError
from xraybench.superpixels import superpixels

ONCE_A_CALL = {"deeplift": 1, "deepliftshap": 8, "cam": 1}  # forwards of baselines; how a network ends
CALLS = [
    *registry.EXPLAINERS,
    *("integrated-gradients(steps=5)", "smoothgrad(samples=3)", "rise(masks=21)"),
    *("occlusion(window=0.25, stride=0.25)", "lrp-epsilon-plus-flat(bn=pass)", "grad-cam(relu=true)"),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ["small-cnn", "densenet-tiny", "mlp-400-tanh"])
def test_spends_exactly_what_it_declares(call, name, build, images, targets, context_of):
    explainer, model = registry.build("explainers", registry.parse_call(call)), build(name)
    try:
        with counting(model) as count:
            explainer(model, images[:2], targets[:2], context_of(images[:2], batch_size=64))
    except NotApplicableError:
        pytest.skip("does not apply to this model")
    spent, declared = count.image_forwards - ONCE_A_CALL.get(call, 0), 2 * explainer.cost(32)
    if call == "feature-ablation":  # declares as many superpixels as are asked for: an image may have fewer
        found = sum(2 + int(superpixels(image, explainer.segments).max()) for image in images[:2])
        assert spent == found <= declared
    else:
        assert spent == declared
