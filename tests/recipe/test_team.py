"""Two processes that train one model give the weights of one that trains it alone."""

import os
from functools import partial

import pytest
import torch
from torch import multiprocessing, nn

from tests.test_training import examples, network, recipe
from xraybench.recipe.checkpoint import Checkpoints
from xraybench.recipe.team import Team
from xraybench.recipe.watching import Tally
from xraybench.training import train

RECIPES = {
    "a last batch of one image": recipe(optimizer="sgd", learning_rate=0.1, momentum=0.9),
    "micro-batches, class weights": recipe(micro_batch=3, class_weights=[0.5, 3.0], frozen_epochs=1, keep="best-loss"),
    "a search": recipe(epochs=1, search={"learning_rate": [1e-9, 1e-2]}, search_draws=2),
    "compiled": recipe(micro_batch=8, frozen_epochs=1, compile=True),
}


def trained(stage, folder):
    model = network()
    generator, checkpoints = torch.Generator().manual_seed(3), Checkpoints(folder, every=0)
    done = train(model, stage, examples(41), examples(30, 1), generator, lambda *_: None, checkpoints)
    return model.state_dict(), done.history


def member(rank, folder):
    """One of two processes; each writes what it ends with."""
    torch.set_num_threads(1)
    torch.compile = partial(torch.compile, backend="aot_eager")  # takes no C++ compiler
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    ends = {name: trained(stage, folder / name) for name, stage in RECIPES.items()}
    norm = nn.BatchNorm1d(3)
    norm.running_mean += rank
    tally = Tally(images=rank + 1)
    Team.here().settle(norm, tally)
    torch.save((ends, norm.running_mean, tally.images), folder / f"{rank}.pt")
    Team.here().wait()
    torch.distributed.destroy_process_group()
    os._exit(0)  # gloo's threads may abort a process that ends in Python's own way, long after all is written


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("team")
    multiprocessing.spawn(member, (folder,), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("name", RECIPES)
def test_two_train_as_one(pair, tmp_path, name):
    weights, history = trained(RECIPES[name].model_copy(update={"compile": False}), tmp_path)
    for (ends, *_), rank in zip(pair, range(2), strict=True):
        theirs, told = ends[name]
        for key, tensor in weights.items():
            torch.testing.assert_close(theirs[key], tensor, atol=1e-6, rtol=1e-5, msg=f"{key} of process {rank}")
        assert [entry["epoch"] for entry in told] == [entry["epoch"] for entry in history]
        for ours, others in zip(history, told, strict=True):
            assert others == pytest.approx(ours, rel=1e-5)
    assert pair[0][0][name][1] == pair[1][0][name][1], "both decide on the same numbers"


def test_batch_statistics_are_the_leaders_and_sums_are_everybodys(pair):
    for _, mean, images in pair:
        assert torch.equal(mean, torch.zeros(3))
        assert images == 1 + 2


def test_a_team_of_one_waits_for_nobody():
    alone, model = Team.here(), network()
    assert alone == Team(0, 1)
    assert alone.leads
    assert alone.joined(model) is model
    alone.wait()


def test_every_image_is_one_members():
    images, labels = torch.arange(5.0)[:, None], torch.arange(5)
    parts = [Team(rank, 3).part((images, labels)) for rank in range(3)]
    assert torch.cat([part[1] for part, counts in parts if counts]).tolist() == labels.tolist()
    parts = [Team(rank, 8).part((images, labels)) for rank in range(8)]
    assert torch.cat([part[1] for part, counts in parts if counts]).tolist() == labels.tolist()
    assert [len(part[1]) for part, counts in parts if not counts] == [1, 1, 1]
