"""The training loop: it learns, it repeats itself, and what a recipe asks of the loop happens."""

import pytest
import torch
from torch import nn

from xraybench.errors import TaskFileError, UsageError
from xraybench.recipe.loss import Loss
from xraybench.tasks import Stage
from xraybench.training import Examples, predict, train, train_stage


def examples(n, seed=0, binary=True):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(n, 1, 8, 8, generator=generator)
    bright = images.mean((1, 2, 3)) > 0
    return Examples(images, bright.float()[:, None] if binary else bright.long())


def network(outputs=1, dropout=False):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        middle = nn.Sequential(nn.ReLU(), nn.Dropout(0.5)) if dropout else nn.ReLU()
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), middle, nn.Linear(16, outputs))
    model.layers = ("1", "3")
    return model


def trained(stage, binary=True, model=None, train_set=None, validation=None):
    model = model or network(1 if binary else 2)
    history = train_stage(
        model,
        stage,
        train_set or examples(200, binary=binary),
        validation or examples(60, 1, binary),
        torch.Generator().manual_seed(3),
        lambda *_: None,
    )
    return model, history


def recipe(**fields):
    return Stage(**({"epochs": 2, "batch_size": 20, "learning_rate": 0.01} | fields))


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("binary", [True, False])
def test_it_learns(optimizer, binary):
    rate = 0.1 if optimizer == "sgd" else 0.01
    model, history = trained(recipe(epochs=12, learning_rate=rate, optimizer=optimizer, schedule="one-cycle"), binary)
    assert history[-1]["train_loss"] < 0.6 * history[0]["train_loss"]
    assert history[-1]["train_accuracy"] > 0.9
    assert not model.training


EVERYTHING = {"flip": True, "shift": 0.1, "rotation": 20, "scale": 0.1, "shift_pixels": 2, "noise": 0.1}


@pytest.mark.parametrize("fields", [EVERYTHING | {"salt_and_pepper": 0.1}, {"dropout": 0.3}, {"micro_batch": 7}])
def test_the_same_seed_gives_the_same_weights_whatever_the_global_one(fields):
    torch.manual_seed(1)
    first = trained(recipe(**fields), model=network(dropout=True))[0]
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = trained(recipe(**fields), model=network(dropout=True))[0]
    assert same(first, second)
    assert torch.equal(torch.get_rng_state(), before), "the global generator is left alone"


def test_dropout_is_drawn_at_the_stages_rate_and_put_back():
    model = network(dropout=True)
    seen = []
    model[2][1].register_forward_pre_hook(lambda module, inputs: seen.append(module.p))
    trained(recipe(dropout=0.25, epochs=1), model=model)
    assert set(seen) == {0.25}
    assert model[2][1].p == 0.5
    with pytest.raises(UsageError, match="no dropout layer"):
        trained(recipe(dropout=0.25))


@pytest.mark.parametrize("outside", [False, True])
def test_convolutions_may_round_while_it_learns_alone(monkeypatch, outside):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", outside)
    model, seen = network(), []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(torch.backends.cudnn.allow_tf32))
    trained(recipe(epochs=1), model=model)
    assert set(seen) == {True}
    assert torch.backends.cudnn.allow_tf32 is outside


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("weights", [None, [0.5, 3.0]])
def test_micro_batches_add_up_to_the_batch(binary, weights):
    fields = {"optimizer": "sgd", "learning_rate": 0.1, "class_weights": weights, "epochs": 1}
    whole, parts = (trained(recipe(micro_batch=size, **fields), binary)[0] for size in (None, 7))
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)
    assert not same(whole, trained(recipe(batch_size=7, **fields), binary)[0])


def test_iterations_are_optimiser_steps():
    steps = []
    model = network()
    model.register_forward_pre_hook(lambda module, inputs: steps.append(len(inputs[0])) if module.training else None)
    _, history = trained(recipe(epochs=None, iterations=25), model=model)
    assert len(steps) == 25
    assert [entry["epoch"] for entry in history] == [1, 2, 3]  # ten steps an epoch
    by_epochs, by_steps = trained(recipe(epochs=2))[0], trained(recipe(epochs=None, iterations=20))[0]
    assert same(by_epochs, by_steps)


def test_frozen_epochs_train_the_head_alone():
    model, start = network(), network()
    trained(recipe(epochs=2, frozen_epochs=2), model=model)
    assert torch.equal(model[1].weight, start[1].weight)
    assert not torch.equal(model[3].weight, start[3].weight)
    assert all(parameter.requires_grad for parameter in model.parameters())
    trained(recipe(epochs=3, frozen_epochs=2), model=model)
    assert not torch.equal(model[1].weight, start[1].weight)


