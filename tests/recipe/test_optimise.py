"""Learning rates over time and by layer, and what a stage refuses."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from xraybench import registry
from xraybench.errors import UsageError
from xraybench.recipe.optimise import head, optimizer_of, output_layer, schedule_of
from xraybench.tasks import Stage

PLAIN = {"epochs": 32, "batch_size": 1, "learning_rate": 0.1}


class Net(nn.Module):
    layers = ("features.0", "classifier.2")

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(2, 2))
        self.classifier = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))


def rates(stage, steps, values=()):
    optimizer = optimizer_of(Net(), stage)
    schedule, found = schedule_of(optimizer, stage, steps), []
    for step in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step(*([values[step]] if values else []))
    return found


def test_steps_divide_the_initial_rate_at_shares_of_the_training():
    stage = Stage(**PLAIN, schedule="steps", decay_at=[0.25, 0.5, 0.75], decay_to=[0.1, 0.02, 0.01])
    expected = [0.1] * 8 + [0.01] * 8 + [0.002] * 8 + [0.001] * 8
    assert rates(stage, 32) == pytest.approx(expected)


def test_a_plateau_decays_after_its_patience_down_to_its_floor():
    stage = Stage(**PLAIN, schedule="plateau", plateau_factor=0.1, plateau_patience=3, plateau_floor=2e-3)
    losses = [5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3]  # the third epoch without a better one decays
    expected = [0.1] * 5 + [0.01] * 4 + [0.002] * 3
    assert rates(stage, 12, losses) == pytest.approx(expected)


def test_rates_by_layer():
    model = Net()
    stage = Stage(**PLAIN, rates={"features": 0.5, "head": 2.0, "output": 10.0})
    optimizer = optimizer_of(model, stage)
    found = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    assert found[id(model.features[0].weight)] == pytest.approx(0.05)
    assert found[id(model.classifier[0].weight)] == pytest.approx(0.2)
    assert found[id(model.classifier[2].bias)] == pytest.approx(1.0)
    assert len(found) == 6
    with pytest.raises(UsageError, match="clasifier"):
        optimizer_of(model, Stage(**PLAIN, rates={"clasifier": 2.0}))
    with pytest.raises(UsageError, match="classifie"):
        optimizer_of(model, Stage(**PLAIN, rates={"classifie": 2.0}))


def test_one_cycle_keeps_the_layers_apart():
    stage = Stage(**PLAIN, rates={"output": 10.0}, schedule="one-cycle")
    optimizer = optimizer_of(Net(), stage)
    schedule, most = schedule_of(optimizer, stage, 20), [0.0, 0.0]
    for _ in range(20):
        most = [max(a, group["lr"]) for a, group in zip(most, optimizer.param_groups, strict=True)]
        optimizer.step()
        schedule.step()
    assert sorted(most) == pytest.approx([0.1, 1.0])


@pytest.mark.parametrize("name", registry.MODELS)
def test_every_architecture_has_a_head_that_holds_its_output_layer(name):
    side = {"cxr-cnn5": 91, "alexnet": 63}.get(name, 32)
    with torch.device("meta"):
        model = registry.load(registry.find("models", name))(3, 1, side)
    assert model.get_submodule(output_layer(model)).weight.shape[0] == 3
    assert next(model.get_submodule(head(model)).parameters()).requires_grad


def test_betas_momentum_and_decay_reach_the_optimiser():
    adam = optimizer_of(Net(), Stage(**PLAIN, optimizer="adam", betas=(0.8, 0.99), weight_decay=0.1))
    assert adam.defaults["betas"] == (0.8, 0.99)
    assert adam.defaults["weight_decay"] == 0.1
    assert optimizer_of(Net(), Stage(**PLAIN, optimizer="sgd", momentum=0.5)).defaults["momentum"] == 0.5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"iterations": 5}, "either epochs or iterations"),
        ({"epochs": None}, "either epochs or iterations"),
        ({"micro_batch": 2}, "larger than batch_size"),
        ({"schedule": "steps"}, "decay_at"),
        ({"decay_at": [0.5], "decay_to": [0.1]}, "decay_at"),
        ({"schedule": "steps", "decay_at": [0.5], "decay_to": []}, "decay_to"),
        ({"search": {"learning_rate": [1]}}, "go together"),
        ({"search": {"learning_rat": [1]}, "search_draws": 2}, "learning_rat"),
    ],
)
def test_what_does_not_fit_together_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        Stage(**PLAIN | fields)
