"""What a row says an explainer holds images against is what its maps depend on, and nothing else is."""

from dataclasses import replace

import pytest
import torch

from xraybench import registry
from xraybench.checks.matrix import FEW
from xraybench.errors import NotApplicableError
from xraybench.explainers.captum_peer import METHODS
from xraybench.explainers.deeplift import DeepLiftShap
from xraybench.explainers.zennit_peer import COMPOSITES
from xraybench.explaining import baseline_name

FEWER = FEW | {
    "captum:ShapleyValueSampling": "(n_samples=2, cells=4)",
    "captum:Lime": "(n_samples=16, cells=4, alpha=1e-9)",  # captum's own penalty leaves nothing of an untrained model
}
NAMES = [*registry.EXPLAINERS, *(f"captum:{name}" for name in METHODS), *(f"zennit:{name}" for name in COMPOSITES)]


@pytest.mark.filterwarnings("ignore:Input Tensor", "ignore:Setting")
@pytest.mark.parametrize("name", NAMES)
def test_maps_depend_on_the_baseline_that_is_named(name, build, images, targets, context_of):
    model, context = build("small-cnn"), context_of(images)
    context = replace(context, background=context.background[:2])
    explain = registry.build("explainers", registry.parse_call(name + FEWER.get(name, "")))
    named = baseline_name(explain, context)
    others = {
        "training mean": replace(context, baseline=torch.full_like(context.baseline, 0.7)),
        "2 training images": replace(context, background=1 - context.background),
    }
    assert named in {None, *others}
    try:
        maps = explain(model, images, targets, context)
    except NotApplicableError:
        assert name == "attention-rollout"
        assert named is None
        return
    for what, other in others.items():
        assert torch.equal(explain(model, images, targets, other), maps) == (what != named), what


def test_as_many_baselines_are_named_as_are_used(images, context_of):
    named = [baseline_name(DeepLiftShap(baselines=count), context_of(images)) for count in (2, 100)]
    assert named == ["2 training images", "8 training images"]
