"""The fourteen labels are no toy: linear readers and mean masks fail where a place does not give a label away."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import nn

from xraybench.data.phantom.chexpert_cases import LABELS
from xraybench.data.sources.phantom_chexpert import PhantomChexpert, open_source
from xraybench.models.small_cnn import SmallCnn

pytestmark = pytest.mark.slow
SIZE = 64
SCATTERED = ("Lung Lesion", "Consolidation", "Pneumonia", "Atelectasis", "Pleural Other", "Fracture")  # anywhere
TRAIN, TEST = 2400, 500
FEW = 1200  # images that the linear readers learn from


@pytest.fixture(scope="module")
def drawn() -> tuple[PhantomChexpert, pd.DataFrame, np.ndarray]:
    """The source, its table and its images [N,64,64]."""
    source = open_source(None, {"size": SIZE, "train": TRAIN, "validation": 0, "test": TEST})
    table = source.index()
    return source, table, np.stack([source.image(row) for row in table.to_dict("records")])


def auc(table: pd.DataFrame, label: str, scores: np.ndarray) -> float:
    """ROC AUC of the test images' scores [TEST] for what is there."""
    return float(roc_auc_score(table[label][TRAIN:], scores))


@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_logistic_regression_on_pixels_fails(drawn):
    _, table, images = drawn
    pixels = images.reshape(len(images), -1)
    pixels = (pixels - pixels[:TRAIN].mean(0)) / (pixels[:TRAIN].std(0) + 1e-3)
    found = {}
    for label in LABELS:
        model = LogisticRegression(C=1e-2, max_iter=60).fit(pixels[:FEW], table[label][:FEW])
        found[label] = auc(table, label, model.decision_function(pixels[TRAIN:]))
    assert np.mean(list(found.values())) < 0.75, found
    assert max(found[label] for label in SCATTERED) < 0.75, found


@pytest.mark.parametrize("label", SCATTERED)
def test_the_mean_mask_misses_what_may_be_anywhere(drawn, label):
    source, table, _ = drawn
    rows = table[(table.split == "test") & (table[label] == 1)].to_dict("records")
    masks = np.stack([source.regions(row)[f"finding:{label}"] for row in rows]).reshape(len(rows), -1)
    half = len(rows) // 2
    assert masks[half:, masks[:half].mean(0).argmax()].mean() < 0.5


def train_network(images: torch.Tensor, labels: torch.Tensor, epochs: int) -> nn.Module:
    model, batches = SmallCnn(len(LABELS), 1), -(-len(images) // 64)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=epochs * batches, pct_start=0.1)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            loss = nn.functional.binary_cross_entropy_with_logits(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def test_a_small_network_learns_from_what_reports_say(drawn):
    torch.manual_seed(0)
    _, table, images = drawn
    inputs = torch.tensor((images - images[:TRAIN].mean()) / images[:TRAIN].std())[:, None]
    said = torch.tensor(table[list(LABELS)].to_numpy(np.float32))
    model = train_network(inputs[:TRAIN], said[:TRAIN], epochs=8)
    with torch.inference_mode():
        scores = torch.cat([model(part) for part in inputs[TRAIN:].split(100)]).numpy()
    found = {label: auc(table, label, scores[:, k]) for k, label in enumerate(LABELS)}
    assert np.mean(list(found.values())) >= 0.77, found
    assert min(found[label] for label in ("Edema", "Consolidation", "Pneumothorax")) >= 0.85, found
