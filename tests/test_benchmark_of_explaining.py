"""What `benchmarks/explaining.py` holds a peer against is the library's own map; nothing is timed."""

import pytest
import torch

from benchmarks.explaining import case_of, rival_of
from xraybench import registry
from xraybench.explainers.captum_peer import METHODS
from xraybench.explainers.zennit_peer import COMPOSITES

pytestmark = pytest.mark.filterwarnings("ignore:Input Tensor", "ignore:Setting", "ignore:You are providing")
DRAWING = [name for name, method in METHODS.items() if method.draws]


@pytest.fixture(scope="module")
def case():
    return case_of("small-cnn", 32, 3, "cpu")


def maps_of(name, case):
    """Ours [B,H,W], and the rival's [B,C,H,W]."""
    explainer = registry.build("explainers", registry.parse_call(name))
    library, rival = rival_of(name, explainer, case)
    assert library == name.partition(":")[0]
    return explainer(case.model, case.images, case.targets, case.context), torch.cat(rival()).detach()


@pytest.mark.parametrize(
    "name", [f"captum:{name}" for name in METHODS if name not in DRAWING] + [f"zennit:{name}" for name in COMPOSITES]
)
def test_a_peers_rival_has_the_peers_map(name, case):
    ours, theirs = maps_of(name, case)
    torch.testing.assert_close(ours, theirs.sum(1), atol=1e-5 * float(ours.abs().max()), rtol=1e-4)


@pytest.mark.parametrize("name", DRAWING)
def test_one_that_draws_has_a_rival_that_draws(name, case):
    ours, theirs = maps_of(f"captum:{name}" + "(n_samples=2)" * ("Shapley" in name), case)
    assert theirs.sum(1).shape == ours.shape
