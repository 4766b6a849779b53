"""Losses against their definitions, written out."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from xraybench.errors import UsageError
from xraybench.recipe.loss import Loss, loss_of
from xraybench.tasks import Stage

LOGITS = torch.tensor([[0.3, -1.0], [-2.0, 0.4], [1.0, 2.0]])
LABELS = torch.tensor([[1.0, 0.0], [torch.nan, 1.0], [0.0, torch.nan]])


def stage(**fields):
    return Stage(epochs=1, batch_size=1, learning_rate=1, **fields)


def bce(target, logit):
    p = 1 / (1 + np.exp(-logit))
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, [[0.5, 2.0], [3.0, 4.0]]])
def test_labels(smoothing, weights):
    loss = Loss(None if weights is None else torch.tensor(weights), smoothing)
    terms = []
    for i in range(3):
        for k in range(2):
            y, z = float(LABELS[i, k]), float(LOGITS[i, k])
            if not np.isnan(y):
                weight = 1.0 if weights is None else weights[int(y)][k]
                terms.append(weight * bce(y * (1 - smoothing) + smoothing / 2, z))
    assert float(loss(LOGITS, LABELS)) == pytest.approx(np.mean(terms), rel=1e-6)
    assert int(loss.mass(LABELS)) == len(terms) == 4


def test_a_batch_without_a_known_label_costs_nothing_and_gives_finite_gradients():
    logits = LOGITS.clone().requires_grad_()
    value = Loss()(logits, torch.full((3, 2), torch.nan))
    value.backward()
    assert value.item() == 0
    assert torch.equal(logits.grad, torch.zeros(3, 2))


def test_classes():
    labels, weights, smoothing = torch.tensor([0, 1, 1]), torch.tensor([1.0, 3.0]), 0.1
    log_p = LOGITS.double().log_softmax(1).numpy()
    targets = np.eye(2)[labels] * (1 - smoothing) + smoothing / 2
    each = -(targets * weights.numpy() * log_p).sum(1)
    loss = Loss(weights, smoothing)
    assert float(loss(LOGITS, labels)) == pytest.approx(each.sum() / 7, rel=1e-6)
    assert float(loss.mass(labels)) == 7
    assert float(Loss()(LOGITS, labels)) == pytest.approx(-np.mean([log_p[0, 0], log_p[1, 1], log_p[2, 1]]), rel=1e-6)


def test_balanced_weights_are_scikit_learns():
    classes = torch.tensor([0, 0, 0, 1, 2, 2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=classes.numpy())
    np.testing.assert_allclose(loss_of(stage(class_weights="balanced"), classes).weights, expected, rtol=1e-6)
    labels = torch.tensor([[1.0], [0.0], [0.0], [0.0], [torch.nan]])
    expected = compute_class_weight("balanced", classes=np.arange(2), y=[1, 0, 0, 0])
    np.testing.assert_allclose(loss_of(stage(class_weights="balanced"), labels).weights[:, 0], expected, rtol=1e-6)


def test_given_weights_are_put_in_their_places():
    one = loss_of(stage(class_weights=[0.5, 2.0]), torch.tensor([[1.0], [0.0]]))
    assert one.weights.tolist() == [[0.5], [2.0]]
    several = loss_of(stage(class_weights=[5.0, 2.0]), torch.zeros(4, 2))
    assert several.weights.tolist() == [[1.0, 1.0], [5.0, 2.0]]
    with pytest.raises(UsageError, match="3 numbers for 2"):
        loss_of(stage(class_weights=[1.0, 2.0, 3.0]), torch.tensor([[1.0], [0.0]]))
