"""Declared prices are what is spent."""

import pytest

from xraybench import registry
from xraybench.counting import counting
from xraybench.errors import NotApplicableError

ONCE_A_CALL = {"deeplift": 1, "deepliftshap": 8, "cam": 1}  # forwards of baselines; how a network ends
AT_MOST = ("feature-ablation",)  # as many superpixels as are asked for, or fewer
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
    assert declared / 2 < spent <= declared if call in AT_MOST else spent == declared
