"""Classification scores against scikit-learn, resamples included."""

import numpy as np
import pytest
from sklearn import metrics as sk

from xraybench import classification as own


@pytest.fixture
def case():
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 2, 80).astype(float)
    probability = np.round(np.clip(labels * 0.2 + generator.random(80) * 0.8, 0, 1), 1)  # rounded: with ties
    weights = own.patient_weights(generator.integers(0, 40, 80).astype(str), generator, 20)
    return labels, probability, weights


def test_binary_scores_equal_scikit_learns_on_every_resample(case):
    labels, probability, weights = case
    scores = own.binary_scores(labels, probability, weights)
    predicted = probability >= 0.5
    for row, drawn in enumerate(weights):
        with_weights = {"sample_weight": drawn}
        expected = {
            "roc-auc": sk.roc_auc_score(labels, probability, **with_weights),
            "pr-auc": sk.average_precision_score(labels, probability, **with_weights),
            "accuracy": sk.accuracy_score(labels, predicted, **with_weights),
            "balanced-accuracy": sk.balanced_accuracy_score(labels, predicted, **with_weights),
            "kappa": sk.cohen_kappa_score(labels, predicted, **with_weights),
            "sensitivity": sk.recall_score(labels, predicted, **with_weights),
            "specificity": sk.recall_score(labels, predicted, pos_label=0, **with_weights),
            "precision": sk.precision_score(labels, predicted, **with_weights),
            "f1": sk.f1_score(labels, predicted, **with_weights),
            "mcc": sk.matthews_corrcoef(labels, predicted, **with_weights),
            "brier": sk.brier_score_loss(labels, probability, **with_weights),
        }
        assert set(expected) == set(scores)
        for name, value in expected.items():
            assert scores[name][row] == pytest.approx(value, abs=1e-9), name


def test_multi_class_scores_equal_scikit_learns():
    generator = np.random.default_rng(5)
    labels = generator.integers(0, 4, 200).astype(float)
    logits = generator.normal(size=(200, 4)) + 1.5 * np.eye(4)[labels.astype(int)]
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    scores = own.multi_class_scores(labels, probability, np.ones((1, 200)))
    predicted = probability.argmax(1)
    assert scores["roc-auc"][0] == pytest.approx(sk.roc_auc_score(labels, probability, multi_class="ovr"))
    assert scores["accuracy"][0] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert scores["kappa"][0] == pytest.approx(sk.cohen_kappa_score(labels, predicted))


def test_patients_are_drawn_whole():
    patients = np.repeat([f"p{i}" for i in range(40)], 3)
    weights = own.patient_weights(patients, np.random.default_rng(0), 50)
    assert (weights[0] == 1).all()
    assert (weights.reshape(51, 40, 3) == weights.reshape(51, 40, 3)[:, :, :1]).all()
    assert (weights.sum(1) == 120).all()


def test_no_auc_on_fewer_than_five_positives_and_no_interval_under_thirty_patients():
    labels = np.r_[np.ones(4), np.zeros(16)]
    scores = own.binary_scores(labels, np.linspace(0, 1, 20), np.ones((3, 20)))
    assert "roc-auc" not in scores
    interval = own.intervals(scores, 20, 20)["accuracy"]
    assert interval.mean is not None
    assert interval.low is None
    assert interval.high is None