def test_frozen_features_keep_their_batch_statistics():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 1))
    model.layers = ("2",)
    trained(recipe(frozen_epochs=2), model=model)
    assert torch.equal(model[1].running_mean, torch.zeros(64))


def test_training_stops_early_and_not_while_frozen():
    noise = Examples(torch.randn(60, 1, 8, 8), torch.randint(0, 2, (60, 1)).float())
    _, history = trained(recipe(epochs=60, learning_rate=0.05, early_stopping=3), validation=noise)
    losses = [entry["validation_loss"] for entry in history]
    assert len(losses) < 60
    assert len(losses) - 1 - losses.index(min(losses)) == 3
    _, history = trained(recipe(epochs=12, frozen_epochs=10, learning_rate=1e-9, early_stopping=1), validation=noise)
    assert len(history) >= 11


@pytest.mark.parametrize(
    ("keep", "merit"),
    [
        ("best-loss", lambda entry: entry["validation_loss"]),
        ("best-auc", lambda entry: -entry["validation_auc"]),
        ("smallest-gap", lambda entry: abs(entry["train_accuracy"] - entry["validation_accuracy"])),
    ],
)
def test_the_kept_epoch_is_the_one_the_rule_names(keep, merit):
    generator = torch.Generator().manual_seed(8)
    validation = Examples(
        *(part[:60] for part in (examples(60, 1).images, (torch.rand(60, 1, generator=generator) > 0.5).float()))
    )
    model, history = trained(recipe(epochs=12, learning_rate=0.1, keep=keep), validation=validation)
    best = min(reversed(history), key=merit)
    assert best["epoch"] < 12, "else this says nothing"
    found = float(Loss()(predict(model, validation.images), validation.labels))
    assert found == pytest.approx(best["validation_loss"], rel=1e-5)


def test_unknown_labels_have_no_part():
    full = examples(200)
    labels = torch.cat([full.labels, 1 - full.labels], dim=1)
    labels[::3, 1] = torch.nan
    other = labels.clone()
    model, history = trained(
        recipe(epochs=10),
        model=network(2),
        train_set=Examples(full.images, other),
        validation=Examples(full.images, labels),
    )
    assert history[-1]["validation_auc"] > 0.95
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_a_search_keeps_the_recipe_with_the_least_validation_loss():
    stage = recipe(epochs=3, search={"learning_rate": [1e-9, 1e-2], "weight_decay": [0.0, 0.1]}, search_draws=4)
    validation, generator = examples(60, 1), torch.Generator().manual_seed(3)
    model = network()
    best = train(model, stage, examples(200), validation, generator, lambda *_: None)
    losses = {}
    for rate in (1e-9, 1e-2):
        for decay in (0.0, 0.1):
            alone, _ = trained(recipe(epochs=3, learning_rate=rate, weight_decay=decay))
            losses[rate, decay] = float(Loss()(predict(alone, validation.images), validation.labels))
    found = float(Loss()(predict(model, validation.images), validation.labels))
    assert found == min(losses.values())
    assert losses[best.drawn["learning_rate"], best.drawn["weight_decay"]] == found
    with pytest.raises(TaskFileError, match="search draws"):
        train(
            model, recipe(search={"epochs": [0]}, search_draws=1), examples(20), validation, generator, lambda *_: None
        )


@pytest.mark.parametrize(("bf16", "dtype"), [(True, torch.float32), ("everywhere", torch.bfloat16)])
def test_bf16_holds_on_a_cpu_only_where_it_says_everywhere(bf16, dtype):
    model, seen = network(), set()
    model[1].register_forward_hook(lambda module, inputs, output: seen.add(output.dtype) if module.training else None)
    fields = {"epochs": 12, "schedule": "one-cycle"}
    _, history = trained(recipe(bf16=bf16, **fields), model=model)
    assert seen == {dtype}
    assert history[-1]["train_accuracy"] > 0.9
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert same(model, trained(recipe(**fields))[0]) == (dtype == torch.float32)
    assert same(model, trained(recipe(bf16=bf16, **fields))[0])


@pytest.mark.gpu
def test_bf16_trains_on_a_gpu():
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1))
    model = model.cuda().to(memory_format=torch.channels_last)
    data = examples(200)
    on_gpu = Examples(data.images.cuda(), data.labels.cuda())
    dtypes = []
    model[1].register_forward_hook(lambda module, inputs, output: dtypes.append(output.dtype) if module.training else 0)
    generator = torch.Generator().manual_seed(0)
    history = train_stage(model, recipe(epochs=20, bf16=True), on_gpu, on_gpu, generator, lambda *_: None)
    assert set(dtypes) == {torch.bfloat16}
    assert history[-1]["train_loss"] < history[0]["train_loss"]
