"""Models and images that explainers are tested on."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from xraybench.checks.families import network
from xraybench.models import densenet, mlp, resnet, small_cnn
from xraybench.spec import Context

BUILD = {
    "small-cnn": small_cnn.build,
    "densenet-tiny": densenet.build_tiny,
    "mlp-400-tanh": mlp.build_400_tanh,
    "densenet121": densenet.build_121,
    "resnet50": resnet.build_50,
    "resnet": lambda outputs, channels, side: network("resnet", outputs),
    "efficientnet": lambda outputs, channels, side: network("efficientnet", outputs),
}


def shaken(model: nn.Module) -> nn.Module:
    """Statistics, gains and shifts as training leaves them: none of them trivial, some gains negative."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias, std=0.5)
            nn.init.normal_(module.running_mean, std=0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.bias, std=0.1)
    return model.eval()


@pytest.fixture
def build() -> Callable[..., nn.Module]:
    """build(name, side=32, draw=3): a built-in model with fixed, shaken weights."""

    def make(name: str, side: int = 32, draw: int = 3) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(draw)
            return shaken(BUILD[name](3, 1, side))

    return make


@pytest.fixture
def images() -> Tensor:
    """[4,1,32,32] in [0.02, 1]: no exact zeros."""
    return 0.02 + 0.98 * torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def targets() -> Tensor:
    return torch.tensor([0, 1, 2, 1])


@pytest.fixture
def context_of() -> Callable[..., Context]:
    """context_of(images, baseline=None, batch_size=8): zero baseline unless given, bounds 0 and 1."""

    def make(images: Tensor, baseline: Tensor | None = None, batch_size: int = 8) -> Context:
        shape = images.shape[1:]
        return Context(
            baseline=torch.zeros(shape) if baseline is None else baseline,
            background=torch.rand(8, *shape, generator=torch.Generator().manual_seed(6)),
            low=torch.zeros(shape[0], 1, 1),
            high=torch.ones(shape[0], 1, 1),
            seeds=torch.arange(len(images)) + 11,
            batch_size=batch_size,
        )

    return make
