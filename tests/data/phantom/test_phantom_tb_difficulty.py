"""The tuberculosis phantom is no toy: shallow readers and the mean mask fail, a small network learns."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import nn

from xraybench.data.sources.phantom_tb import PhantomTb, open_source
from xraybench.models.small_cnn import SmallCnn

SIZE = 64


def load(train: int, test: int) -> tuple[PhantomTb, pd.DataFrame, np.ndarray]:
    """The source, its table and its images [N,64,64]."""
    source = open_source(None, {"size": SIZE, "train": train, "validation": 0, "test": test})
    table = source.index()
    return source, table, np.stack([source.image(row) for row in table.to_dict("records")])


def auc(table: pd.DataFrame, scores: np.ndarray, grade: str | None = None) -> float:
    """ROC AUC of test scores, of all or of one grade against the normal chests."""
    test = table[table.split == "test"]
    used = np.ones(len(test), bool) if grade is None else test.grade.isin(["none", grade]).to_numpy()
    return float(roc_auc_score(test.tb[used], scores[used]))


@pytest.fixture(scope="module")
def few():
    return load(900, 400)


@pytest.mark.filterwarnings("ignore:lbfgs failed")
@pytest.mark.parametrize("crop", [0, SIZE // 8])
def test_logistic_regression_on_pixels_fails(few, crop):
    _, table, images = few
    pixels = images[:, crop : SIZE - crop, crop : SIZE - crop].reshape(len(images), -1)
    train = (table.split == "train").to_numpy()
    pixels = (pixels - pixels[train].mean(0)) / (pixels[train].std(0) + 1e-3)
    for strength in (1e-4, 1e-2):
        model = LogisticRegression(C=strength, max_iter=100).fit(pixels[train], table.tb[train])
        assert auc(table, model.decision_function(pixels[~train])) < 0.75


def test_the_mean_mask_misses_most_findings(few):
    source, table, _ = few
    found = table[table.tb == 1].head(240)
    masks = np.stack([source.regions(row)["finding"] for row in found.to_dict("records")]).reshape(len(found), -1)
    peak = masks[:160].mean(0).argmax()
    assert masks[160:, peak].mean() < 0.5


def train_network(images: torch.Tensor, labels: torch.Tensor, epochs: int) -> nn.Module:
    model, batches = SmallCnn(1, 1), -(-len(images) // 64)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=epochs * batches, pct_start=0.1)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            seen = images[batch].flip(-1) if torch.rand(()) < 0.5 else images[batch]
            loss = nn.functional.binary_cross_entropy_with_logits(model(seen)[:, 0], labels[batch])
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
    labels = torch.tensor(table.tb.to_numpy(), dtype=torch.float32)
    model = train_network(inputs[:4000], labels[:4000], epochs=14)
    with torch.inference_mode():
        scores = torch.cat([model(part)[:, 0] for part in inputs[4000:].split(200)]).numpy()
    by_grade = {grade: auc(table, scores, grade) for grade in ("obvious", "moderate", "subtle")}
    assert auc(table, scores) >= 0.85, by_grade
    assert by_grade["obvious"] >= 0.92
    assert by_grade["obvious"] > by_grade["moderate"] > by_grade["subtle"] > 0.55
