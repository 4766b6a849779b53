"""The pretended device refuses what a GPU refuses, and computes what the CPU computes."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from tests.elsewhere import ELSEWHERE, There, elsewhere


@pytest.fixture
def there():
    with elsewhere():
        yield torch.arange(6.0).view(2, 3).to(ELSEWHERE)


def test_tensors_go_there_and_back(there):
    assert isinstance(there, There)
    assert there.device == ELSEWHERE
    assert there.cpu().device.type == "cpu"
    assert torch.equal((2 * there).cpu(), 2 * torch.arange(6.0).view(2, 3))


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.zeros(3, device=ELSEWHERE),
        lambda: torch.tensor([1, 2], device=ELSEWHERE),
        lambda: torch.arange(4, device=ELSEWHERE),
        lambda: torch.rand(2, device=ELSEWHERE),
    ],
)
def test_tensors_are_made_there(there, make):
    assert isinstance(make(), There)


@pytest.mark.parametrize(
    "refused",
    [
        lambda there: there + torch.ones(3),
        lambda there: torch.where(there > 1, torch.ones(2, 3), there),
        lambda there: torch.cat([there, torch.ones(2, 3)]),
        lambda there: torch.ones(4)[there.long()],
        lambda there: torch.rand(3, device=there.device, generator=torch.Generator()),
        lambda there: nn.Linear(3, 2)(there),
    ],
)
def test_two_devices_are_refused(there, refused):
    with pytest.raises(RuntimeError, match=r"tensors of two devices|a generator of the CPU"):
        refused(there)


def test_numpy_is_refused(there):
    with pytest.raises(TypeError, match="numpy reads the CPU's memory"):
        there.numpy()
    with pytest.raises(TypeError, match="numpy reads the CPU's memory"):
        np.asarray(there)


def test_what_a_gpu_takes_is_taken(there):
    assert torch.equal((there + torch.tensor(1.0)).cpu(), torch.arange(6.0).view(2, 3) + 1)
    assert torch.equal(there[torch.tensor([1])].cpu(), torch.tensor([[3.0, 4.0, 5.0]]))
    assert torch.equal(there[[1]].cpu(), torch.tensor([[3.0, 4.0, 5.0]]))
    there[:, 0] = 7.0
    assert torch.equal(there.cpu()[:, 0], torch.tensor([7.0, 7.0]))
    assert float(there.sum()) == 26
    assert torch.zeros(2, 3).copy_(there).device.type == "cpu"


def test_a_network_moves_learns_and_is_copied(there):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1)).eval()
    inputs = torch.arange(6.0).view(2, 3).requires_grad_()
    (expected,) = torch.autograd.grad(network(inputs).sum(), inputs)
    moved = copy.deepcopy(copy.deepcopy(network).to(ELSEWHERE))
    assert all(isinstance(parameter, There) for parameter in moved.parameters())
    leaves = there.detach().requires_grad_()
    (found,) = torch.autograd.grad(moved(leaves).sum(), leaves)
    torch.testing.assert_close(found.cpu(), expected)
