"""The training loop: it learns, it repeats itself, and each recipe field does what it says."""

import pytest
import torch
from torch import nn

from xraybench.tasks import Stage
from xraybench.training import Examples, _augment, loss_of, predict, train_stage


def examples(n, seed=0, binary=True):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(n, 1, 8, 8, generator=generator)
    bright = images.mean((1, 2, 3)) > 0
    return Examples(images, bright.float()[:, None] if binary else bright.long())


def network(outputs=1):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, outputs))


def train(stage, binary=True):
    model = network(1 if binary else 2)
    history = train_stage(
        model,
        stage,
        examples(200, binary=binary),
        examples(60, 1, binary),
        torch.Generator().manual_seed(3),
        lambda *_: None,
    )
    return model, history


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("binary", [True, False])
def test_it_learns(optimizer, binary):
    rate = 0.1 if optimizer == "sgd" else 0.01
    stage = Stage(epochs=12, batch_size=20, learning_rate=rate, optimizer=optimizer, schedule="one-cycle")
    model, history = train(stage, binary)
    assert history[-1]["train_loss"] < 0.6 * history[0]["train_loss"]
    assert not model.training


def test_the_same_seed_gives_the_same_weights():
    stage = Stage(epochs=2, batch_size=20, learning_rate=0.01, flip=True, shift=0.1, noise=0.1)
    first, second = train(stage)[0], train(stage)[0]
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_best_loss_keeps_the_best_epochs_weights():
    stage = Stage(epochs=15, batch_size=20, learning_rate=0.2, optimizer="sgd", keep="best-loss")
    model, history = train(stage)
    validation = examples(60, 1)
    best = min(entry["validation_loss"] for entry in history)
    assert float(loss_of(predict(model, validation.images), validation.labels)) == pytest.approx(best, rel=1e-5)


def test_losses_equal_their_definitions():
    logits, labels = torch.tensor([[0.3], [-2.0]]), torch.tensor([[1.0], [0.0]])
    probability = 1 / (1 + torch.exp(-logits))
    expected = -(labels * probability.log() + (1 - labels) * (1 - probability).log()).mean()
    assert float(loss_of(logits, labels)) == pytest.approx(float(expected), rel=1e-6)
    logits, labels = torch.tensor([[0.3, 1.0, -1.0]]), torch.tensor([1])
    assert float(loss_of(logits, labels)) == pytest.approx(float(-logits.softmax(1)[0, 1].log()), rel=1e-6)


def test_augmentation_flips_shifts_and_adds_noise():
    images = torch.zeros(400, 1, 16, 16)
    images[:, :, 8, 2] = 1
    generator = torch.Generator().manual_seed(0)
    stage = Stage(epochs=1, batch_size=1, learning_rate=1, flip=True)
    flipped = _augment(images, stage, generator)[:, 0, 8, 13] == 1
    assert 0.4 < flipped.float().mean() < 0.6
    moved = _augment(images, Stage(epochs=1, batch_size=1, learning_rate=1, shift=0.25), generator)
    rows = moved[:, 0].sum(2).argmax(1)[moved[:, 0].amax((1, 2)) > 0.2]
    assert rows.min() <= 5
    assert rows.max() >= 11
    assert rows.min() >= 4 - 1
    noisy = _augment(images * 0, Stage(epochs=1, batch_size=1, learning_rate=1, noise=0.5), generator)
    assert float(noisy.std()) == pytest.approx(0.5, rel=0.02)
