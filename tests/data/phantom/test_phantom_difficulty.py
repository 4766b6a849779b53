"""The wrist phantom is no toy: shallow readers and the mean mask fail, a small network learns, hard grades are hard."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import nn

from xraybench.data.sources import phantom_mura
from xraybench.data.sources.phantom_mura import PhantomMura
from xraybench.data.sources.phantom_wrist import PhantomWrist, open_source

SIZE = 64


def load(train: int, test: int) -> tuple[PhantomWrist, pd.DataFrame, np.ndarray]:
    """The source, its table and its images [N,64,64]."""
    source = open_source(None, {"size": SIZE, "train": train, "validation": 0, "test": test})
    table = source.index()
    return source, table, np.stack([source.image(row) for row in table.to_dict("records")])


def auc(table: pd.DataFrame, scores: np.ndarray, grade: str | None = None) -> float:
    """ROC AUC of test scores, of all or of one grade against the normal wrists."""
    test = table[table.split == "test"]
    used = np.ones(len(test), bool) if grade is None else test.grade.isin(["none", grade]).to_numpy()
    return float(roc_auc_score(test.fracture[used], scores[used]))


@pytest.fixture(scope="module")
def few():
    return load(1500, 500)


@pytest.mark.filterwarnings("ignore:lbfgs failed")
@pytest.mark.parametrize("crop", [0, SIZE // 4])
def test_logistic_regression_on_pixels_fails(few, crop):
    _, table, images = few
    pixels = images[:, crop : SIZE - crop, crop : SIZE - crop].reshape(len(images), -1)
    train = (table.split == "train").to_numpy()
    pixels = (pixels - pixels[train].mean(0)) / (pixels[train].std(0) + 1e-3)
    for strength in (1e-4, 1e-2):
        model = LogisticRegression(C=strength, max_iter=100).fit(pixels[train], table.fracture[train])
        assert auc(table, model.decision_function(pixels[~train])) < 0.75


def test_the_mean_mask_misses_most_findings(few):
    source, table, _ = few
    broken = table[table.fracture == 1]
    boxes = np.stack([source.regions(row)["box"] for row in broken.to_dict("records")]).reshape(len(broken), -1)
    train = (broken.split == "train").to_numpy()
    peak = boxes[train].mean(0).argmax()
    assert boxes[~train, peak].mean() < 0.5


def network(width: int = 16) -> nn.Sequential:
    """Six 3x3 convolutions, strides 2 1 2 1 2 1, global average pooling: 72,000 weights."""
    layers: list[nn.Module] = []
    inputs = 1
    for outputs, stride in zip((1, 1, 2, 2, 4, 4), (2, 1, 2, 1, 2, 1), strict=True):
        layers += [nn.Conv2d(inputs, outputs * width, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs * width)]
        layers.append(nn.ReLU())
        inputs = outputs * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1))


def train_network(images: torch.Tensor, labels: torch.Tensor, epochs: int) -> nn.Module:
    model, batches = network(), -(-len(images) // 64)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=epochs * batches, pct_start=0.1)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            loss = nn.functional.binary_cross_entropy_with_logits(model(images[batch])[:, 0], labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


@pytest.mark.slow
def test_a_small_network_learns_and_hard_grades_are_hard():
    torch.manual_seed(0)
    _, table, images = load(4000, 800)
    train = (table.split == "train").to_numpy()
    inputs = torch.tensor((images - images[train].mean()) / images[train].std())[:, None]
    labels = torch.tensor(table.fracture.to_numpy(), dtype=torch.float32)
    model = train_network(inputs[:4000], labels[:4000], epochs=14)
    with torch.inference_mode():
        scores = torch.cat([model(part)[:, 0] for part in inputs[4000:].split(200)]).numpy()
    assert auc(table, scores) >= 0.85
    assert auc(table, scores, "displaced") >= 0.95
    assert auc(table, scores, "hairline") > 0.6
    assert auc(table, scores, "hairline") < auc(table, scores, "displaced")


def load_mura(train: int, test: int) -> tuple[PhantomMura, pd.DataFrame, np.ndarray]:
    """The mura source, its table and its images [N,64,64]."""
    source = phantom_mura.open_source(None, {"size": SIZE, "train": train, "validation": 0, "test": test})
    table = source.index()
    table["fracture"] = table["abnormal"]  # as `auc` calls the label
    return source, table, np.stack([source.image(row) for row in table.to_dict("records")])


@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_logistic_regression_and_the_mean_mask_fail_on_mura():
    source, table, images = load_mura(800, 400)
    train = (table.split == "train").to_numpy()
    pixels = images.reshape(len(images), -1)
    pixels = (pixels - pixels[train].mean(0)) / (pixels[train].std(0) + 1e-3)
    for strength in (1e-4, 1e-2):
        model = LogisticRegression(C=strength, max_iter=100).fit(pixels[train], table.abnormal[train])
        assert auc(table, model.decision_function(pixels[~train])) < 0.75
    found = table[table.abnormal == 1].groupby("split").head(150)
    boxes = np.stack([source.regions(row)["box"] for row in found.to_dict("records")]).reshape(len(found), -1)
    mine = (found.split == "train").to_numpy()
    assert boxes[~mine, boxes[mine].mean(0).argmax()].mean() < 0.5


@pytest.mark.slow
def test_the_tasks_network_learns_mura_and_hairlines_are_hard():
    torch.manual_seed(0)
    _, table, images = load_mura(6000, 1200)
    train = (table.split == "train").to_numpy()
    inputs = torch.tensor((images - images[train].mean()) / images[train].std())[:, None]
    labels = torch.tensor(table.abnormal.to_numpy(), dtype=torch.float32)
    model = train_network(inputs[:6000], labels[:6000], epochs=14)
    with torch.inference_mode():
        scores = torch.cat([model(part)[:, 0] for part in inputs[6000:].split(200)]).numpy()
    assert auc(table, scores) >= 0.8
    for grade in ("plate", "nail", "prosthesis", "wires"):
        assert auc(table, scores, grade) > 0.9
    assert 0.5 < auc(table, scores, "hairline") < auc(table, scores, "displaced")
