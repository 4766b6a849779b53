"""A training that was interrupted goes on from its checkpoint and ends with the weights of one that was not."""

import json

import pytest
import torch
from torch import nn

from tests.test_training import EVERYTHING, examples, recipe, same
from xraybench.recipe.checkpoint import Checkpoints
from xraybench.training import Examples, train, train_stage


class KilledError(Exception):
    """The process ends here."""


class Mortal(Checkpoints):
    """Dies right after its n-th checkpoint."""

    def __init__(self, folder, lives):
        super().__init__(folder, every=0)
        self.lives = lives

    def write(self, state):
        super().write(state)
        self.lives -= 1
        if self.lives == 0:
            raise KilledError


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(144, 1)
        )
    model.layers = ("0", "5")
    return model.to(memory_format=torch.channels_last)


def run(stage, checkpoints=None, how=train_stage, device="cpu"):
    model, generator = network().to(device), torch.Generator().manual_seed(3)
    data = [Examples(one.images.to(device), one.labels.to(device)) for one in (examples(70), examples(30, 1))]
    done = how(model, stage, *data, generator, lambda *_: None, checkpoints)
    return model, done


RECIPES = {
    "adam, everything random": EVERYTHING | {"salt_and_pepper": 0.1, "keep": "best-auc"},
    "momentum, steps": {"optimizer": "sgd", "momentum": 0.9, "schedule": "steps", "decay_at": [0.5], "decay_to": [0.1]},
    "plateau, early stopping": {"schedule": "plateau", "plateau_patience": 1, "early_stopping": 2, "epochs": 4},
    "one cycle, micro-batches": {"optimizer": "adamw", "schedule": "one-cycle", "micro_batch": 7},
    "frozen, iterations": {"frozen_epochs": 1, "epochs": None, "iterations": 7},
}


@pytest.mark.parametrize("fields", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("lives", [1, 3, 4, 6])  # of four steps an epoch: in the middle, before its end, at its end
def test_interrupted_anywhere_it_ends_the_same(tmp_path, fields, lives):
    stage = recipe(**fields)
    whole, history = run(stage)
    with pytest.raises(KilledError):
        run(stage, Mortal(tmp_path, lives))
    torch.manual_seed(99)  # another process
    resumed, again = run(stage, Checkpoints(tmp_path))
    assert same(whole, resumed)
    assert all(map(torch.equal, whole.buffers(), resumed.buffers()))
    assert again == history


def test_it_may_be_interrupted_at_every_step(tmp_path):
    whole, history = run(recipe())
    for _ in range(20):
        try:
            resumed, again = run(recipe(), Mortal(tmp_path, 1))
            break
        except KilledError:
            pass
    assert same(whole, resumed)
    assert again == history


def test_steps_that_are_done_are_not_done_again(tmp_path):
    with pytest.raises(KilledError):
        run(recipe(), Mortal(tmp_path, 6))
    model, steps = network(), []
    model.register_forward_pre_hook(lambda module, inputs: steps.append(1) if module.training else None)
    generator = torch.Generator().manual_seed(3)
    train_stage(model, recipe(), examples(70), examples(30, 1), generator, lambda *_: None, Checkpoints(tmp_path))
    assert len(steps) == 2, "of eight"


def test_a_search_goes_on_with_the_next_recipe(tmp_path):
    stage = recipe(search={"learning_rate": [1e-4, 1e-2, 1e-1], "flip": [True, False]}, search_draws=4)
    whole, best = run(stage, how=train)
    with pytest.raises(KilledError):
        run(stage, Mortal(tmp_path, 2), how=train)
    assert json.loads((tmp_path / "checkpoint.json").read_text())["state"]["dict"][0] == ["draws", 2]
    resumed, again = run(stage, Checkpoints(tmp_path), how=train)
    assert same(whole, resumed)
    assert again == best
